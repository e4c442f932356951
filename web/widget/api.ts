/* What a page may do with the widget: window.metachat. The loader puts a forerunner there that
 * remembers calls until this one comes. */

export interface Handlers {
  open: [];
  close: [];
  message: [{ from: string; text: string }];
  unread: [number];
}

export type EventName = keyof Handlers;

export interface Api {
  open(): void;
  close(): void;
  toggle(): void;
  /** Opens the widget and sends this as the visitor's message. */
  ask(text: string): void;
  /** Forgets the conversation on this device and begins a new one. */
  reset(): void;
  setLanguage(name: string): void;
  /** Gives a function that ends it. */
  on<E extends EventName>(event: E, handler: (...values: Handlers[E]) => void): () => void;
}

/** What the forerunner holds. */
export interface Forerunner extends Api {
  calls?: [keyof Api, unknown[]][];
}

declare global {
  interface Window {
    metachat?: Forerunner;
  }
}

type Handler = (...values: unknown[]) => void;

/** Handlers by event; one that throws stops no other. */
export class Events {
  #handlers = new Map<string, Set<Handler>>();

  on<E extends EventName>(event: E, handler: (...values: Handlers[E]) => void): () => void {
    const all = this.#handlers.get(event) ?? new Set();
    const one = handler as Handler;
    this.#handlers.set(event, all.add(one));
    return () => void all.delete(one);
  }

  say<E extends EventName>(event: E, ...values: Handlers[E]): void {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(...values);
      } catch (e) {
        setTimeout(() => {
          throw e;
        });
      }
    }
  }
}
