import { byId, el } from "../shared/dom";
import { bounds, kind, resolve, type Media, type OpenApi, type Operation, type Parameter, type Schema } from "./openapi";

interface Row {
  name: string;
  schema: Schema;
  required: boolean;
  place?: string; /* of a parameter: query, path or header */
}

function rowsOf(schema: Schema, prefix = ""): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, s]) => [
    { name: prefix + name, schema: s, required: schema.required?.includes(name) ?? false },
    ...rowsOf(s, `${prefix}${name}.`),
    ...(s.items ? rowsOf(s.items, `${prefix}${name}[].`) : []),
  ]);
}

function table(title: string, rows: Row[]): Node[] {
  if (rows.length === 0) return [];
  const head = el("tr", {});
  for (const h of ["Field", "Type", "What it is"]) head.append(el("th", { scope: "col" }, h));
  const body = el("tbody", {});
  for (const { name, schema, required, place } of rows) {
    const field = el("td", {}, el("code", {}, name));
    if (required) field.append(" ", el("span", { class: "required" }, "required"));
    const words = [schema.description ?? "", bounds(schema)].filter((t) => t !== "").join(" · ");
    const type = place ? `${kind(schema)}, ${place}` : kind(schema);
    body.append(el("tr", {}, field, el("td", { class: "type" }, type), el("td", {}, words)));
  }
  const scroll = el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": title });
  scroll.append(el("table", {}, el("thead", {}, head), body));
  return [el("h4", {}, title), scroll];
}

function parameterRows(doc: OpenApi, op: Operation): Row[] {
  return (op.parameters ?? []).map((thing) => {
    const p = resolve<Parameter>(doc, thing);
    const schema = p.description ? { ...p.schema, description: p.description } : (p.schema ?? {});
    return { name: p.name, schema, required: p.required ?? false, place: p.in };
  });
}

const json = (content: Record<string, Media> | undefined) => content?.["application/json"]?.schema;

/* The envelope is told once, at the top. */
function dataOf(schema: Schema | undefined): Schema | undefined {
  const data = schema?.properties?.["data"];
  return data ? (data.items ?? data) : schema;
}

function badge(method: string): HTMLElement {
  return el("span", { class: `method ${method}` }, method.toUpperCase());
}

function access(op: Operation): string {
  if (!op["x-role"] || op["x-role"] === "public") return "Open to everybody";
  const scope = op["x-scope"] ? `, a key with the scope ${op["x-scope"]}` : "";
  return `For: ${op["x-role"]}${scope}`;
}

function section(doc: OpenApi, path: string, method: string, op: Operation): HTMLElement {
  const id = `${method}${path}`;
  const codes = Object.keys(op.responses ?? {});
  const good = codes.find((c) => c.startsWith("2")) ?? "200";
  const answer = json(op.responses?.[good]?.content);
  const isList = answer?.properties?.["data"]?.type === "array";
  const body = json(op.requestBody?.content);
  const node = el("section", { id, "aria-labelledby": `${id}-title` });
  node.append(
    el("h3", { id: `${id}-title` }, badge(method), " ", el("code", {}, path)),
    el("p", {}, `${op.summary ?? ""}.`),
    el("p", { class: "note" }, access(op)),
    ...table("Parameters", parameterRows(doc, op)),
    ...table("Body", body ? rowsOf(body) : []),
    ...table(isList ? `Answer ${good}: a list of` : `Answer ${good}`, rowsOf(dataOf(answer) ?? {})),
    el("p", { class: "note" }, `Answers: ${codes.join(", ")}`),
  );
  return node;
}

interface Group {
  sections: HTMLElement;
  links: HTMLElement;
}

function groupOf(groups: Map<string, Group>, title: string): Group {
  let group = groups.get(title);
  if (!group) {
    const words = title.replace(/-/g, " ").replace(/^api\b/, "API");
    group = { sections: el("div", {}, el("h2", {}, words)), links: el("ul", {}) };
    groups.set(title, group);
    byId("routes").append(group.sections);
    byId("nav").append(el("div", { class: "group" }, el("p", { class: "title" }, words), group.links));
  }
  return group;
}

const short = (path: string) => path.replace(/^\/api\/v1/, "");

/* The API comes first, probes and pages last. */
function entries(doc: OpenApi): [string, string, Operation][] {
  const all = Object.entries(doc.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, op]) => typeof op === "object" && "responses" in op)
      .map(([method, op]) => [path, method, op] as [string, string, Operation]),
  );
  const isPage = ([path]: [string, string, Operation]) => !path.startsWith("/api/v1/") || path.includes("/health");
  return [...all.filter((e) => !isPage(e)), ...all.filter(isPage)];
}

function filter(words: string): void {
  const wanted = words.trim().toLowerCase().split(/\s+/);
  for (const item of document.querySelectorAll<HTMLElement>("#nav li")) {
    const told = (item.textContent ?? "").toLowerCase();
    item.hidden = !wanted.every((w) => told.includes(w));
  }
  for (const group of document.querySelectorAll<HTMLElement>("#nav .group")) {
    group.hidden = !group.querySelector("li:not([hidden])");
  }
}

async function main(): Promise<void> {
  const response = await fetch("/api/v1/openapi.json");
  const doc = (await response.json()) as OpenApi;
  byId("about").textContent = `${doc.info.title} ${doc.info.version}. ${doc.info.summary ?? ""}`;
  const groups = new Map<string, Group>();
  for (const [path, method, op] of entries(doc)) {
    const isPage = !path.startsWith("/api/v1/") || path.includes("/health");
    const group = groupOf(groups, isPage ? "pages and probes" : (op.tags?.[0] ?? "other"));
    group.sections.append(section(doc, path, method, op));
    const link = el("a", { href: `#${method}${path}`, title: `${method.toUpperCase()} ${path}` }, badge(method), " ", short(path) || "/");
    group.links.append(el("li", {}, link));
  }
  const search = byId<HTMLInputElement>("filter");
  search.addEventListener("input", () => filter(search.value));
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

main().catch(() => {
  byId("about").textContent = "The reference could not be loaded. Reload the page to try again.";
});
