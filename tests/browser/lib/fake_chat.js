/* What the widget talks to, doing what it is told: HTTP for visitors, and the socket.io package's own
 * server. For what is hard to provoke with the real program; the scripts come from the real one.
 *
 *     const chat = await FakeChat.start(t, { scripts: mc.url });
 *     chat.answer = (text) => ({ pieces: ['Yes', ', we do.'], citations: [...] });     null: silence
 *     chat.next({ drop: true }, { ack: { ok: false, code: 'RATE_LIMITED', retryable: true, retryAfter: 1 } });
 *     chat.received                         every message that came, also twice
 *     chat.stored                           every message once
 *     await chat.stop(); await chat.listen();      gone, and back on the same port */
import { createServer, request } from 'node:http';
import { randomUUID } from 'node:crypto';
import { Server } from 'socket.io';
import { freePort } from '../../lib/scratch.js';
import { pause } from '../../lib/wait.js';

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, content-type',
  'access-control-allow-methods': 'GET, POST',
};

export class FakeChat {
  config = { title: 'Kettle Lane', greeting: 'Hello! Ask us anything.', color: '#0b5d57', position: 'right' };
  answer = () => ({ pieces: ['Yes.'] });
  passage = { heading: 'Returns', before: 'You may send things back.\n', quote: 'You have 30 days', after: ', then it is yours.' };
  pieceMs = 0;
  status = 'active';
  configAnswer = null; // {status, error}: a refusal
  refuseOnce = null; // the code that the next session with a token is refused with
  admission = null; // the code that connections are refused with
  received = [];
  calls = []; // "POST /api/v1/public/widget/session", …
  #script = [];
  #threads = new Map();
  #tickets = new Map();
  #seq = 0;

  static async start(scope, { scripts }) {
    const chat = new FakeChat();
    chat.scripts = scripts;
    chat.port = await freePort();
    chat.url = `http://127.0.0.1:${chat.port}`;
    await chat.listen();
    scope.after(() => chat.stop());
    return chat;
  }

  listen() {
    this.http = createServer((req, res) => this.#serve(req, res));
    this.io = new Server(this.http, { cors: { origin: '*' }, transports: ['polling', 'websocket'] });
    this.io.use((socket, next) => this.#admit(socket, next));
    this.io.on('connection', (socket) => this.#welcome(socket));
    return new Promise((done) => this.http.listen(this.port, '127.0.0.1', done));
  }

  async stop() {
    await this.io?.close();
    this.io = null;
  }

  /** How the next messages are met: {drop}: never acknowledged, not stored; {late}: stored, never
   * acknowledged; {ack}: this answer instead. */
  next(...behaviours) {
    this.#script.push(...behaviours);
  }

  get stored() {
    return [...this.#threads.values()].flatMap((thread) => thread.messages);
  }

  get threads() {
    return [...this.#threads.values()];
  }

  /** Forgets the events, as a server does after a while: who comes with an older number reloads. */
  forgetEvents() {
    for (const thread of this.#threads.values()) {
      thread.forgotten = this.#seq;
      thread.events = [];
    }
  }

  /** A message of the shop, without a question. */
  tell(content, more = {}) {
    for (const thread of this.#threads.values()) this.#store(thread, { sender: 'agent', direction: 'outbound', content, ...more });
  }

  emit(name, data) {
    this.io.emit(name, data);
  }

  get sockets() {
    return [...this.io.sockets.sockets.values()];
  }

  #serve(req, res) {
    const { pathname } = new URL(req.url, this.url);
    if (pathname.startsWith('/socket.io/')) return;
    if (pathname.startsWith('/widget')) return void this.#forward(req, res);
    this.calls.push(`${req.method} ${pathname}`);
    if (req.method === 'OPTIONS') return void res.writeHead(204, cors).end();
    let body = '';
    req.on('data', (part) => (body += part)).on('end', () => {
      const { status = 200, ...answer } = this.#call(req, pathname, body ? JSON.parse(body) : {});
      res.writeHead(status, { 'content-type': 'application/json', ...cors }).end(JSON.stringify({ success: status < 400, ...answer }));
    });
  }

  #forward(req, res) {
    request(this.scripts + req.url, { headers: req.headers }, (from) => {
      res.writeHead(from.statusCode, from.headers);
      from.pipe(res);
    }).end();
  }

  #call(req, path, body) {
    const token = req.headers.authorization?.slice(7) ?? '';
    if (path.endsWith('/widget/config')) return this.configAnswer ?? { data: this.config };
    if (path.endsWith('/widget/session')) return this.#session(body);
    if (path.endsWith('/realtime/ticket')) return this.#ticket(token);
    if (path.includes('/citations/')) return this.passage ? { data: this.passage } : { status: 404, error: { code: 'NOT_FOUND' } };
    const thread = this.threads.find((t) => path === `/api/v1/public/conversations/${t.id}/messages`);
    return thread ? { data: [...thread.messages].reverse(), page: { next: null } } : { status: 404, error: { code: 'NOT_FOUND' } };
  }

  #session({ token }) {
    const code = token && this.refuseOnce;
    if (code) {
      this.refuseOnce = null;
      return { status: 401, error: { code } };
    }
    const visitorId = token?.split('.')[1] ?? randomUUID();
    return { data: { token: `visitor.${visitorId}`, visitorId, expiresAt: new Date(Date.now() + 1_800_000).toISOString() } };
  }

  #ticket(token) {
    if (!token.startsWith('visitor.')) return { status: 401, error: { code: 'UNAUTHORIZED' } };
    const ticket = randomUUID();
    this.#tickets.set(ticket, token.slice(8));
    return { data: { ticket, expiresIn: 60 } };
  }

  #admit(socket, next) {
    const { token } = socket.handshake.auth;
    const visitor = this.#tickets.get(token);
    this.#tickets.delete(token);
    const code = this.admission ?? (visitor ? null : 'INVALID_TOKEN');
    socket.data.visitor = visitor;
    next(code ? Object.assign(new Error(code), { data: { code } }) : undefined);
  }

  #welcome(socket) {
    const { since, conversation } = socket.handshake.auth;
    const name = `${socket.data.visitor}:${conversation}`;
    const room = () => this.#threads.get(name);
    socket.join(name);
    socket.emit('conversation', { id: room()?.id ?? null, status: this.status, seq: this.#seq });
    if (room() && since < room().forgotten) socket.emit('reload', { seq: this.#seq });
    for (const event of room()?.events ?? []) if (event.seq > (since ?? this.#seq)) socket.emit('message', event);
    for (const [turnId, text] of room()?.drafts ?? []) {
      socket.emit('turn', { turnId, state: 'started' });
      socket.emit('delta', { turnId, text, at: 0 });
    }
    socket.on('message', (message, ack) => this.#message(name, message, ack));
    socket.on('stop', ({ turnId }, ack) => {
      room()?.stopped.add(turnId);
      ack?.({ ok: true });
    });
  }

  #message(name, { id, text }, ack) {
    this.received.push({ id, text });
    const how = this.#script.shift() ?? {};
    if (how.drop) return;
    if (how.ack) return void ack(how.ack);
    const thread = this.#threads.get(name) ?? { id: randomUUID(), name, messages: [], events: [], drafts: new Map(), stopped: new Set(), forgotten: 0 };
    this.#threads.set(name, thread);
    const known = thread.messages.find((m) => m.metadata.clientMessageId === id);
    const message = known ?? this.#store(thread, { sender: 'customer', direction: 'inbound', content: text, metadata: { clientMessageId: id } });
    if (!how.late) ack({ ok: true, messageId: message.id, conversationId: thread.id });
    if (!known) void this.#reply(thread, text);
  }

  #store(thread, fields) {
    const id = `${String(Date.now()).padStart(15, '0')}-${String(this.#seq).padStart(6, '0')}`;
    const message = { id, conversationId: thread.id, type: 'text', status: 'sent', metadata: {}, turnId: null, createdAt: new Date().toISOString(), ...fields };
    const event = { seq: ++this.#seq, message };
    thread.messages.push(message);
    thread.events.push(event);
    this.io?.to(thread.name).emit('message', event);
    return message;
  }

  async #reply(thread, question) {
    const answer = this.answer(question);
    if (!answer) return;
    const say = (name, data) => this.io?.to(thread.name).emit(name, data);
    const turnId = randomUUID();
    let text = '';
    thread.drafts.set(turnId, '');
    say('turn', { turnId, state: 'started' });
    for (const piece of answer.pieces) {
      await pause(answer.pieceMs ?? this.pieceMs);
      if (thread.stopped.has(turnId)) break;
      say('delta', { turnId, text: piece, at: Buffer.byteLength(text) });
      text += piece;
      thread.drafts.set(turnId, text);
    }
    await answer.until;
    thread.drafts.delete(turnId);
    const metadata = { action: answer.action ?? 'answer', citations: answer.citations ?? [], ...(thread.stopped.has(turnId) ? { stopped: true } : {}) };
    if (!answer.fails) this.#store(thread, { sender: 'assistant', direction: 'outbound', content: text, turnId, metadata });
    say('turn', { turnId, state: answer.fails ? 'failed' : 'completed', seq: this.#seq });
  }
}
