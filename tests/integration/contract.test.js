/* The OpenAPI document: that it is one, that it says what the route table says, and that the
 * program answers as it says. (Every answer that the other suites get is held against it as well:
 * lib/contract.js.) */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { binary } from '../lib/binary.js';
import { contractFaults, openapi, operationOf } from '../lib/contract.js';
import { Metachat } from '../lib/metachat.js';
import { bodyOf, exchange, fill, furnish, routeTable, Verdict } from '../lib/probe.js';
import { fileScope } from '../lib/scratch.js';
import { faults, resolve } from '../lib/schema.js';
import { visitorOf } from '../lib/visitor.js';

const scope = fileScope();
const operatorToken = 'operator-token-of-the-contract-test';
const doc = openapi(binary);
let mc, rows, shop, things;

before(async () => {
  mc = await Metachat.start(scope, { env: { METACHAT_OPERATOR_TOKEN: operatorToken } });
  rows = await routeTable(mc);
  shop = await mc.tenant('Contract');
  things = await furnish(shop, 'contract');
});

const template = (path) => path.replace(/:(\w+)/g, '{$1}');
const operations = () =>
  Object.entries(doc.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ method, path, operation })));

/* Every object inside, with its place. */
function* inside(value, at = '#') {
  if (typeof value !== 'object' || value === null) return;
  yield [at, value];
  for (const [name, member] of Object.entries(value)) yield* inside(member, `${at}/${name.replaceAll('/', '~1')}`);
}

// shows: API-2
test('it is an OpenAPI 3.1 document', () => {
  assert.equal(doc.openapi, '3.1.0');
  assert.ok(doc.info.title && doc.info.version);
  const known = ['openapi', 'info', 'servers', 'paths', 'components', 'security', 'tags', 'jsonSchemaDialect', 'externalDocs', 'webhooks'];
  assert.deepEqual(Object.keys(doc).filter((name) => !known.includes(name)), []);
  for (const server of doc.servers ?? []) assert.equal(typeof server.url, 'string');
  for (const [name, scheme] of Object.entries(doc.components.securitySchemes)) {
    assert.ok(['http', 'apiKey'].includes(scheme.type), name);
    assert.ok(scheme.type === 'http' ? scheme.scheme : scheme.name && scheme.in, name);
  }
});

test('every reference leads somewhere', () => {
  let count = 0;
  for (const [at, { $ref }] of inside(doc)) {
    if (typeof $ref !== 'string') continue;
    count += 1;
    assert.ok(resolve(doc, $ref), `${at}: ${$ref}`);
  }
  assert.ok(count > 10);
});

test('every operation is well formed', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
  for (const { method, path, operation } of operations()) {
    const name = `${method} ${path}`;
    assert.ok(path.startsWith('/'), name);
    assert.ok(['get', 'post', 'put', 'patch', 'delete'].includes(method), name);
    assert.match(operation.operationId, /^[a-z]\w+$/, name);
    assert.ok(operation.summary, name);
    const parameters = (operation.parameters ?? []).map((p) => (p.$ref ? resolve(doc, p.$ref) : p));
    for (const p of parameters) {
      assert.ok(p.name && ['path', 'query', 'header'].includes(p.in) && p.schema, `${name}: ${JSON.stringify(p)}`);
      assert.ok(p.in !== 'path' || p.required, name);
    }
    const places = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
    assert.deepEqual(parameters.filter((p) => p.in === 'path').map((p) => p.name), places, name);
    assert.equal(new Set(parameters.map((p) => `${p.in} ${p.name}`)).size, parameters.length, name);
    for (const [status, response] of Object.entries(operation.responses)) {
      assert.match(status, /^([1-5]\d\d|default)$/, name);
      assert.ok((response.$ref ? resolve(doc, response.$ref) : response).description, name);
    }
    assert.ok(Object.keys(operation.responses).some((s) => /^[23]/.test(s)), name);
    for (const need of operation.security ?? []) for (const s of Object.keys(need)) assert.ok(doc.components.securitySchemes[s], name);
    if (operation.requestBody) assert.ok(Object.keys(operation.requestBody.content).length, name);
  }
});

test('every schema uses only what JSON Schema knows, and rightly', () => {
  const types = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'];
  for (const [at, value] of inside(doc)) {
    if (!/\/schemas?(\/|$)/.test(at) || !('type' in value) || typeof value.type === 'object' && !Array.isArray(value.type)) continue;
    for (const type of [value.type].flat()) assert.ok(types.includes(type), `${at}: ${type}`);
    if (value.required) for (const name of value.required) assert.ok(value.properties?.[name], `${at} requires ${name}`);
    if (value.minLength !== undefined && value.maxLength !== undefined) assert.ok(value.minLength <= value.maxLength, at);
    if (value.minimum !== undefined && value.maximum !== undefined) assert.ok(value.minimum <= value.maximum, at);
    if ([value.type].flat().includes('array')) assert.ok(value.items, at);
    if (value.enum) assert.equal(new Set(value.enum).size, value.enum.length, at);
    const probe = faults(value, undefined, doc).filter((f) => f.includes('unknown keyword'));
    assert.deepEqual(probe, [], at);
  }
});

// shows: API-2
test('it holds every row of the route table, and nothing else', () => {
  const declared = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort();
  assert.deepEqual(declared, rows.map((row) => `${row.method} ${template(row.path)}`).sort());
  for (const row of rows) {
    const operation = doc.paths[template(row.path)][row.method.toLowerCase()];
    assert.equal(operation['x-role'], row.who, row.name);
    assert.equal(operation['x-scope'] ?? null, row.scope, row.name);
    assert.equal(operation['x-rate-class'], row.rate, row.name);
    assert.equal(operation.summary, row.summary, row.name);
    assert.ok(operation.responses[row.status || 200], row.name);
    assert.equal((operation.security ?? []).length > 0, row.who !== 'public', row.name);
    assert.deepEqual(operation.requestBody?.content?.['application/json']?.schema ?? null, row.body, row.name);
    assert.equal('multipart/form-data' in (operation.requestBody?.content ?? {}), row.multipart, row.name);
    const errors = Object.keys(operation.responses).filter((s) => /^[45]|default/.test(s));
    assert.ok(errors.length, row.name);
    if (row.who !== 'public') assert.ok(operation.responses[401] && operation.responses[403], row.name);
  }
});

test('the server hands out the same document, with its own address', async () => {
  const { body } = await mc.api().get('/openapi.json');
  const { servers: mine, ...printed } = doc;
  const { servers, ...served } = body;
  assert.deepEqual(served, printed);
  assert.ok(Array.isArray(servers ?? []) && Array.isArray(mine ?? []));
});

// shows: TEST-9
test('every route answers as its schema says', async () => {
  const verdict = new Verdict();
  const visitor = await visitorOf(mc, shop);
  const { conversationId: own } = await visitor.chat('Hello');
  const reads = rows.filter((row) => row.method === 'GET' && !row.raw);
  const rest = rows.filter((row) => row.method !== 'GET' && !row.raw);
  const order = ['PUT', 'PATCH', 'POST', 'DELETE'];
  rest.sort((x, y) => order.indexOf(x.method) - order.indexOf(y.method));
  for (const row of [...reads, ...rest]) {
    const path = fill(row.path, row.visitorsOnly ? { ...things, conversation: own } : things);
    const query = row.query?.required?.includes('key') ? `?key=${visitor.widgetKey}` : '';
    const token = row.who === 'platform' ? operatorToken : row.visitorsOnly ? visitor.token : shop.key;
    const body = row.method === 'GET' || !row.body ? undefined : JSON.stringify({ ...bodyOf(row), ...fitting(row.name, visitor) });
    const headers = { authorization: `Bearer ${token}`, origin: visitor.origin, ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}) };
    const answer = await exchange(mc.url, row.method, path + query, { headers, body });
    const wrong = contractFaults(doc, row.method, path, answer);
    if (answer.status >= 300) wrong.push(`status ${answer.status}: ${answer.text}`);
    else if (answer.status !== 204 && !row.raw && answer.body?.success !== true) wrong.push('no success envelope');
    if (row.name.endsWith('/suspend')) await exchange(mc.url, 'POST', path.replace('suspend', 'resume'), { headers });
    verdict.add(row.name, wrong);
  }
  verdict.done();
});

/* Where a body must mean something, besides having the right form. */
const fitting = (name, visitor) => ({
  'POST /api/v1/api-keys': { scopes: 'search' },
  'PATCH /api/v1/tenant': { timeZone: 'Europe/Berlin', language: 'de' },
  'PUT /api/v1/tenant/widget': { origins: [visitor.origin], color: '#123456', privacyUrl: 'https://shop.example/privacy' },
  'POST /api/v1/public/widget/session': { key: visitor.widgetKey, token: visitor.token },
  'POST /api/v1/chat': { conversation: '' },
})[name];

// shows: API-3
test('every error says one of the declared codes', async () => {
  const codes = resolve(doc, '#/components/schemas/Error').properties.error.properties.code.enum;
  assert.ok(codes.includes('VALIDATION_ERROR') && codes.includes('RATE_LIMITED'));
  for (const [path, options] of [['/nothing', {}], ['/documents', {}], ['/documents/x', { headers: { authorization: `Bearer ${shop.key}` } }]]) {
    const answer = await mc.api().get(path, options);
    assert.ok(codes.includes(answer.body.error.code), answer.text);
    assert.deepEqual(faults(resolve(doc, '#/components/schemas/Error'), answer.body, doc), [], answer.text);
  }
});

// shows: TEST-9
test('the check can fail', () => {
  assert.ok(operationOf(doc, 'GET', '/api/v1/tenant'));
  const wrong = contractFaults(doc, 'GET', '/api/v1/tenant', { status: 200, body: { success: true, data: { id: 'x' } } });
  assert.ok(wrong.some((f) => f.includes('id')) && wrong.some((f) => f.includes('is missing')));
  assert.ok(contractFaults(doc, 'GET', '/api/v1/tenant', { status: 299, body: {} }).length);
});
