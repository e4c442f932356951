/* The connection: Socket.IO, by a fresh ticket each time, from the event that we have. The library
 * tries again by itself after a lost connection, and gives up after a while; after a refusal, or
 * when the server ends the connection, it does not, so that is done here. */
import { io, type Socket } from "socket.io-client";
import { record } from "./message";
import { Refused } from "./session";
import { plain } from "./settings";
import { backoff } from "./wait";

export type LineState = "idle" | "connecting" | "online" | "offline" | "failed" | "outdated";

const protocol = 1;
const attempts = 8; // in a row: about two minutes
const ackMs = 10_000;

export class Line {
  state: LineState = "idle";
  #socket: Socket;
  #refusals = 0;
  #round = 0; // of connecting: a ticket that comes late is none for the next one
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** hello: the handshake's auth; on: an event of the server; changed: the state is another one. */
  constructor(
    base: string,
    readonly hello: () => Promise<Record<string, unknown>>,
    on: (name: string, data: Record<string, unknown>) => void,
    readonly changed: (state: LineState) => void,
  ) {
    this.#socket = io(base, {
      autoConnect: false,
      forceNew: true,
      auth: (give) => void this.#greet(give),
      reconnectionAttempts: attempts,
      reconnectionDelay: 1000,
      reconnectionDelayMax: 30_000,
      randomizationFactor: 0.5,
    });
    this.#socket.onAny((name: string, data: unknown) => on(name, record(data)));
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("connect_error", (e) => this.#refused(e));
    this.#socket.on("disconnect", (reason) => this.#lost(reason));
    this.#socket.io.on("reconnect_failed", () => this.#set("failed"));
  }

  /** Connects now, whatever it was waiting for. */
  open(): void {
    clearTimeout(this.#timer);
    if (this.#socket.connected || this.state === "outdated") return;
    if (this.state !== "offline") this.#set("connecting");
    // A manager that waits for its next try would refuse to connect at once.
    if (this.#socket.active) this.#socket.disconnect();
    this.#socket.connect();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#round += 1;
    this.#socket.disconnect();
    this.#set("idle");
  }

  /** Sends and waits for the acknowledgement; throws when none comes. */
  async ask(name: string, data: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (!this.#socket.connected) throw new Error("not connected");
    return record(await this.#socket.timeout(ackMs).emitWithAck(name, data));
  }

  /** Sends when connected, and forgets it. */
  tell(name: string, data: Record<string, unknown>): void {
    if (this.#socket.connected) this.#socket.emit(name, data);
  }

  /* Without a ticket there is nothing to greet with: the line is cut, and tried again later. */
  async #greet(give: (auth: object) => void): Promise<void> {
    const round = ++this.#round;
    try {
      const hello = await this.hello();
      if (round === this.#round) give({ protocol, ...hello });
    } catch (e) {
      if (round !== this.#round) return;
      if (e instanceof Refused && e.isFinal) this.#giveUp("failed");
      else this.again();
    }
  }

  #connected(): void {
    this.#refusals = 0;
    this.#set("online");
  }

  #refused(e: Error & { data?: unknown }): void {
    const code = plain(record(e.data).code, 60);
    if (code === "UNSUPPORTED_PROTOCOL") {
      this.#giveUp("outdated");
    } else if (!this.#socket.active) {
      this.again();
    } else if (this.state !== "failed") {
      this.#set("offline");
    }
  }

  #lost(reason: string): void {
    if (reason === "io client disconnect") return;
    if (reason === "io server disconnect") this.again();
    else this.#set("offline");
  }

  /** Cuts the connection and makes a new one in a while. */
  again(): void {
    this.#socket.disconnect();
    this.#refusals += 1;
    if (this.#refusals > attempts) return this.#set("failed");
    this.#set("offline");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.connect(), backoff(this.#refusals - 1));
  }

  #giveUp(state: LineState): void {
    this.#socket.disconnect();
    this.#set(state);
  }

  #set(state: LineState): void {
    if (this.state === state) return;
    this.state = state;
    this.changed(state);
  }
}
