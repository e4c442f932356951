/* What an answer's text may look like: paragraphs, lists, code, bold and links, a small part of
 * Markdown. Text becomes nodes and text; nothing of it is ever read as HTML. */
import { webAddress } from "./address";
import { el } from "./dom";

const bullet = /^\s*[-*•]\s+(.*)$/;
const numbered = /^\s*\d{1,9}[.)]\s+(.*)$/;
const heading = /^#{1,6}\s+(.*)$/;

/* Code, bold, a named link, a bare link: in this order, so that nothing inside of code is read. */
const inline =
  /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[([^\]\n]{1,300})\]\(([^\s()]{1,2000})\)|(https?:\/\/[^\s<>"'`()[\]]{1,2000})/g;

function link(text: string, address: string): Node | string {
  const href = webAddress(address);
  return href ? el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text) : text;
}

/* A sentence's full stop behind an address is not part of it. */
function bareLink(found: string): (Node | string)[] {
  const address = found.replace(/[.,;:!?،؛؟]+$/, "");
  return [link(address, address), found.slice(address.length)];
}

function words(line: string): (Node | string)[] {
  const out: (Node | string)[] = [];
  let end = 0;
  for (const m of line.matchAll(inline)) {
    out.push(line.slice(end, m.index));
    end = (m.index ?? 0) + m[0].length;
    if (m[1] !== undefined) out.push(el("code", {}, m[1]));
    else if (m[2] !== undefined) out.push(el("strong", {}, m[2]));
    else if (m[3] !== undefined) out.push(webAddress(m[4]) ? link(m[3], m[4] ?? "") : m[0]);
    else out.push(...bareLink(m[0]));
  }
  out.push(line.slice(end));
  return out.filter((part) => part !== "");
}

/* A line of a list goes into the list before it, when that is of the same kind. */
function listItem(out: HTMLElement[], kind: "ul" | "ol", text: string): void {
  const last = out[out.length - 1];
  const list = last?.localName === kind ? last : el(kind, { dir: "auto" });
  if (list !== last) out.push(list);
  list.append(el("li", {}, ...words(text)));
}

function line(out: HTMLElement[], text: string): void {
  const [item, step, title] = [bullet.exec(text), numbered.exec(text), heading.exec(text)];
  if (item) listItem(out, "ul", item[1] ?? "");
  else if (step) listItem(out, "ol", step[1] ?? "");
  else if (title) out.push(el("p", { dir: "auto" }, el("strong", {}, title[1] ?? "")));
  else if (text.trim() !== "") out.push(el("p", { dir: "auto" }, ...words(text)));
}

/** Paragraphs, lists and blocks of code of a text. */
export function markup(text: string): HTMLElement[] {
  const out: HTMLElement[] = [];
  const parts = text.split(/^```.*$/m);
  parts.forEach((part, i) => {
    if (i % 2 === 1) out.push(el("pre", { dir: "ltr", tabindex: "0" }, el("code", {}, part.replace(/^\n|\n$/g, ""))));
    else for (const one of part.split("\n")) line(out, one);
  });
  return out;
}
