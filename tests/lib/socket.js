/* A client of the sockets, as pages and programs have one: the stock library, a ticket for each
 * attempt, and an ear for everything that comes.
 *
 *     const client = await Client.open(t, visitor, { since: 0 });
 *     const { messageId } = await client.says('Hello');
 *     await client.heard('turn', (turn) => turn.state === 'completed');
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { waitFor } from './wait.js';

const patience = Number(process.env.TEST_PATIENCE ?? 1);

export async function ticketOf(api) {
  return (await api.data('POST', '/realtime/ticket')).ticket;
}

export class Client {
  /** auth: what goes with the ticket, or a function that gives it. url, origin: where it connects to, and
   * the page it is on; the rest are options of the library. */
  constructor(scope, api, { url = api.url, origin = api.origin, auth = {}, ticket = () => ticketOf(api), ...options } = {}) {
    this.api = api;
    this.all = []; // {name, data, at}, in the order in which they came
    this.refusals = [];
    this.ends = []; // reasons
    const extraHeaders = origin ? { Origin: origin } : {};
    this.io = io(url, {
      autoConnect: false, forceNew: true, transports: ['websocket'], reconnection: false, reconnectionDelay: 20, reconnectionDelayMax: 200,
      ...options, extraHeaders, auth: (give) => this.#present(give, auth, ticket),
    });
    this.io.onAny((name, ...data) => this.all.push({ name, data: data[0], at: Date.now() }));
    this.io.on('connect_error', (error) => this.refusals.push(error));
    this.io.on('disconnect', (reason) => this.ends.push(reason));
    scope.after(() => this.close());
  }

  /** Connected; or it throws what it was refused with. */
  static async open(scope, api, { since, conversation, protocol, ...options } = {}) {
    const auth = Object.fromEntries(Object.entries({ since, conversation, protocol }).filter(([, value]) => value !== undefined));
    const client = new Client(scope, api, { auth, ...options });
    await client.connect();
    return client;
  }

  async connect() {
    const before = this.refusals.length;
    this.io.connect();
    await waitFor('the socket to be let in', () => this.io.connected || this.refusals.length > before);
    if (!this.io.connected) throw this.refusals.at(-1);
  }

  close() {
    this.io.disconnect();
  }

  /** Sends an event, and gives what it is acknowledged with. */
  ask(name, ...args) {
    return this.io.timeout(10_000 * patience).emitWithAck(name, ...args);
  }

  /** Says it as a visitor; gives the acknowledgement of success. */
  async says(text, id = randomUUID()) {
    const answer = await this.ask('message', { id, text });
    assert.equal(answer.ok, true, JSON.stringify(answer));
    return answer;
  }

  /** The data of the events with this name, until now. */
  of(name) {
    return this.all.filter((e) => e.name === name).map((e) => e.data);
  }

  /** Waits for an event of this name that is so. */
  heard(name, is = () => true, options) {
    return waitFor(`"${name}"`, () => this.of(name).find(is), options);
  }

  /** Waits for the end of the turn that answers this message, and gives the reply to it, if there is one. */
  async replyTo(text) {
    const said = await this.heard('message', (m) => m.message.content === text);
    await this.heard('turn', (turn) => turn.state === 'completed' && turn.seq > said.seq);
    return this.of('message').find((m) => m.message.direction === 'outbound' && m.seq > said.seq)?.message;
  }

  ended(options) {
    return waitFor('the end of the socket', () => this.ends[0], options);
  }

  async #present(give, auth, ticket) {
    try {
      give({ token: await ticket(), ...(typeof auth === 'function' ? auth() : auth) });
    } catch {
      this.io.io.engine?.close(); // no ticket, no connection: it is tried again
    }
  }
}

/** Numbers of the events rise, and none comes twice. */
export function assertRising(client) {
  const seqs = client.all.filter((e) => ['message', 'turn', 'status', 'event'].includes(e.name) && e.data.seq).map((e) => e.data.seq);
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
}

/** Engine.IO and Socket.IO by hand over a WebSocket, for what no library would do: it answers no ping
 * unless it is told to, and reads nothing while it is paused. */
export class RawClient {
  constructor(scope, url, { origin, localAddress, pongs = false } = {}) {
    this.packets = [];
    this.closed = null; // the code
    this.ws = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, { origin, localAddress, perMessageDeflate: false });
    this.ws.on('message', (data) => {
      const text = String(data);
      if (text !== '2') this.packets.push(text);
      else if (pongs) this.ws.send('3');
    });
    this.ws.on('error', (error) => (this.error = error));
    this.ws.on('close', (code) => (this.closed = code));
    scope.after(() => this.ws.terminate());
  }

  /** Let in with a ticket of api. */
  static async open(scope, api, { auth = {}, ...options } = {}) {
    const raw = new RawClient(scope, api.url, { origin: api.origin, ...options });
    await raw.comes(/^0\{/);
    raw.ws.send(`40${JSON.stringify({ token: await ticketOf(api), ...auth })}`);
    await raw.comes(/^40\{/);
    return raw;
  }

  comes(form, options) {
    return waitFor(`a packet ${form}`, () => {
      if (this.error) throw this.error;
      return this.packets.find((p) => form.test(p));
    }, options);
  }
}
