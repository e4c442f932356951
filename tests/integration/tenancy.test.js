/* Tenants, their keys, and the operator. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { assertError } from '../lib/api.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
const operatorToken = 'operator-token-of-the-tenancy-test';
let mc, operator, shop;

before(async () => {
  mc = await Metachat.start(scope, { env: { METACHAT_OPERATOR_TOKEN: operatorToken, METACHAT_LOG_LEVEL: 'debug' } });
  operator = mc.api(operatorToken);
  shop = await mc.tenant('Tenancy');
});

const makeKey = (api, scopes, more = {}) => api.post('/api-keys', { name: 'made', scopes, ...more });

// shows: AUTH-3, AUTH-4
test('a key is shown once, works at once, and is listed without its secret', async () => {
  const made = await makeKey(shop, 'search documents:read');
  assert.equal(made.status, 201);
  const { apiKey, id } = made.body.data;
  assert.match(apiKey, /^mc_/);
  assert.equal((await shop.as(apiKey).get('/documents')).status, 200);
  assertError(await shop.as(apiKey).get('/events'), 403, 'FORBIDDEN');
  const listed = await shop.get('/api-keys');
  assert.doesNotMatch(listed.text, new RegExp(apiKey));
  const row = listed.body.data.find((k) => k.id === id);
  assert.equal(row.scopes, 'search documents:read');
  assert.ok(apiKey.startsWith(row.prefix) && apiKey.endsWith(row.last4));
  assert.equal('apiKey' in row, false);
});

// shows: AUTH-4
test('a revoked key fails at once, and stays so after a restart', async () => {
  const { apiKey, id } = (await makeKey(shop, 'search')).body.data;
  const user = shop.as(apiKey);
  const ask = () => user.post('/search', { query: 'anything at all' });
  assert.equal((await ask()).status, 200);
  assert.equal((await shop.delete(`/api-keys/${id}`)).status, 204);
  assertError(await ask(), 401, 'INVALID_TOKEN');
  await mc.stop();
  await mc.start();
  assertError(await ask(), 401, 'INVALID_TOKEN');
  assert.ok((await shop.all('/api-keys')).find((k) => k.id === id).revokedAt);
  const again = await shop.delete(`/api-keys/${id}`);
  assert.ok([204, 404, 409].includes(again.status), again.text);
});

test('a key can revoke itself, and is then out', async () => {
  const { apiKey, id } = (await makeKey(shop, 'keys:write')).body.data;
  assert.equal((await shop.as(apiKey).delete(`/api-keys/${id}`)).status, 204);
  assertError(await makeKey(shop.as(apiKey), 'keys:write'), 401);
});

// shows: AUTH-4
test('a key that has expired is refused', async () => {
  const soon = new Date(Date.now() + 1500).toISOString();
  const { apiKey } = (await makeKey(shop, 'search', { expiresAt: soon })).body.data;
  const ask = () => shop.as(apiKey).post('/search', { query: 'anything' });
  assert.equal((await ask()).status, 200);
  const end = Date.now() + 10_000;
  let answer = await ask();
  while (answer.status === 200 && Date.now() < end) answer = await ask();
  assertError(answer, 401, 'INVALID_TOKEN');
});

test('a key makes no key that holds more than itself', async () => {
  const weak = shop.as((await makeKey(shop, 'keys:write search')).body.data.apiKey);
  for (const scopes of ['*', 'documents:write', 'search documents:read', 'keys:write search chat']) {
    assertError(await makeKey(weak, scopes), 403, 'FORBIDDEN');
  }
  assert.equal((await makeKey(weak, 'search')).status, 201);
  assert.equal((await makeKey(weak, 'search keys:write')).status, 201);
});

test('scopes that do not exist are refused by name', async () => {
  for (const scopes of ['nonsense', 'search nonsense', 'platform', ' ', 'SEARCH', 'search,chat']) {
    const error = assertError(await makeKey(shop, scopes), 400, 'VALIDATION_ERROR');
    assert.equal(error.details[0].field, 'scopes', scopes);
  }
});

test('a key comes in either header, and both must agree', async () => {
  const stranger = mc.api();
  const other = (await makeKey(shop, 'tenant:read')).body.data.apiKey;
  const get = (headers) => stranger.get('/tenant', { headers });
  assert.equal((await get({ Authorization: `Bearer ${shop.key}` })).status, 200);
  assert.equal((await get({ Authorization: `bearer ${shop.key}` })).status, 200);
  assert.equal((await get({ 'X-Api-Key': shop.key })).status, 200);
  assert.equal((await get({ Authorization: `Bearer ${shop.key}`, 'X-Api-Key': shop.key })).status, 200);
  assertError(await get({ Authorization: `Bearer ${shop.key}`, 'X-Api-Key': other }), 401);
  assertError(await get({ Authorization: `Bearer ${other}`, 'X-Api-Key': shop.key }), 401);
  assertError(await get({ Authorization: `Bearer ${shop.key}`, 'X-Api-Key': '' }), 401);
  assertError(await get({ Authorization: 'Bearer', 'X-Api-Key': shop.key }), 401);
});

/* Not by readdir's own recursion: that of Node 18 stumbles over sockets. */
const filesUnder = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : entry.isFile() ? [path] : [];
  });

// shows: AUTH-4, AUTH-8, OBS-2
test('keys are in no file of the data folder and in no line of the log', async () => {
  const named = (await makeKey(shop, 'search')).body.data.apiKey;
  await shop.as(named).post('/search', { query: 'anything' });
  await shop.as(`${named.slice(0, -3)}xyz`).post('/search', { query: 'anything' });
  const secrets = [shop.key, named, operatorToken].map((key) => key.slice(-24));
  let bytes = 0;
  for (const file of filesUnder(mc.data)) {
    const content = readFileSync(file);
    bytes += content.length;
    for (const secret of secrets) assert.equal(content.includes(secret), false, file);
  }
  assert.ok(bytes > 100_000, 'the database was read');
  const log = JSON.stringify(mc.log);
  for (const secret of secrets) assert.equal(log.includes(secret), false);
});

// shows: AUTH-4
test('a suspended tenant is shut out at once, and comes back as it was', async () => {
  const tenant = await mc.tenant('To suspend');
  await tenant.addDocument('kept.md', '# Kept\n\nThe kept lamp costs nine pounds.\n');
  const suspended = await operator.data('POST', `/tenants/${tenant.tenantId}/suspend`);
  assert.equal(suspended.status, 'suspended');
  for (const [method, path] of [['GET', '/tenant'], ['GET', '/documents'], ['POST', '/chat']]) {
    assertError(await tenant.request(method, path, method === 'POST' ? { body: { message: 'x' } } : {}), 401);
  }
  assert.equal((await operator.data('GET', `/tenants/${tenant.tenantId}`)).status, 'suspended');
  assert.equal((await operator.data('POST', `/tenants/${tenant.tenantId}/resume`)).status, 'active');
  assert.match((await tenant.chat('What does the kept lamp cost?')).reply, /nine pounds/);
  assert.equal((await shop.get('/tenant')).status, 200, 'others were not touched');
});

test('the operator lists, makes and reads tenants, page by page', async () => {
  const made = await operator.data('POST', '/tenants', { name: 'Made by the operator' });
  assert.equal(made.status, 'active');
  const all = await operator.all('/tenants', { limit: 1 });
  assert.equal(new Set(all.map((t) => t.id)).size, all.length);
  assert.ok(all.some((t) => t.id === made.id) && all.some((t) => t.id === shop.tenantId));
  assert.equal((await operator.data('GET', `/tenants/${made.id}`)).name, 'Made by the operator');
});

// shows: TEN-6, TEN-14
test('the operator acts for a tenant by a token that is logged, and not otherwise', async () => {
  assertError(await operator.get('/documents'), 403, 'FORBIDDEN');
  const { token, expiresInSeconds } = await operator.data('POST', `/tenants/${shop.tenantId}/act`, { reason: 'looking at a complaint' });
  assert.equal(expiresInSeconds, 900);
  assert.equal((await mc.api(token).data('GET', '/tenant')).id, shop.tenantId);
  assertError(await mc.api(token).get('/tenants'), 403, 'FORBIDDEN');
  const [line] = mc.events('acting_for_tenant').slice(-1);
  assert.equal(line.tenant ?? line.tenantId, shop.tenantId);
  await operator.data('POST', `/tenants/${shop.tenantId}/suspend`);
  assertError(await mc.api(token).get('/tenant'), 401);
  await operator.data('POST', `/tenants/${shop.tenantId}/resume`);
});

test('a tenant changes its own name, language and time zone, and nothing foreign', async () => {
  const changed = await shop.data('PATCH', '/tenant', { name: 'Umbenannt', language: 'de', timeZone: 'Europe/Berlin' });
  assert.deepEqual([changed.name, changed.language, changed.timeZone], ['Umbenannt', 'de', 'Europe/Berlin']);
  for (const body of [{ timeZone: '../etc/passwd' }, { language: 'xx1' }, { language: '' }, { name: '   ' }, { name: null }, { status: 'suspended' }, { id: shop.tenantId }]) {
    assertError(await shop.patch('/tenant', body), 400, 'VALIDATION_ERROR');
  }
  assert.equal((await shop.data('GET', '/tenant')).name, 'Umbenannt');
});

// shows: LLM-6, CONF-7
test('the policy is versioned, bounded, and its key is write-only', async () => {
  const first = await shop.data('GET', '/tenant/assistant');
  const secret = 'sk-a-very-secret-model-key';
  const put = await shop.put('/tenant/assistant', { topK: 5, openai: { apiKey: secret } });
  assert.equal(put.status, 200, put.text);
  assert.equal(put.body.data.topK, 5);
  assert.ok(put.body.data.version > first.version);
  assert.equal(put.body.data.openai.apiKeySet, true);
  assert.doesNotMatch(put.text + (await shop.get('/tenant/assistant')).text, new RegExp(secret));
  const database = readFileSync(join(mc.data, 'metachat.db')).toString('latin1') + readFileSync(join(mc.data, 'metachat.db-wal')).toString('latin1');
  assert.equal(database.includes(secret), false, 'sealed in the database');
  const kept = await shop.data('PUT', '/tenant/assistant', { tone: 'formal' });
  assert.deepEqual([kept.topK, kept.openai.apiKeySet, kept.tone], [5, true, 'formal']);
  const cleared = await shop.data('PUT', '/tenant/assistant', { openai: { apiKey: '' } });
  assert.equal(cleared.openai.apiKeySet, false);
  for (const baseUrl of ['ftp://x', 'not an address', 'http://', 'file:///etc/passwd', 'http://user:pw@host/v1']) {
    assertError(await shop.put('/tenant/assistant', { openai: { baseUrl } }), 400, 'VALIDATION_ERROR');
  }
  for (const body of [{ topK: 0 }, { topK: 21 }, { temperature: 2.1 }, { tone: 'rude' }, { provider: 'none' }, { enabled: null }]) {
    assertError(await shop.put('/tenant/assistant', body), 400, 'VALIDATION_ERROR');
  }
});
