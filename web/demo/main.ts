import { byId, el } from "../shared/dom";
import { readEvents } from "../shared/sse";
import { suggestions, text, type TextKey } from "./texts";

interface Citation {
  documentName: string;
  quote: string;
}

interface Answer {
  reply: string | null;
  action: string | null;
  contextUsed: boolean;
  citations: Citation[];
}

const token = document.querySelector<HTMLMetaElement>('meta[name="metachat-token"]')?.content ?? "";
const log = byId("log");
const form = byId<HTMLFormElement>("form");
const question = byId<HTMLTextAreaElement>("question");
const send = byId<HTMLButtonElement>("send");
const status = byId("status");
let busy = false;

function say(who: "you" | "assistant", body: string): HTMLElement {
  const words = el("p", { dir: "auto", class: "words" }, body);
  const bubble = el("article", { class: who, "aria-label": text(who) }, words);
  log.append(bubble);
  log.scrollTop = log.scrollHeight;
  return bubble;
}

function words(bubble: HTMLElement): HTMLElement {
  return bubble.querySelector(".words") as HTMLElement;
}

function showSources(bubble: HTMLElement, answer: Answer): void {
  if (answer.citations.length === 0) {
    if (!answer.contextUsed && answer.action !== "handover") {
      bubble.append(el("p", { class: "note" }, text("noSource")));
    }
    return;
  }
  const list = el("ol", { class: "sources" });
  for (const c of answer.citations) {
    list.append(el("li", {}, el("q", { dir: "auto" }, c.quote), " ", el("cite", {}, c.documentName)));
  }
  bubble.append(el("details", { open: "" }, el("summary", {}, text("sources")), list));
}

function finish(bubble: HTMLElement, answer: Answer): void {
  bubble.classList.remove("draft");
  words(bubble).textContent = answer.reply ?? text("handover");
  showSources(bubble, answer);
  log.scrollTop = log.scrollHeight;
}

const problems: Record<number, TextKey> = { 401: "expired", 429: "busy", 503: "busy" };

async function ask(message: string): Promise<void> {
  say("you", message);
  const bubble = say("assistant", "");
  bubble.classList.add("draft");
  bubble.setAttribute("aria-busy", "true");
  status.textContent = text("thinking");
  let ended = false;
  try {
    const response = await fetch("/api/v1/chat", {
      method: "POST",
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        Accept: "text/event-stream",
      },
      body: JSON.stringify({ message, clientMessageId: crypto.randomUUID() }),
    });
    if (!response.ok || !response.body) {
      words(bubble).textContent = text(problems[response.status] ?? "failed");
      return;
    }
    await readEvents(response.body, (event, data) => {
      const frame = JSON.parse(data);
      if (event === "delta") {
        words(bubble).append(frame.text as string);
        log.scrollTop = log.scrollHeight;
      } else if (event === "turn" && frame.state === "withdrawn") {
        words(bubble).textContent = "";
      } else if (event === "done") {
        ended = true;
        finish(bubble, frame as Answer);
      } else if (event === "accepted") {
        ended = true;
        words(bubble).textContent = text("accepted");
      }
    });
    if (!ended) words(bubble).textContent = text("failed");
  } catch {
    words(bubble).textContent = text("failed");
  } finally {
    bubble.removeAttribute("aria-busy");
    bubble.classList.remove("draft");
    status.textContent = "";
  }
}

async function submit(message: string): Promise<void> {
  const trimmed = message.trim();
  if (busy || trimmed === "") return;
  busy = true;
  send.disabled = true;
  byId("suggestions").hidden = true;
  question.value = "";
  await ask(trimmed);
  busy = false;
  send.disabled = false;
  question.focus();
}

form.addEventListener("submit", (e) => {
  e.preventDefault();
  void submit(question.value);
});

question.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
    e.preventDefault();
    void submit(question.value);
  }
});

byId("intro").textContent = text("intro");
byId("label").textContent = text("label");
question.placeholder = text("hint");
send.textContent = text("send");
for (const s of suggestions) {
  const chip = el("button", { type: "button" }, s);
  chip.addEventListener("click", () => void submit(s));
  byId("suggestions").append(chip);
}
question.focus();
