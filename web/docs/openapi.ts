/* What of an OpenAPI document the reference shows. */

export interface Schema {
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: (string | null)[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  default?: unknown;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
  description?: string;
}

type Reference = { $ref: string };

export interface Media {
  schema?: Schema;
}

export interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: (Parameter | Reference)[];
  requestBody?: { content?: Record<string, Media> };
  responses?: Record<string, { description?: string; content?: Record<string, Media> }>;
  "x-role"?: string;
  "x-scope"?: string;
}

export interface OpenApi {
  info: { title: string; version: string; summary?: string };
  paths: Record<string, Record<string, Operation>>;
}

/** The thing itself, where the document only points to it. */
export function resolve<T extends object>(doc: OpenApi, thing: T | Reference): T {
  if (!("$ref" in thing)) return thing;
  let at: unknown = doc;
  for (const name of thing.$ref.slice(2).split("/")) at = (at as Record<string, unknown>)[name];
  return at as T;
}

/** What a value of the schema is, in a few words. */
export function kind(s: Schema | undefined): string {
  if (!s) return "";
  if (s.enum) return s.enum.filter((v) => v !== null).join(" | ");
  const types = [s.type ?? []].flat().filter((t) => t !== "null");
  return types[0] === "array" ? `list of ${kind(s.items) || "values"}` : (s.format ?? types.join(" or "));
}

/** Its limits, in words; empty when there are none that matter. */
export function bounds(s: Schema): string {
  const parts: string[] = [];
  const count = (n: number) => n.toLocaleString("en");
  if (s.minLength && s.maxLength !== undefined) parts.push(`${count(s.minLength)} to ${count(s.maxLength)} characters`);
  else if (s.maxLength !== undefined) parts.push(`at most ${count(s.maxLength)} characters`);
  if (s.minimum !== undefined && s.maximum !== undefined) parts.push(`${count(s.minimum)} to ${count(s.maximum)}`);
  if (s.default !== undefined) parts.push(`default ${String(s.default)}`);
  return parts.join(", ");
}
