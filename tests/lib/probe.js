/* Every route of the program, with what is needed to call it: the table that probes go through. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { sample } from './schema.js';

/** One exchange, with the path and the headers as they are: fetch() would tidy them up. */
export function exchange(url, method, path, { headers = {}, body } = {}) {
  const { hostname, port } = new URL(url);
  return new Promise((done, fail) => {
    const req = request({ host: hostname, port, method, path, headers, agent: false }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => done(answerOf(res, Buffer.concat(parts).toString('utf8'))));
      res.on('error', fail);
    });
    req.on('error', fail);
    req.end(body);
  });
}

function answerOf(res, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status: res.statusCode, headers: new Headers(Object.entries(res.headers).map(([k, v]) => [k, String(v)])), text, body };
}

/** Rows of `metachat routes --json`, each with {name, params, body, query …}. */
export async function routeTable(mc) {
  const { code, stdout } = await mc.run('routes', '--json');
  assert.equal(code, 0);
  return JSON.parse(stdout).map((row) => ({ ...row, name: `${row.method} ${row.path}` }));
}

/* What a parameter names, by the segment before it: "/conversations/:id/messages" takes the id of a
 * conversation, "/widget/:version/:file" the file of a version. */
const kindOf = (segment) => segment.replace(/^:/, '').replace(/ies$/, 'y').replace(/s$/, '');

export function kindsOf(path) {
  const segments = path.split('/');
  return segments.flatMap((s, i) => (s.startsWith(':') ? [kindOf(segments[i - 1])] : []));
}

/** The path with ids from things, {conversation: id, document: id, …}. */
export function fill(path, things) {
  const kinds = kindsOf(path);
  return path.replace(/:\w+/g, () => {
    const kind = kinds.shift();
    assert.ok(things[kind], `the probe has no ${kind} for ${path}: make one in furnish()`);
    return things[kind];
  });
}

/** Makes one of each thing that a path can name, with the marker in every text; gives their ids. */
export async function furnish(api, marker) {
  const document = await api.addDocument(`${marker}.md`, `# Hours ${marker}\n\nThe ${marker} shop opens at nine on Saturday.\n`);
  assert.equal(document.status, 'ready', document.error);
  const answer = await api.chat(`When does the ${marker} shop open on Saturday?`, { contact: { name: marker } });
  const key = await api.data('POST', '/api-keys', { name: marker, scopes: 'search' });
  const [, version, file] = /\/widget\/([\w.]+)\/([\w.]+)/.exec((await api.get('//widget.js')).text);
  return {
    tenant: api.tenantId,
    document: document.id,
    conversation: answer.conversationId,
    message: answer.messageId,
    turn: answer.turnId,
    citation: '1',
    'api-key': key.id,
    widget: version,
    version: file,
  };
}

/** A body that the row accepts by its form. */
export const bodyOf = (row) => (row.body ? sample(row.body) : undefined);

export const security = {
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^no-referrer$/,
  'content-security-policy': /default-src '(none|self)'/,
  'cache-control': /no-store|no-cache|max-age/,
  'x-request-id': /^[\w.-]{1,128}$/,
};

/** What is wrong with an answer that must be an error, as a list of sentences. */
export function errorFaults(answer, statuses, code) {
  const wrong = headFaults(answer);
  if (![statuses].flat().includes(answer.status)) wrong.push(`status ${answer.status} instead of ${statuses}: ${answer.text.slice(0, 200)}`);
  const error = answer.body?.error;
  if (answer.body?.success !== false || !error) return [...wrong, `no standard error body: ${answer.text.slice(0, 200)}`];
  const members = { code: 'string', message: 'string', requestId: 'string', timestamp: 'string' };
  for (const [name, type] of Object.entries(members)) if (typeof error[name] !== type) wrong.push(`error.${name} is no ${type}`);
  if (!Array.isArray(error.details)) wrong.push('error.details is no list');
  if (error.requestId !== answer.headers.get('x-request-id')) wrong.push('the request ids differ');
  if (!/^application\/json/.test(answer.headers.get('content-type') ?? '')) wrong.push('the error is no JSON');
  if (code && ![code].flat().includes(error.code)) wrong.push(`code ${error.code} instead of ${code}`);
  return wrong;
}

export function headFaults(answer) {
  return Object.entries(security)
    .filter(([name, form]) => !form.test(answer.headers.get(name) ?? ''))
    .map(([name]) => `header ${name}: ${answer.headers.get(name)}`);
}

/** Gathers faults of many probes, so that one run shows them all. */
export class Verdict {
  constructor() {
    this.faults = [];
    this.probes = 0;
  }

  add(what, faults) {
    this.probes += 1;
    this.faults.push(...faults.map((fault) => `${what}: ${fault}`));
  }

  done() {
    assert.ok(this.probes > 0, 'nothing was probed');
    assert.deepEqual(this.faults, []);
  }
}
