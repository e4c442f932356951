/* What stands in the conversation, bubble by bubble. Each entry has a key under which it stays the
 * same element while it goes from written to sent, or from streamed to stored. */
import { el } from "../shared/dom";
import { markup } from "../shared/markup";
import type { Chat } from "./chat";
import type { Citation, Message } from "./message";
import type { Pending } from "./outbox";
import { text } from "./texts";
import type { Draft } from "./thread";

export interface Entry {
  key: string;
  sign: string; // another one: it looks different now
  make(): HTMLElement;
}

export interface EntryActions {
  retry(id: string): void;
  openCitation(turnId: string, citation: Citation, from: HTMLElement): void;
}

function bubble(who: "you" | "assistant" | "agent", ...parts: HTMLElement[]): HTMLElement {
  return el("article", { class: who === "you" ? "you" : "shop", "aria-label": text(who) }, ...parts);
}

function own(words: string): HTMLElement {
  return el("div", { class: "words plain", dir: "auto" }, words);
}

function note(words: string): HTMLElement {
  return el("p", { class: "note" }, words);
}

function chip(turnId: string, citation: Citation, actions: EntryActions): HTMLElement {
  const label = text("source", { n: citation.n, name: citation.documentName });
  const button = el("button", { type: "button", class: "chip", "aria-label": label, title: citation.quote.slice(0, 200) }, String(citation.n));
  button.addEventListener("click", () => actions.openCitation(turnId, citation, button));
  return button;
}

/* A document's name once, with the numbers of what is quoted of it. */
function sources(m: Message, actions: EntryActions): HTMLElement {
  const box = el("div", { class: "sources", role: "group", "aria-label": text("sources") });
  for (const name of new Set(m.citations.map((c) => c.documentName))) {
    const of = m.citations.filter((c) => c.documentName === name);
    box.append(el("div", { class: "source" }, el("bdi", {}, name), ...of.map((c) => chip(m.turnId ?? "", c, actions))));
  }
  return box;
}

function shopMessage(m: Message, actions: EntryActions): HTMLElement {
  const node = bubble(m.sender === "agent" ? "agent" : "assistant", el("div", { class: "words" }, ...markup(m.text)));
  if (m.sender === "agent") node.prepend(el("p", { class: "from" }, text("agent")));
  if (m.citations.length && m.turnId) node.append(sources(m, actions));
  if (m.stopped) node.append(note(text("stopped")));
  if (m.action === "handover") node.append(note(text("handover")));
  if (m.action === "disclaimer" && !m.citations.length) node.append(note(text("noSource")));
  return node;
}

function draftBubble(d: Draft): HTMLElement {
  const dots = el("span", { class: "dots", role: "img", "aria-label": text("typing") }, el("i"), el("i"), el("i"));
  const node = bubble("assistant", el("div", { class: "words" }, ...(d.text ? markup(d.text) : [dots])));
  node.classList.add("draft");
  node.setAttribute("aria-busy", "true");
  return node;
}

function pendingBubble(p: Pending, state: string, actions: EntryActions): HTMLElement {
  const node = bubble("you", own(p.text));
  if (state === "taken") return node;
  const line = el("p", { class: "state" });
  if (state === "unsent" || state === "refused") {
    const again = el("button", { type: "button", class: "again" }, text("again"));
    again.addEventListener("click", () => actions.retry(p.id));
    line.append(state === "refused" ? text("refused") : text("notSent"), " ", again);
    node.classList.add("unsent");
  } else {
    line.append(text(state === "sending" ? "sending" : "waiting"));
  }
  node.append(line);
  return node;
}

function pendingEntry(p: Pending, chat: Chat, actions: EntryActions): Entry {
  const patient = p.state === "waiting" && chat.state !== "failed";
  const waiting = chat.online || chat.state === "connecting" ? "sending" : "waiting";
  const state = p.state === "waiting" ? (patient ? waiting : "unsent") : p.state;
  return { key: p.id, sign: state, make: () => pendingBubble(p, state, actions) };
}

function messageEntry(m: Message, actions: EntryActions): Entry {
  const mine = m.sender === "customer";
  return {
    key: mine ? (m.clientId ?? m.id) : m.turnId ? `turn ${m.turnId}` : m.id,
    sign: mine ? "taken" : `${m.id} ${m.text.length}`,
    make: () => (mine ? bubble("you", own(m.text)) : shopMessage(m, actions)),
  };
}

/** Everything in order: what the server has, what it took, what it is writing, what it has not yet. */
export function entries(chat: Chat, actions: EntryActions): Entry[] {
  const { thread, pending } = chat;
  const open = pending.filter((p) => !thread.has(p.id, p.messageId));
  const list = [
    ...thread.messages.map((m) => messageEntry(m, actions)),
    ...open.filter((p) => p.state === "taken").map((p) => pendingEntry(p, chat, actions)),
    ...thread.drafts.map((d) => ({ key: `turn ${d.turnId}`, sign: `draft ${d.text.length}`, make: () => draftBubble(d) })),
    ...open.filter((p) => p.state !== "taken").map((p) => pendingEntry(p, chat, actions)),
  ];
  const seen = new Set<string>();
  return list.map((e) => {
    const key = seen.has(e.key) ? `${e.key} ${e.sign}` : e.key;
    seen.add(key);
    return { ...e, key };
  });
}

/** Brings the box to these entries, touching only what changed. */
export function showEntries(box: HTMLElement, list: Entry[]): void {
  const there = new Map([...box.children].map((c) => [(c as HTMLElement).dataset.key, c as HTMLElement]));
  let at: Element | null = box.firstElementChild;
  for (const entry of list) {
    let node = there.get(entry.key);
    there.delete(entry.key);
    if (!node || node.dataset.sign !== entry.sign) {
      const fresh = entry.make();
      fresh.dataset.key = entry.key;
      fresh.dataset.sign = entry.sign;
      if (node) {
        fresh.classList.add("still");
        if (node === at) at = fresh;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (node === at) at = at.nextElementSibling;
    else box.insertBefore(node, at);
  }
  for (const gone of there.values()) gone.remove();
}
