/* One conversation as this browser knows it: the server's messages in the server's order, each
 * once, up to an event number; and the answers that are being written. Kept over reloads. */
import { identifier, readMessage, record, writeMessage, type Message } from "./message";
import type { Storage } from "./storage";
import { newId } from "./wait";

export interface Draft {
  turnId: string;
  text: string;
  bytes: number; // of the text in UTF-8: what a delta's place is counted in
}

const kept = 200; // messages that are held and stored

const encoder = new TextEncoder();

export class Thread {
  /** The visitor's name for the conversation. */
  readonly clientId: string;
  /** The server's; null before the first message. */
  conversationId: string | null = null;
  status = "active";
  seq = 0;
  messages: Message[] = [];
  drafts: Draft[] = [];
  #storage: Storage;
  #held: number | null = null; // the newest number of a time in which older events are missing
  #ended = new Set<string>(); // turns whose answer is there or will not come

  constructor(storage: Storage) {
    this.#storage = storage;
    this.clientId = identifier(storage.read("conversation")) ?? newId();
    const raw = record(storage.read("thread"));
    if (raw.clientId !== this.clientId) return;
    this.conversationId = identifier(raw.conversationId);
    this.seq = Number.isSafeInteger(raw.seq) ? (raw.seq as number) : 0;
    this.messages = readAll(raw.messages);
    for (const m of this.messages) if (m.turnId) this.#ended.add(m.turnId);
  }

  /** Forgets what is kept: the next Thread of the storage is a new conversation. */
  static forget(storage: Storage): void {
    storage.write("conversation", newId());
    storage.remove("thread");
  }

  get begun(): boolean {
    return this.conversationId !== null || this.messages.length > 0;
  }

  setConversation(id: string | null, status: string): void {
    if (id) this.conversationId = id;
    if (status) this.status = status;
    this.#keep();
  }

  /** A message of the live events; true when it was not there. */
  add(message: Message, seq: number): boolean {
    const known = this.messages.findIndex((m) => m.id === message.id);
    if (known >= 0) this.messages[known] = message;
    else this.messages.push(message);
    if (message.turnId && message.sender !== "customer") this.endTurn(message.turnId);
    this.#advance(seq);
    this.messages.splice(0, this.messages.length - kept);
    this.#keep();
    return known < 0;
  }

  /** Events are missing from here on, until replace: the number stays where it is. */
  hold(): void {
    this.#held = 0;
  }

  /** The whole thread, read anew, in the order of the server's ids; what came live since stays behind
   * it. */
  replace(read: Message[], seq: number): void {
    const ids = new Set(read.map((m) => m.id));
    const sorted = [...read].sort((a, b) => (a.id < b.id ? -1 : 1));
    const newest = sorted[sorted.length - 1]?.id ?? "";
    const later = this.messages.filter((m) => !ids.has(m.id) && m.id > newest);
    this.messages = [...sorted, ...later].slice(-kept);
    for (const m of this.messages) if (m.turnId && m.sender !== "customer") this.endTurn(m.turnId);
    const held = this.#held ?? 0;
    this.#held = null;
    this.#advance(Math.max(seq, held));
    this.#keep();
  }

  has(clientId: string, id: string | null): boolean {
    return this.messages.some((m) => m.clientId === clientId || m.id === id);
  }

  /** Drafts are told anew on every connection. */
  dropDrafts(): void {
    this.drafts = [];
  }

  startTurn(turnId: string): Draft | null {
    if (this.#ended.has(turnId)) return null;
    const known = this.drafts.find((d) => d.turnId === turnId);
    if (known) return known;
    const draft = { turnId, text: "", bytes: 0 };
    this.drafts.push(draft);
    return draft;
  }

  endTurn(turnId: string): void {
    this.#ended.add(turnId);
    this.drafts = this.drafts.filter((d) => d.turnId !== turnId);
  }

  withdraw(turnId: string): void {
    const draft = this.startTurn(turnId);
    if (draft) [draft.text, draft.bytes] = ["", 0];
  }

  /** A piece of an answer that stands `at` bytes behind its beginning. What overlaps is there
   * already; behind a gap nothing is shown, since the whole answer comes in any case. */
  delta(turnId: string, text: string, at: number): void {
    const draft = this.startTurn(turnId);
    if (!draft || at > draft.bytes) return;
    const bytes = encoder.encode(text);
    if (at + bytes.length <= draft.bytes) return;
    draft.text += new TextDecoder().decode(bytes.subarray(draft.bytes - at));
    draft.bytes = at + bytes.length;
  }

  #advance(seq: number): void {
    if (this.#held === null) this.seq = Math.max(this.seq, seq);
    else this.#held = Math.max(this.#held, seq);
  }

  #keep(): void {
    const { clientId, conversationId, seq } = this;
    this.#storage.write("conversation", clientId);
    this.#storage.write("thread", { clientId, conversationId, seq, messages: this.messages.map(writeMessage) });
  }
}

export function readAll(value: unknown): Message[] {
  if (!Array.isArray(value)) return [];
  return value.map(readMessage).filter((m): m is Message => m !== null);
}
