/* The widget. The loader put this script on the page, with the settings of its own tag. */
import { Events, type Api, type Forerunner } from "./api";
import { Chat } from "./chat";
import { identifier, type Message } from "./message";
import { Refused, Session } from "./session";
import { plain, readKey, readLook } from "./settings";
import { openStorage } from "./storage";
import { chooseLanguage, useLanguage } from "./texts";
import { phone, View } from "./view";
import { backoff } from "./wait";

const own = document.currentScript as HTMLScriptElement;
const page: Record<string, unknown> = { ...own.dataset };
const tries = 6;

function pageLanguage(wanted: string | null): string {
  return chooseLanguage([wanted, document.documentElement.lang, ...navigator.languages]);
}

/* The tenant's look; tried again when the server does not answer, not when it says no. */
async function readConfig(session: Session): Promise<Record<string, unknown>> {
  for (let n = 0; ; n++) {
    try {
      return await session.config();
    } catch (e) {
      if ((e instanceof Refused && e.isFinal) || n === tries) throw e;
      await new Promise((done) => setTimeout(done, backoff(n)));
    }
  }
}

/* What is a matter of this tab, over its pages: whether the panel is open, words not sent yet. */
const tab = {
  get: (name: string): string => {
    try {
      return sessionStorage.getItem(`metachat:${name}`) ?? "";
    } catch {
      return "";
    }
  },
  set: (name: string, value: string): void => {
    try {
      sessionStorage.setItem(`metachat:${name}`, value);
    } catch {
      // shut: then the next page begins anew
    }
  },
};

async function start(key: string): Promise<void> {
  const storage = openStorage(key);
  const events = new Events();
  const session = new Session(new URL(own.src).origin, key, storage, () => chat.beNew());
  const look = readLook(await readConfig(session), page);
  useLanguage(pageLanguage(look.language));

  const chat = new Chat(session, storage, () => view.refresh(), arrived);
  const view = new View(chat, look, {
    opened: () => {
      tab.set("open", "1");
      chat.connect();
      readAll();
      events.say("open");
    },
    closed: () => {
      tab.set("open", "0");
      events.say("close");
    },
    typed: (words) => tab.set("words", words),
  });

  function countUnread(): void {
    const read = identifier(storage.read("read"));
    const all = chat.thread.messages;
    const from = all.findIndex((m) => m.id === read) + 1;
    const before = view.unread;
    view.unread = view.opened ? 0 : all.slice(from).filter((m) => m.sender !== "customer").length;
    if (view.unread !== before) events.say("unread", view.unread);
    view.refresh();
  }

  function readAll(): void {
    const last = chat.thread.messages[chat.thread.messages.length - 1];
    if (last && identifier(storage.read("read")) !== last.id) {
      storage.write("read", last.id);
      chat.tellRead(last);
    }
    countUnread();
  }

  function arrived(message: Message): void {
    if (view.opened && document.visibilityState === "visible") readAll();
    else countUnread();
    events.say("message", { from: message.sender, text: message.text });
  }

  const api: Api = {
    open: () => view.open(),
    close: () => view.close(),
    toggle: () => view.toggle(),
    ask: (words) => {
      const message = plain(words, 8000);
      view.open();
      if (message) chat.say(message);
    },
    reset: () => chat.renew(),
    setLanguage: (name) => {
      useLanguage(pageLanguage(plain(name, 20)));
      view.setLanguage();
    },
    on: (event, handler) => events.on(event, handler),
  };

  document.addEventListener("visibilitychange", () => {
    if (view.opened && document.visibilityState === "visible") readAll();
  });
  storage.watch((name) => name === "read" && countUnread());
  view.mount();
  countUnread();
  takeOver(api);
  // A page that has a conversation hears of what comes; one that has none costs the server nothing.
  if (chat.thread.begun || chat.pending.length) chat.connect();
  view.words = tab.get("words");
  // On a phone it would be all there is to see of the page.
  const isWide = !matchMedia(phone).matches;
  const wasOpen = tab.get("open");
  if (wasOpen === "1" || (wasOpen === "" && page.open !== undefined && isWide)) view.open(false);
}

/* The forerunner's functions become these, so that who holds it holds the real one. */
function takeOver(api: Api): void {
  const before: Forerunner = window.metachat ?? api;
  const calls = before.calls ?? [];
  delete before.calls;
  window.metachat = Object.assign(before, api);
  for (const [name, values] of calls) (api[name] as (...v: unknown[]) => void)(...values);
}

const key = readKey(page);
if (!key) console.warn("metachat: the script tag has no data-key, or none that could be one");
else {
  start(key).catch((e: unknown) => {
    console.warn(`metachat: the widget is not shown (${e instanceof Refused ? e.code || "no answer" : String(e)})`);
  });
}
