/* The conversation at work: connection, thread and outbox put together. It knows no screen. */
import { Line, type LineState } from "./line";
import { identifier, readMessage, record, type Citation, type Message } from "./message";
import { Outbox, type Ack, type Pending } from "./outbox";
import type { Session } from "./session";
import { plain } from "./settings";
import type { Storage } from "./storage";
import { readAll, Thread } from "./thread";

export interface Passage {
  heading: string;
  before: string;
  quote: string;
  after: string;
}

const typingMs = 6000; // how long a typing mark stands without another
const tellTypingMs = 3000;
const pages = 2; // of 100 messages: as many as a thread holds

function number(value: unknown): number {
  return Number.isSafeInteger(value) ? (value as number) : 0;
}

export class Chat {
  thread: Thread;
  readonly outbox: Outbox;
  typing = false;
  failedTurn = false;
  #line: Line;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;
  #toldTyping = 0;

  /** changed: something is to be shown anew. arrived: a message of the shop that was not there. */
  constructor(
    readonly session: Session,
    readonly storage: Storage,
    readonly changed: () => void,
    readonly arrived: (message: Message) => void,
  ) {
    this.thread = new Thread(storage);
    this.#line = new Line(session.base, () => this.#hello(), (name, data) => this.#on(name, data), () => this.#lineChanged());
    this.outbox = new Outbox(storage, session.key, () => this.online, (p) => this.#send(p), changed);
    storage.watch((name) => this.#otherTab(name));
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.wake());
  }

  get state(): LineState {
    return this.#line.state;
  }

  get online(): boolean {
    return this.#line.state === "online";
  }

  get pending(): Pending[] {
    return this.outbox.list(this.thread.clientId);
  }

  /** Connects, unless it is. */
  connect(): void {
    this.#line.open();
  }

  /** Connects again at once, when there was a connection that is lost. */
  wake(): void {
    if (this.state === "offline" || this.state === "failed") this.connect();
  }

  say(text: string): void {
    this.failedTurn = false;
    this.#toldTyping = 0;
    this.outbox.add(this.thread.clientId, text);
    if (!this.online) this.connect();
  }

  tellTyping(): void {
    const now = Date.now();
    if (now - this.#toldTyping < tellTypingMs) return;
    this.#toldTyping = now;
    this.#line.tell("typing", { on: true });
  }

  tellRead(message: Message): void {
    this.#line.tell("read", { messageId: message.id });
  }

  stop(): void {
    for (const draft of this.thread.drafts) {
      this.#line.ask("stop", { turnId: draft.turnId }).catch(() => undefined);
    }
  }

  /** A new conversation, in every tab. */
  renew(): void {
    this.outbox.drop(this.thread.clientId);
    Thread.forget(this.storage);
    this.#reopen();
  }

  /** The server takes us for somebody new: what was there is not ours any more, what waits is. */
  beNew(): void {
    const from = this.thread.clientId;
    Thread.forget(this.storage);
    this.#reopen();
    this.outbox.move(from, this.thread.clientId);
  }

  /** What stands around a citation. Throws when it cannot be had. */
  async passage(turnId: string, citation: Citation): Promise<Passage> {
    const raw = record((await this.session.call("GET", `turns/${turnId}/citations/${citation.n}`)).data);
    const words = (value: unknown): string => (typeof value === "string" ? value.slice(0, 20_000) : "");
    return { heading: plain(raw.heading, 300), before: words(raw.before), quote: words(raw.quote), after: words(raw.after) };
  }

  async #hello(): Promise<Record<string, unknown>> {
    const token = await this.session.ticket();
    return { token, since: this.thread.seq, conversation: this.thread.clientId };
  }

  async #send(p: Pending): Promise<Ack> {
    const raw = await this.#line.ask("message", { id: p.id, text: p.text });
    if (raw.ok !== true) {
      const wait = Math.max(0, number(raw.retryAfter)) * 1000;
      return { ok: false, code: plain(raw.code, 60), passes: raw.retryable === true, wait };
    }
    const ids = { messageId: identifier(raw.messageId) ?? "", conversationId: identifier(raw.conversationId) ?? "" };
    this.thread.setConversation(ids.conversationId, "");
    return { ok: true, ...ids };
  }

  #lineChanged(): void {
    this.thread.dropDrafts();
    this.typing = false;
    if (this.online) this.outbox.kick();
    this.changed();
  }

  #otherTab(name: string): void {
    if (name === "conversation" && this.storage.read(name) !== this.thread.clientId) this.#reopen();
    if (name === "outbox") {
      this.outbox.kick();
      this.changed();
    }
  }

  #reopen(): void {
    const was = this.state;
    this.thread = new Thread(this.storage);
    this.failedTurn = false;
    this.#line.close();
    if (was !== "idle") this.connect();
    this.changed();
  }

  #on(name: string, data: Record<string, unknown>): void {
    const turn = identifier(data.turnId);
    if (name === "message") this.#message(data);
    else if (name === "delta" && turn) this.thread.delta(turn, typeof data.text === "string" ? data.text : "", number(data.at));
    else if (name === "turn" && turn) this.#turn(turn, data.state);
    else if (name === "conversation") this.thread.setConversation(identifier(data.id), plain(data.status, 20));
    else if (name === "status") this.thread.setConversation(null, plain(data.status, 20));
    else if (name === "typing") this.#showTyping(data.on === true);
    else if (name === "reload") void this.#readThread(number(data.seq));
    this.changed();
  }

  #message(data: Record<string, unknown>): void {
    const message = readMessage(data.message);
    if (!message) return;
    const isNew = this.thread.add(message, number(data.seq));
    this.outbox.confirm((p) => this.thread.has(p.id, p.messageId));
    if (message.sender === "customer") return;
    this.#showTyping(false);
    if (isNew) this.arrived(message);
  }

  #turn(turnId: string, state: unknown): void {
    if (state === "started") this.thread.startTurn(turnId);
    else if (state === "withdrawn") this.thread.withdraw(turnId);
    else if (state === "completed" || state === "failed") this.thread.endTurn(turnId);
    this.failedTurn = state === "failed";
  }

  #showTyping(on: boolean): void {
    clearTimeout(this.#typingTimer);
    this.typing = on;
    if (on) this.#typingTimer = setTimeout(() => (this.#showTyping(false), this.changed()), typingMs);
  }

  /* The events in between are gone: the thread is read as a whole. When that fails, the connection is
   * made anew; since our number is as old as it was, we are told to read again. */
  async #readThread(seq: number): Promise<void> {
    const { thread } = this;
    thread.hold();
    try {
      const id = thread.conversationId;
      thread.replace(id ? await this.#readPages(id) : [], seq);
      this.outbox.confirm((p) => thread.has(p.id, p.messageId));
    } catch {
      if (this.thread === thread) this.#line.again();
    }
    this.changed();
  }

  async #readPages(id: string): Promise<Message[]> {
    const read: Message[] = [];
    let cursor = "";
    for (let i = 0; i < pages; i++) {
      const more = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const { data, page } = await this.session.call("GET", `public/conversations/${id}/messages?limit=100${more}`);
      read.push(...readAll(data));
      cursor = plain(record(page).next, 1000);
      if (!cursor) break;
    }
    return read;
  }
}
