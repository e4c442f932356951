import { byId, el } from "../shared/dom";
import { readEvents } from "../shared/sse";
import { suggestions, text, type TextKey } from "./texts";
import { paragraphs } from "./words";

interface Citation {
  documentName: string;
  quote: string;
}

interface Answer {
  reply: string | null;
  action: string | null;
  citations: Citation[];
}

const token = document.querySelector<HTMLMetaElement>('meta[name="metachat-token"]')?.content ?? "";
const log = byId("log");
const form = byId<HTMLFormElement>("form");
const question = byId<HTMLTextAreaElement>("question");
const send = byId<HTMLButtonElement>("send");
const status = byId("status");
let busy = false;

/* The question stays in sight above its answer, also when the answer is long. */
function follow(bubble: HTMLElement): void {
  const asked = bubble.previousElementSibling as HTMLElement | null;
  const top = (asked ?? bubble).offsetTop - log.offsetTop - 8;
  log.scrollTop = Math.min(log.scrollHeight - log.clientHeight, top);
}

function say(who: "you" | "assistant", body: string): HTMLElement {
  const words = el("div", { class: "words" }, ...paragraphs(body));
  const bubble = el("article", { class: who, "aria-label": text(who) }, words);
  log.append(bubble);
  return bubble;
}

function setWords(bubble: HTMLElement, body: string): void {
  bubble.querySelector(".words")?.replaceChildren(...paragraphs(body));
}

function note(bubble: HTMLElement, key: TextKey): void {
  bubble.append(el("p", { class: "note" }, text(key)));
}

/* A document's name once, with what is quoted of it below. */
function showSources(bubble: HTMLElement, answer: Answer): void {
  const names = [...new Set(answer.citations.map((c) => c.documentName))];
  const sources = el("div", { class: "sources" });
  for (const name of names) {
    const quotes = answer.citations.filter((c) => c.documentName === name);
    sources.append(
      el(
        "figure",
        {},
        el("figcaption", {}, name),
        ...quotes.map((c) => el("blockquote", { dir: "auto" }, c.quote)),
      ),
    );
  }
  bubble.append(el("details", { open: "" }, el("summary", {}, text("sources")), sources));
}

function finish(bubble: HTMLElement, answer: Answer): void {
  bubble.classList.remove("draft");
  setWords(bubble, answer.reply ?? text("silent"));
  if (answer.action === "handover") {
    bubble.classList.add("handover");
    note(bubble, "handover");
  } else if (answer.citations.length > 0) {
    showSources(bubble, answer);
  } else if (answer.action === "disclaimer") {
    note(bubble, "noSource");
  }
  follow(bubble);
}

function fail(bubble: HTMLElement, key: TextKey): void {
  bubble.classList.add("failed");
  setWords(bubble, text(key));
  follow(bubble);
}

const problems: Record<number, TextKey> = { 401: "expired", 429: "busy", 503: "busy" };

function post(message: string): Promise<Response> {
  return fetch("/api/v1/chat", {
    method: "POST",
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      Accept: "text/event-stream",
    },
    body: JSON.stringify({ message, clientMessageId: crypto.randomUUID() }),
  });
}

/* False when the stream ended before the answer did. */
async function readAnswer(body: ReadableStream<Uint8Array>, bubble: HTMLElement): Promise<boolean> {
  let draft = "";
  let ended = false;
  await readEvents(body, (event, data) => {
    const frame = JSON.parse(data);
    if (event === "delta") draft += frame.text as string;
    if (event === "turn" && frame.state === "withdrawn") draft = "";
    if (event === "delta" || event === "turn") {
      setWords(bubble, draft);
      follow(bubble);
    }
    if (event === "done") finish(bubble, frame as Answer);
    if (event === "accepted") setWords(bubble, text("accepted"));
    ended ||= event === "done" || event === "accepted";
  });
  return ended;
}

async function ask(message: string): Promise<void> {
  say("you", message);
  const bubble = say("assistant", "");
  bubble.classList.add("draft");
  bubble.setAttribute("aria-busy", "true");
  status.textContent = text("thinking");
  follow(bubble);
  try {
    const response = await post(message);
    if (!response.ok || !response.body) fail(bubble, problems[response.status] ?? "failed");
    else if (!(await readAnswer(response.body, bubble))) fail(bubble, "failed");
  } catch {
    fail(bubble, "failed");
  }
  bubble.removeAttribute("aria-busy");
  bubble.classList.remove("draft");
  status.textContent = "";
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

say("assistant", text("intro"));
byId("label").textContent = text("label");
question.placeholder = text("hint");
send.textContent = text("send");
for (const s of suggestions) {
  const chip = el("button", { type: "button" }, s);
  chip.addEventListener("click", () => void submit(s));
  byId("suggestions").append(chip);
}
question.focus();
