/* What outlives a page, by widget key: in localStorage, or in memory where the browser keeps it
 * shut (blocked or partitioned storage, a full disk). */

export interface Storage {
  read(name: string): unknown;
  write(name: string, value: unknown): void;
  remove(name: string): void;
  /** Called when another tab wrote a name. */
  watch(on: (name: string) => void): void;
}

export function openStorage(key: string): Storage {
  const prefix = `metachat:${key}:`;
  const memory = new Map<string, string>();

  function get(name: string): string | null {
    try {
      return memory.get(name) ?? localStorage.getItem(prefix + name);
    } catch {
      return null;
    }
  }

  return {
    read(name) {
      try {
        return JSON.parse(get(name) ?? "null");
      } catch {
        return null;
      }
    },
    write(name, value) {
      const text = JSON.stringify(value);
      try {
        localStorage.setItem(prefix + name, text);
        memory.delete(name);
      } catch {
        memory.set(name, text);
      }
    },
    remove(name) {
      memory.delete(name);
      try {
        localStorage.removeItem(prefix + name);
      } catch {
        // shut: there is nothing in it
      }
    },
    watch(on) {
      addEventListener("storage", (e) => {
        if (e.key?.startsWith(prefix)) on(e.key.slice(prefix.length));
      });
    },
  };
}
