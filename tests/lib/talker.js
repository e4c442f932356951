/* A visitor who writes and never gives up, and the model of what its page must show: built from the
 * events alone, as a real client builds it. What must not be stands in faults. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Client } from './socket.js';
import { pause, waitFor } from './wait.js';

export class Talker {
  /** visitor: who it is, on its direct way to the server; options as of Client. */
  constructor(scope, visitor, { conversation = 'talk', random = Math.random, ackMs = 1500, ...options } = {}) {
    this.visitor = visitor;
    this.random = random;
    this.ackMs = ackMs;
    this.seq = 0;
    this.thread = []; // messages in their order
    this.drafts = new Map();
    this.said = []; // {id, text, messageId}
    this.faults = [];
    this.reloads = 0;
    this.conversationId = null;
    this.client = new Client(scope, visitor, {
      ...options, reconnection: true, reconnectionDelayMax: 100, timeout: 2000, auth: () => ({ conversation, since: this.seq }),
    });
    const { io } = this.client;
    io.onAny((name, data) => this.#hears(name, data));
    io.on('connect', () => this.drafts.clear());
    io.on('connect_error', (error) => error.data && setTimeout(() => this.over || io.connect(), 50)); // by the server: not tried again by itself
    io.connect();
  }

  /** Says things until it is told to stop; gives when the last one is acknowledged. */
  async talk({ until, everyMs = 60 }) {
    for (let n = 0; !until(); n++) {
      await this.#deliver({ id: randomUUID(), text: `When does the shop open on Saturday? (${n} of ${this.visitor.visitorId})`, messageId: null });
      await pause(everyMs * this.random());
    }
  }

  async #deliver(said) {
    this.said.push(said);
    for (const end = Date.now() + 60_000; !said.messageId || this.random() < 0.1;) {
      if (Date.now() > end) return this.#fault(`${said.id} was never acknowledged`);
      const answer = await this.#send(said);
      if (!answer) continue;
      if (!answer.ok) return this.#fault(`${said.id}: ${JSON.stringify(answer)}`);
      said.messageId ??= answer.messageId;
      this.conversationId ??= answer.conversationId;
      if (answer.messageId !== said.messageId) this.#fault(`${said.id} is ${said.messageId} and ${answer.messageId}`);
      if (answer.conversationId !== this.conversationId) this.#fault(`${said.id} is in ${answer.conversationId}`);
    }
    return said;
  }

  /* Undefined: nobody knows whether it arrived. */
  async #send({ id, text }) {
    const { io } = this.client;
    if (!io.connected) return pause(10);
    try {
      return await io.timeout(this.ackMs).emitWithAck('message', { id, text });
    } catch {
      return undefined;
    }
  }

  #fault(sentence) {
    this.faults.push(sentence);
  }

  #hears(name, data) {
    const of = data.conversationId ?? data.message?.conversationId ?? (name === 'conversation' ? data.id : null);
    if (of && this.conversationId && of !== this.conversationId) this.#fault(`it heard of ${of}: ${name} ${JSON.stringify(data)}`);
    if (name === 'reload') return this.#reload(data);
    if (name === 'delta' || (name === 'turn' && data.seq === undefined)) return this.#draft(name, data);
    if (name === 'error') return this.#fault(JSON.stringify(data));
    if (data.seq === undefined) return undefined;
    if (name === 'conversation' ? data.seq < this.seq : data.seq <= this.seq) this.#fault(`${name} ${data.seq} after ${this.seq}`);
    this.seq = Math.max(this.seq, data.seq);
    return name === 'message' ? this.#add(data.message) : undefined;
  }

  #add(message) {
    const there = this.thread.some((m) => m.id === message.id);
    if (there && !this.reloads) this.#fault(`${message.id} came twice`);
    if (!there) this.thread.push(message);
  }

  /* Text grows without a hole, from what it is when the connection begins. */
  #draft(name, { turnId, state, text, at }) {
    if (name === 'turn') this.drafts.set(turnId, state === 'started' ? 0 : undefined);
    else if (this.drafts.get(turnId) !== at) this.#fault(`text of ${turnId} at ${at}, after ${this.drafts.get(turnId)}`);
    else this.drafts.set(turnId, at + Buffer.byteLength(text));
  }

  async #reload({ seq }) {
    this.seq = seq;
    this.reloads += 1;
    const stored = await this.stored();
    this.thread = [...stored, ...this.thread.filter((m) => !stored.some((s) => s.id === m.id))];
  }

  /** The thread as the server has it. */
  async stored() {
    const [own] = await this.visitor.all('/public/conversations');
    return own ? (await this.visitor.all(`/public/conversations/${own.id}/messages`)).reverse() : [];
  }

  /** Whether its page shows what the server has. */
  async isWhole() {
    const stored = await this.stored();
    return stored.length === this.thread.length && stored.at(-1)?.id === this.thread.at(-1)?.id;
  }

  close() {
    this.over = true;
    this.client.close();
  }
}

/** Each page shows, by events alone, what the server has: every message once, in order, as it was said. */
export async function assertWhole(talkers) {
  for (const talker of talkers) {
    await waitFor('the page to show what the server has', () => talker.isWhole(), { withinMs: 20_000 }).catch(() => {}); // the difference says more
    const stored = await talker.stored();
    assert.deepEqual(talker.thread.map((m) => m.id), stored.map((m) => m.id), talker.client.io.io.opts.transports.join());
    assert.deepEqual(talker.thread, stored);
    const inbound = stored.filter((m) => m.direction === 'inbound');
    assert.deepEqual(inbound.map((m) => [m.id, m.content, m.metadata.clientMessageId]), talker.said.map((s) => [s.messageId, s.text, s.id]));
  }
  assert.deepEqual(talkers.flatMap((talker) => talker.faults), []);
}

const sum = (list) => list.reduce((a, b) => a + b, 0);

/** How much happened, in words. */
export function tally(talkers) {
  const of = (count) => sum(talkers.map(count));
  return `${of((x) => x.client.ends.length)} lost connections, ${of((x) => x.said.length)} messages, ${of((x) => x.thread.length - x.said.length)} replies, ${of((x) => x.reloads)} reloads`;
}
