/* Messages that the server has not confirmed yet, in the order they were written. They are sent one
 * after the other, each under an id of its own, so that sending one twice changes nothing; and they
 * are kept, so that a reload or another tab goes on where this one was. */
import { identifier, record } from "./message";
import { plain } from "./settings";
import type { Storage } from "./storage";
import { backoff, newId } from "./wait";

export interface Pending {
  id: string;
  conversation: string; // the thread's clientId
  text: string;
  state: "waiting" | "unsent" | "refused" | "taken";
  messageId: string | null; // when it was taken
}

export type Ack = { ok: true; messageId: string; conversationId: string } | { ok: false; code: string; passes: boolean; wait: number };

const most = 50; // messages kept
const patience = 4; // tries after which a message is shown as not sent; it is tried on all the same

export class Outbox {
  #storage: Storage;
  #running = false;
  #again = false;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  busy = false; // the server asked to wait

  /** send: hands one message over; throws when there was no answer. ready: whether it makes sense to
   * try. changed: to be shown anew. */
  constructor(
    storage: Storage,
    readonly key: string,
    readonly ready: () => boolean,
    readonly send: (message: Pending) => Promise<Ack>,
    readonly changed: () => void,
  ) {
    this.#storage = storage;
  }

  list(conversation: string): Pending[] {
    return this.#read().filter((p) => p.conversation === conversation);
  }

  add(conversation: string, text: string): void {
    this.#edit((all) => [...all, { id: newId(), conversation, text, state: "waiting" as const, messageId: null }].slice(-most));
    this.kick();
  }

  /** By the button: what was refused, too. */
  retry(id: string): void {
    this.#set(id, { state: "waiting" });
    this.kick();
  }

  /** The server's events have it. */
  confirm(known: (p: Pending) => boolean): void {
    if (this.#read().some(known)) this.#edit((all) => all.filter((p) => !known(p)));
  }

  drop(conversation: string): void {
    this.#edit((all) => all.filter((p) => p.conversation !== conversation));
  }

  /** What was written in one conversation is said in another one. */
  move(from: string, to: string): void {
    this.#edit((all) => all.map((p) => (p.conversation === from ? { ...p, conversation: to } : p)));
  }

  /** Sends what there is, now. */
  kick(): void {
    clearTimeout(this.#timer);
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      while (this.ready() && (await this.#alone(() => this.#sendFirst())));
    }
    this.#running = false;
  }

  /* One tab at a time, where the browser knows how; else twice does no harm. */
  async #alone(work: () => Promise<boolean>): Promise<boolean> {
    const { locks } = navigator as { locks?: LockManager };
    return locks ? await locks.request(`metachat:${this.key}:outbox`, work) : work();
  }

  /* True: the next one may go. */
  async #sendFirst(): Promise<boolean> {
    const first = this.#read().find((p) => p.state === "waiting" || p.state === "unsent");
    if (!first) return false;
    let ack: Ack;
    try {
      ack = await this.send(first);
    } catch {
      ack = { ok: false, code: "", passes: true, wait: 0 };
    }
    if (ack.ok) {
      this.#settle(first.id, { state: "taken", messageId: ack.messageId });
      return true;
    }
    if (!ack.passes) {
      this.#settle(first.id, { state: "refused" });
      return true;
    }
    this.#later(first, ack);
    return false;
  }

  #settle(id: string, change: Partial<Pending>): void {
    this.#tries = 0;
    this.busy = false;
    this.#set(id, change);
  }

  #later(message: Pending, ack: { code: string; wait: number }): void {
    this.#tries += 1;
    this.busy = ack.code === "RATE_LIMITED";
    if (this.#tries >= patience && !this.busy) this.#set(message.id, { state: "unsent" });
    this.#timer = setTimeout(() => this.kick(), Math.max(ack.wait, backoff(this.#tries - 1)));
    this.changed();
  }

  #set(id: string, change: Partial<Pending>): void {
    this.#edit((all) => all.map((p) => (p.id === id ? { ...p, ...change } : p)));
  }

  #edit(change: (all: Pending[]) => Pending[]): void {
    this.#storage.write("outbox", change(this.#read()));
    this.changed();
  }

  #read(): Pending[] {
    const raw = this.#storage.read("outbox");
    return (Array.isArray(raw) ? raw : []).map(readPending).filter((p): p is Pending => p !== null);
  }
}

function readPending(value: unknown): Pending | null {
  const raw = record(value);
  const [id, conversation] = [identifier(raw.id), identifier(raw.conversation)];
  const state = (["waiting", "unsent", "refused", "taken"] as const).find((s) => s === raw.state);
  if (!id || !conversation || !state) return null;
  return { id, conversation, state, text: plain(raw.text, 8000), messageId: identifier(raw.messageId) };
}
