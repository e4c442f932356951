/* Engine.IO as a client of the protocol speaks it, packet by packet. */
import assert from 'node:assert/strict';
import WebSocket from 'ws';

export const SEPARATOR = '\x1e';

const patience = Number(process.env.TEST_PATIENCE ?? 1);

/* The same promise, which fails when it takes too long. */
function soon(what, promise, ms = 10_000) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`waited in vain for ${what}`)), ms * patience)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A WebSocket whose messages are taken one at a time, as text or as bytes. */
export class Wire {
  #messages = [];
  #waiting = [];

  constructor(url, options) {
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (data, isBinary) => this.#came(isBinary ? data : data.toString()));
    this.socket.on('error', () => {});
    this.over = new Promise((done) => {
      this.socket.once('close', (code) => {
        for (const { fail } of this.#waiting) fail(new Error(`closed with ${code}`));
        done(code);
      });
    });
    this.opened = new Promise((done, fail) => {
      this.socket.once('open', () => done(this));
      this.socket.once('unexpected-response', (_, response) => {
        done(response);
        this.socket.terminate();
      });
      this.socket.once('error', fail);
    });
    this.opened.catch(() => {});
  }

  /** Settles when it has ended, with the code. */
  get closed() {
    return soon('the end of a WebSocket', this.over);
  }

  send(...packets) {
    for (const packet of packets) this.socket.send(packet);
  }

  /** The next message; pings of the server are answered on the way and not given. */
  async next() {
    for (;;) {
      const message = await this.nextRaw();
      if (message !== '2') return message;
      this.send('3');
    }
  }

  /** The same, with pings. */
  async nextRaw() {
    if (this.#messages.length) return this.#messages.shift();
    return soon('a message', new Promise((done, fail) => this.#waiting.push({ done, fail })));
  }

  close() {
    this.socket.terminate();
  }

  #came(message) {
    if (this.#waiting.length) this.#waiting.shift().done(message);
    else this.#messages.push(message);
  }
}

/** A session by polling. */
export class Polling {
  #posting = Promise.resolve();

  /** url: of the path, with its query up to sid. */
  constructor(url, opened) {
    this.opened = opened;
    this.url = `${url}&sid=${opened.sid}`;
  }

  static async open(port, path = '/engine.io/') {
    const url = `http://127.0.0.1:${port}${path}?EIO=4&transport=polling`;
    const answer = await fetch(url);
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    assert.equal(text[0], '0');
    return new Polling(url, JSON.parse(text.slice(1)));
  }

  /** A GET: {status, text}. */
  async get(options) {
    const answer = await fetch(this.url, options);
    return { status: answer.status, text: await answer.text() };
  }

  /** A POST, behind those that are on their way: there may be one at a time. */
  post(body) {
    const sent = this.#posting.then(() => this.get({ method: 'POST', body }));
    this.#posting = sent.catch(() => {});
    return sent;
  }

  /** Packets of the next poll that has some; pings are answered on the way and not given. */
  async poll() {
    for (;;) {
      const { status, text } = await this.get();
      assert.equal(status, 200, text);
      const packets = text.split(SEPARATOR);
      if (packets.includes('2')) assert.equal((await this.post('3')).status, 200);
      const rest = packets.filter((packet) => packet !== '2');
      if (rest.length) return rest;
    }
  }

  /** The WebSocket that wants to take over. */
  wire() {
    return new Wire(this.url.replace('http:', 'ws:').replace('transport=polling', 'transport=websocket'));
  }

  /** Takes it over as clients do: nothing is asked by polling any more before the change. */
  async upgrade() {
    const wire = this.wire();
    await wire.opened;
    wire.send('2probe');
    assert.equal(await wire.next(), '3probe');
    wire.send('5');
    return wire;
  }
}
