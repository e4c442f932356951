/* The widget on the page: a button, and a panel with the conversation, in a shadow tree of its own
 * so that no style leaks in or out. Style sheets are made by script, colours set by property: a page
 * whose policy allows no inline style shows it all the same. */
import { el, icon } from "../shared/dom";
import type { Chat } from "./chat";
import { showCitation } from "./citation";
import { entries, showEntries, type EntryActions } from "./entries";
import { trapFocus } from "./focus";
import { icons } from "./icons";
import type { Citation } from "./message";
import type { Look } from "./settings";
import { currentLanguage, text, type TextKey } from "./texts";
import { themeColours } from "./theme";
import css from "widget-style";

const longestMessage = 8000;

/** Where the panel takes the whole screen; as in style.css. */
export const phone = "(max-width: 30rem)";

function iconButton(name: keyof typeof icons, className: string, on: () => void): HTMLButtonElement {
  const button = el("button", { type: "button", class: className }, icon(...icons[name]));
  button.addEventListener("click", on);
  return button;
}

function label(button: HTMLElement, words: string): void {
  button.setAttribute("aria-label", words);
  button.title = words;
}

export interface ViewEvents {
  opened(): void;
  closed(): void;
  /** What stands in the field now. */
  typed(words: string): void;
}

export class View {
  opened = false;
  unread = 0;
  readonly #host = el("metachat-widget" as "div");
  readonly #root = el("div", { class: "root" });
  readonly #launcher: HTMLButtonElement;
  readonly #launcherText = el("span", { class: "say" });
  readonly #badge = el("span", { class: "badge", "aria-hidden": "true" });
  readonly #panel = el("section", { class: "panel", role: "dialog", tabindex: "-1" });
  readonly #main = el("div", { class: "main" });
  readonly #citation = el("div", { class: "citation" });
  readonly #title = el("h1", { id: "title" });
  readonly #state = el("p", { class: "line", role: "status" });
  readonly #log = el("div", { class: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions", tabindex: "0" });
  readonly #greeting = el("div", { class: "greeting" });
  readonly #entries = el("div", { class: "entries" });
  readonly #typing = el("p", { class: "typing note" });
  readonly #notice = el("div", { class: "notice", role: "status" });
  readonly #ask = el("div", { class: "ask", role: "group" });
  readonly #input = el("textarea", { rows: "1", maxlength: String(longestMessage), autocomplete: "off", dir: "auto" });
  readonly #send: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #new: HTMLButtonElement;
  readonly #close: HTMLButtonElement;
  readonly #foot = el("div", { class: "foot" });
  readonly #actions: EntryActions;
  #returnTo: HTMLElement | null = null; // who had the focus before the panel
  #quoting: (() => HTMLElement | null) | null = null; // what the open citation was opened by
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pinned = true;

  constructor(
    readonly chat: Chat,
    readonly look: Look,
    readonly events: ViewEvents,
  ) {
    this.#launcher = iconButton("chat", "launcher", () => this.toggle());
    this.#launcher.firstElementChild?.classList.add("chat");
    const shut = icon(...icons.down);
    shut.classList.add("shut");
    this.#launcher.append(shut, this.#launcherText, this.#badge);
    this.#send = iconButton("send", "send", () => this.#submit());
    this.#stop = iconButton("stop", "stop", () => chat.stop());
    this.#new = iconButton("pen", "icon", () => this.#askNew(true));
    this.#close = iconButton("down", "icon", () => this.close());
    this.#actions = {
      retry: (id) => (chat.outbox.retry(id), chat.connect()),
      openCitation: (turnId, citation, from) => this.#openCitation(turnId, citation, from),
    };
    this.#build();
    this.#listen();
    this.setLanguage();
  }

  mount(): void {
    document.body.append(this.#host);
    // Above everything on the page, whatever its layers and transforms are.
    if ("popover" in this.#host) {
      this.#host.popover = "manual";
      this.#host.showPopover();
    }
  }

  /** focus: false when nobody asked for it (a page that opens it by itself). */
  open(focus = true): void {
    if (!this.opened) {
      this.opened = true;
      this.#returnTo = focus ? this.#focused() : null;
      this.#panel.hidden = false;
      this.#root.classList.add("open");
      this.render();
      this.events.opened();
    }
    if (focus) this.#input.focus();
    this.#follow();
  }

  close(): void {
    if (!this.opened) return;
    this.opened = false;
    const within = this.#panel.contains(this.#shadow().activeElement);
    this.#closeCitation();
    this.#panel.hidden = true;
    this.#root.classList.remove("open");
    this.render();
    if (within) (this.#returnTo?.isConnected ? this.#returnTo : this.#launcher).focus();
    this.events.closed();
  }

  toggle(): void {
    if (this.opened) this.close();
    else this.open();
  }

  /** What stands in the field. */
  set words(value: string) {
    this.#input.value = value;
    this.events.typed(value);
  }

  /** Shows it anew soon: many changes in a row become one. */
  refresh(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.render();
    }, 16);
  }

  setLanguage(): void {
    const { name, dir } = currentLanguage();
    const { look } = this;
    this.#root.lang = name;
    this.#root.dir = dir;
    this.#title.replaceChildren(el("bdi", {}, look.title || text("title")));
    this.#launcherText.textContent = look.launcher;
    this.#greeting.replaceChildren(
      el("p", { class: "hello", dir: "auto" }, look.greeting || text("greeting")),
      el("p", { class: "note" }, text("automatic")),
    );
    this.#typing.textContent = `${text("agent")} ${text("typing")}`;
    this.#log.setAttribute("aria-label", text("log"));
    this.#input.placeholder = look.placeholder || text("placeholder");
    this.#input.setAttribute("aria-label", text("label"));
    label(this.#send, text("send"));
    label(this.#stop, text("stop"));
    label(this.#new, text("new"));
    label(this.#close, text("close"));
    this.#buildFoot();
    this.#askNew(false);
    this.#entries.replaceChildren();
    this.render();
  }

  render(): void {
    const { chat } = this;
    const { state } = chat;
    const began = chat.thread.begun || chat.pending.length > 0;
    const words = this.unread ? text("unread", { n: this.unread }) : "";
    label(this.#launcher, [text(this.opened ? "close" : "open"), words].filter(Boolean).join(", "));
    this.#launcher.setAttribute("aria-expanded", String(this.opened));
    this.#badge.textContent = this.unread ? String(Math.min(this.unread, 99)) : "";
    this.#badge.hidden = !this.unread;
    this.#root.dataset.state = state;
    this.#state.textContent = state === "idle" ? "" : text(state);
    this.#new.disabled = !began;
    this.#stop.hidden = chat.thread.drafts.length === 0;
    this.#typing.hidden = !chat.typing;
    this.#showNotice();
    showEntries(this.#entries, entries(chat, this.#actions));
    if (this.opened) this.#follow();
  }

  #shadow(): ShadowRoot {
    return this.#root.getRootNode() as ShadowRoot;
  }

  #focused(): HTMLElement | null {
    const at = document.activeElement as HTMLElement | null;
    return at === this.#host ? this.#launcher : at === document.body ? null : at;
  }

  #build(): void {
    const shadow = this.#host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [sheet];
    const head = el("div", { class: "head" }, el("div", { class: "names" }, this.#title, this.#state), this.#new, this.#close);
    const form = el("form", {}, this.#input, this.#stop, this.#send);
    this.#log.append(this.#greeting, this.#entries, this.#typing);
    this.#main.append(head, this.#log, this.#notice, this.#ask, form, this.#foot);
    this.#panel.append(this.#main, this.#citation);
    this.#panel.setAttribute("aria-labelledby", "title");
    this.#panel.hidden = true;
    this.#citation.hidden = true;
    this.#root.append(this.#launcher, this.#panel);
    this.#root.dataset.theme = this.look.theme;
    this.#root.dataset.side = this.look.position;
    for (const [name, value] of Object.entries(themeColours(this.look.color))) this.#root.style.setProperty(name, value);
    shadow.append(this.#root);
    form.addEventListener("submit", (e) => (e.preventDefault(), this.#submit()));
  }

  #listen(): void {
    trapFocus(this.#panel, () => this.#escape());
    this.#input.addEventListener("input", () => {
      this.events.typed(this.#input.value);
      if (this.#input.value) this.chat.tellTyping();
    });
    this.#input.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
        e.preventDefault();
        this.#submit();
      }
    });
    this.#log.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#log;
      if (Math.abs(scrollTop - this.#target()) > 4) this.#pinned = scrollHeight - clientHeight - scrollTop < 4;
    });
    // A page's shortcuts must not hear what is typed here.
    for (const kind of ["keydown", "keyup", "keypress"]) this.#root.addEventListener(kind, (e) => e.stopPropagation());
    const small = matchMedia(phone);
    const modal = (): void => this.#panel.setAttribute("aria-modal", String(small.matches));
    small.addEventListener("change", modal);
    modal();
  }

  #buildFoot(): void {
    const person = el("button", { type: "button", class: "person" }, icon(...icons.person), text("person"));
    person.addEventListener("click", () => this.#say(text("personMessage")));
    this.#foot.replaceChildren(person);
    if (this.look.privacyUrl) {
      this.#foot.append(el("a", { href: this.look.privacyUrl, target: "_blank", rel: "noopener noreferrer" }, text("privacy")));
    }
  }

  #submit(): void {
    const words = this.#input.value.trim();
    this.#input.focus();
    if (!words) return;
    this.words = "";
    this.#say(words);
  }

  #say(words: string): void {
    this.#pinned = true;
    this.chat.say(words);
  }

  #escape(): void {
    if (!this.#citation.hidden) this.#closeCitation();
    else if (!this.#ask.hidden) this.#askNew(false);
    else this.close();
  }

  #openCitation(turnId: string, citation: Citation, from: HTMLElement): void {
    const key = from.closest<HTMLElement>("[data-key]")?.dataset.key;
    this.#quoting = () => (from.isConnected ? from : this.#chip(key, citation.n));
    this.#main.hidden = true;
    this.#citation.hidden = false;
    showCitation(this.#citation, this.chat, turnId, citation, () => this.#closeCitation());
  }

  /* The same chip, when its bubble was made anew meanwhile. */
  #chip(key: string | undefined, n: number): HTMLElement | null {
    const of = [...this.#entries.children].find((c) => (c as HTMLElement).dataset.key === key);
    return [...(of?.querySelectorAll<HTMLElement>(".chip") ?? [])].find((c) => c.textContent === String(n)) ?? null;
  }

  #closeCitation(): void {
    if (this.#citation.hidden) return;
    this.#citation.hidden = true;
    this.#main.hidden = false;
    (this.#quoting?.() ?? this.#input).focus();
  }

  #askNew(on: boolean): void {
    this.#ask.hidden = !on;
    if (!on) return this.#ask.replaceChildren();
    const yes = el("button", { type: "button", class: "yes" }, text("newYes"));
    const no = el("button", { type: "button" }, text("cancel"));
    const done = (): void => {
      this.#askNew(false);
      this.#input.focus();
    };
    yes.addEventListener("click", () => (this.chat.renew(), done()));
    no.addEventListener("click", done);
    this.#ask.replaceChildren(el("p", {}, text("newAsk")), yes, no);
    this.#ask.setAttribute("aria-label", text("new"));
    yes.focus();
  }

  /* One sentence above the field, when there is something to say. */
  #showNotice(): void {
    const { chat } = this;
    const says: TextKey | null =
      chat.state === "outdated" || chat.state === "failed"
        ? chat.state
        : chat.outbox.busy
          ? "busy"
          : chat.failedTurn
            ? "unanswered"
            : chat.thread.status === "closed"
              ? "closed"
              : null;
    if (this.#notice.dataset.says === (says ?? "") + currentLanguage().name) return;
    this.#notice.dataset.says = (says ?? "") + currentLanguage().name;
    this.#notice.replaceChildren(...(says ? [el("span", {}, text(says))] : []));
    if (says === "failed") {
      const again = el("button", { type: "button", class: "again" }, text("again"));
      again.addEventListener("click", () => (chat.connect(), this.#input.focus()));
      this.#notice.append(" ", again);
    }
  }

  /* Down to the newest, yet with the last question in sight above a long answer. */
  #target(): number {
    const { scrollHeight, clientHeight } = this.#log;
    const bottom = scrollHeight - clientHeight;
    const asked = this.#entries.querySelectorAll<HTMLElement>(".you");
    const last = asked[asked.length - 1];
    return Math.max(0, last ? Math.min(bottom, last.offsetTop - 12) : bottom);
  }

  #follow(): void {
    if (this.#pinned) this.#log.scrollTop = this.#target();
  }
}
