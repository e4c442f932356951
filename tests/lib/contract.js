/* The OpenAPI document as a contract: every answer that Api gets is held against it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { faults } from './schema.js';

let document;
let operations;

/** The document that the program prints. */
export function openapi(binary) {
  document ??= JSON.parse(execFileSync(binary, ['routes', '--openapi'], { encoding: 'utf8', maxBuffer: 64 << 20 }));
  return document;
}

function table(doc) {
  return Object.entries(doc.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      form: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
      operation,
    })),
  );
}

/** The operation that serves it, or undefined when none is declared. */
export function operationOf(doc, method, path) {
  operations ??= table(doc);
  return operations.find((o) => o.method === method && o.form.test(path))?.operation;
}

/** What an answer of the program says that the document does not. */
export function contractFaults(doc, method, path, { status, body }) {
  const operation = operationOf(doc, method, path);
  if (!operation || body === undefined) return [];
  const declared = operation.responses[status] ?? operation.responses.default;
  if (!declared) return [`status ${status} is not declared`];
  const response = declared.$ref ? declared.$ref.replace(/^#\//, '').split('/').reduce((at, name) => at[name], doc) : declared;
  const schema = response.content?.['application/json']?.schema;
  return schema ? faults(schema, body, doc, 'body') : [];
}

export function assertContract(binary, method, path, answer) {
  const wrong = contractFaults(openapi(binary), method, path, answer);
  assert.deepEqual(wrong, [], `${method} ${path} answers as the contract says`);
}
