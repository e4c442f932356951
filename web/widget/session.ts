/* Who the visitor is: a token by the widget key, kept and renewed, and tickets by the token. */
import { record } from "./message";
import { plain } from "./settings";
import type { Storage } from "./storage";

/** An answer of the server that is no success; status 0: there was no answer. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`${status} ${code}`);
  }

  /** Asking again would not help. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && ![401, 408, 429].includes(this.status);
  }
}

interface Token {
  token: string;
  visitorId: string;
  expiresAt: number;
}

type Body = Record<string, unknown>;

/** The server's answer: data is an object, or a list that page leads on from. */
export interface Answer {
  data?: unknown;
  page?: unknown;
  error?: unknown;
}

function readToken(raw: unknown): Token | null {
  const v = record(raw);
  const ends = typeof v.expiresAt === "string" ? Date.parse(v.expiresAt) : Number(v.expiresAt);
  return typeof v.token === "string" && typeof v.visitorId === "string" && Number.isFinite(ends)
    ? { token: v.token, visitorId: v.visitorId, expiresAt: ends }
    : null;
}

export class Session {
  #storage: Storage;
  #renewal: Promise<Token> | null = null;

  /** changed: called when the server took us for somebody new. */
  constructor(
    readonly base: string,
    readonly key: string,
    storage: Storage,
    readonly changed: () => void,
  ) {
    this.#storage = storage;
  }

  /** What anybody with the key may see. */
  async config(): Promise<Body> {
    return record((await this.#fetch("GET", `public/widget/config?key=${encodeURIComponent(this.key)}`)).data);
  }

  async ticket(): Promise<string> {
    return plain(record((await this.call("POST", "realtime/ticket")).data).ticket, 4000);
  }

  /** A call as the visitor. Throws Refused. */
  async call(method: string, path: string): Promise<Answer> {
    const kept = readToken(this.#storage.read("session"));
    const token = kept && kept.expiresAt > Date.now() + 5000 ? kept : await this.#renew();
    try {
      return await this.#fetch(method, path, token.token);
    } catch (e) {
      if (!(e instanceof Refused) || e.status !== 401) throw e;
      return this.#fetch(method, path, (await this.#renew()).token);
    }
  }

  /* One renewal for all who ask for it at the same time. */
  #renew(): Promise<Token> {
    this.#renewal ??= this.#open().finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #open(): Promise<Token> {
    const old = readToken(this.#storage.read("session"));
    let answer: Answer;
    try {
      answer = await this.#ask(old?.token);
    } catch (e) {
      if (!old || !(e instanceof Refused) || e.code !== "INVALID_TOKEN") throw e;
      answer = await this.#ask(undefined);
    }
    const token = readToken(answer.data);
    if (!token) throw new Refused(0, "");
    this.#storage.write("session", token);
    if (old && old.visitorId !== token.visitorId) this.changed();
    return token;
  }

  #ask(token: string | undefined): Promise<Answer> {
    return this.#fetch("POST", "public/widget/session", undefined, { key: this.key, ...(token ? { token } : {}) });
  }

  async #fetch(method: string, path: string, token?: string, body?: Body): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    let answer: Answer;
    let status = 0;
    try {
      const options: RequestInit = { method, headers, credentials: "omit", signal: AbortSignal.timeout(20_000) };
      if (body) options.body = JSON.stringify(body);
      const response = await fetch(`${this.base}/api/v1/${path}`, options);
      status = response.status;
      answer = await response.json();
    } catch {
      throw new Refused(status, "");
    }
    if (status < 200 || status > 299) throw new Refused(status, plain(record(answer.error).code, 60));
    return answer;
  }
}
