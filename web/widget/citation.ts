/* The page over the conversation that shows a quoted passage where it stands. */
import { el, icon } from "../shared/dom";
import type { Chat, Passage } from "./chat";
import { icons } from "./icons";
import type { Citation } from "./message";
import { text } from "./texts";

function passage(p: Passage): HTMLElement {
  return el("blockquote", { dir: "auto" }, p.before, el("mark", {}, p.quote), p.after);
}

/** Opens it in the box; closed is called when the reader goes back. */
export function showCitation(box: HTMLElement, chat: Chat, turnId: string, citation: Citation, closed: () => void): void {
  const back = el("button", { type: "button", class: "icon", "aria-label": text("back"), title: text("back") }, icon(...icons.back));
  back.addEventListener("click", closed);
  const heading = el("bdi", {});
  const body = el("div", { class: "passage", tabindex: "0", role: "region", "aria-label": text("passage"), "aria-busy": "true" }, el("p", { class: "note" }, text("loading")));
  const name = el("h2", {}, el("bdi", {}, citation.documentName));
  box.replaceChildren(el("div", { class: "bar" }, back, el("span", { class: "number" }, String(citation.n)), el("div", {}, name, el("p", { class: "heading" }, heading))), body);
  back.focus();
  chat
    .passage(turnId, citation)
    .then((p) => {
      heading.textContent = p.heading;
      body.replaceChildren(passage(p));
      body.querySelector("mark")?.scrollIntoView({ block: "center" });
    })
    .catch(() => {
      const alone = { heading: "", before: "", quote: citation.quote, after: "" };
      body.replaceChildren(passage(alone), el("p", { class: "note" }, text("quoteOnly")));
    })
    .finally(() => body.removeAttribute("aria-busy"));
}
