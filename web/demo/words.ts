import { el } from "../shared/dom";

/* What an answer's text is made of: paragraphs, and lists of lines that begin with a dash or a
 * number. Text stays text: nothing of it is read as markup. */

const item = /^\s*(?:[-*•]|\d+[.)])\s+(.*)$/;

/** Paragraphs and lists of a text. */
export function paragraphs(text: string): HTMLElement[] {
  const out: HTMLElement[] = [];
  let list: HTMLElement | null = null;
  for (const line of text.split("\n")) {
    const found = item.exec(line);
    if (found) {
      if (!list) out.push((list = el("ul", { dir: "auto" })));
      list.append(el("li", {}, found[1] ?? ""));
    } else if (line.trim() !== "") {
      list = null;
      out.push(el("p", { dir: "auto" }, line));
    }
  }
  return out;
}
