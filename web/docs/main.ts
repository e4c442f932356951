import { byId, el } from "../shared/dom";

interface Schema {
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: (string | null)[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
  description?: string;
}

interface Media {
  schema?: Schema;
}

interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content?: Record<string, Media> };
  responses?: Record<string, { description?: string; content?: Record<string, Media> }>;
}

interface Document {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
}

function kind(s: Schema | undefined): string {
  if (!s) return "";
  const type = Array.isArray(s.type) ? s.type.filter((t) => t !== "null").join(" or ") : (s.type ?? "");
  const base = type === "array" ? `list of ${kind(s.items) || "values"}` : (s.format ?? type);
  return s.enum ? s.enum.filter((v) => v !== null).join(" | ") : base;
}

function bounds(s: Schema): string {
  const parts: string[] = [];
  if (s.minLength !== undefined) parts.push(`from ${s.minLength}`);
  if (s.maxLength !== undefined) parts.push(`to ${s.maxLength} characters`);
  if (s.minimum !== undefined) parts.push(`from ${s.minimum}`);
  if (s.maximum !== undefined) parts.push(`to ${s.maximum}`);
  return parts.join(" ");
}

function rows(table: HTMLElement, schema: Schema, prefix: string): void {
  for (const [name, s] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(name) ? "required" : "";
    table.append(
      el(
        "tr",
        {},
        el("td", {}, el("code", {}, prefix + name)),
        el("td", {}, kind(s)),
        el("td", {}, required),
        el("td", {}, [s.description ?? "", bounds(s)].filter((t) => t !== "").join(" · ")),
      ),
    );
    if (s.properties) rows(table, s, `${prefix}${name}.`);
    if (s.items?.properties) rows(table, s.items, `${prefix}${name}[].`);
  }
}

function fields(title: string, schema: Schema | undefined): Node[] {
  if (!schema?.properties) return [];
  const head = el("tr", {});
  for (const h of ["field", "type", "", "what it is"]) head.append(el("th", { scope: "col" }, h));
  const body = el("tbody", {});
  rows(body, schema, "");
  return [el("h4", {}, title), el("div", { class: "wide", tabindex: "0" }, el("table", {}, el("thead", {}, head), body))];
}

function parameters(list: Parameter[]): Node[] {
  const schema: Schema = { properties: {}, required: [] };
  for (const p of list) {
    const described = p.description === undefined ? {} : { description: p.description };
    schema.properties![`${p.name} (${p.in})`] = { ...p.schema, ...described };
    if (p.required) schema.required!.push(`${p.name} (${p.in})`);
  }
  return list.length > 0 ? fields("Parameters", schema) : [];
}

function firstSchema(content: Record<string, Media> | undefined): Schema | undefined {
  return content?.["application/json"]?.schema;
}

function section(path: string, method: string, op: Operation): HTMLElement {
  const id = `${method}${path}`;
  const codes = Object.keys(op.responses ?? {});
  const good = codes.find((c) => c.startsWith("2"));
  const node = el(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    el("h3", { id: `${id}-title` }, el("span", { class: `method ${method}` }, method.toUpperCase()), " ", el("code", {}, path)),
    el("p", {}, op.summary ?? ""),
  );
  if (op.description) node.append(el("p", { class: "note" }, op.description));
  node.append(...parameters(op.parameters ?? []));
  node.append(...fields("Body", firstSchema(op.requestBody?.content)));
  if (good) node.append(...fields(`Answer ${good}`, firstSchema(op.responses?.[good]?.content)));
  node.append(el("p", { class: "note" }, `Answers: ${codes.join(", ")}`));
  return node;
}

async function main(): Promise<void> {
  const response = await fetch("/api/v1/openapi.json");
  const doc = (await response.json()) as Document;
  byId("about").textContent = `${doc.info.title} ${doc.info.version}. ${doc.info.description ?? ""}`;
  const nav = el("ul", {});
  for (const [path, operations] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(operations)) {
      if (typeof op !== "object" || !("responses" in op)) continue;
      byId("routes").append(section(path, method, op));
      nav.append(
        el("li", {}, el("a", { href: `#${method}${path}` }, el("span", { class: `method ${method}` }, method.toUpperCase()), " ", path)),
      );
    }
  }
  byId("nav").append(nav);
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

main().catch(() => {
  byId("about").textContent = "The reference could not be loaded. Reload the page to try again.";
});
