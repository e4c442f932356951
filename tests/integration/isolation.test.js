/* A text of one tenant never reaches another, under the same file name and the same question. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { FakeOpenAI, promptOf } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { exchange, fill, furnish, kindsOf, routeTable } from '../lib/probe.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { visitorOf } from '../lib/visitor.js';

const scope = fileScope();
const marker = 'quetzalcoatlus';
const question = 'What is the price of the winter tyre change?';
const price = (words) => `# Prices\n\nThe price of the winter tyre change is ${words} at our shop.\n\nA tyre change takes one hour.\n`;
const filler = (n) => `# Page ${n}\n\nThe winter tyre change, the summer tyre change and the price list number ${n} of the shop.\n`;
let mc, model, a, b, c;

before(async () => {
  model = await FakeOpenAI.start(scope, { answer: (request) => `From the documents: ${promptOf(request).length} characters. [1]` });
  mc = await Metachat.start(scope, { env: { METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-test', METACHAT_LOG_LEVEL: 'debug' } });
  [a, b, c] = await Promise.all(['Isolation A', 'Isolation B', 'Isolation C'].map((name) => mc.tenant(name)));
  await b.addDocument('prices.md', price('forty pounds'));
});

const search = (api) => api.data('POST', '/search', { query: question, limit: 20 });
const scoresOf = async (api) => JSON.stringify((await search(api)).passages.map((p) => [p.documentName, p.score, p.coverage, p.text]));

// shows: TEN-7
test("B's results are the same before and after A adds documents", async () => {
  const before = await scoresOf(b);
  assert.match(before, /forty pounds/);
  await a.addDocument('prices.md', price(`${marker} ninety pounds`), { metadata: { title: marker, author: marker, tags: marker } });
  for (let n = 0; n < 30; n++) await a.addDocument(`${marker}-${n}.md`, filler(n));
  assert.equal(await scoresOf(b), before);
  assert.match(await scoresOf(a), new RegExp(marker));
});

// shows: TEN-7
test("A's results are the same before and after B adds and deletes documents", async () => {
  const before = await scoresOf(a);
  const added = [];
  for (let n = 0; n < 10; n++) added.push(await b.addDocument(`page-${n}.md`, filler(n)));
  assert.equal(await scoresOf(a), before);
  for (const { id } of added) assert.equal((await b.delete(`/documents/${id}`)).status, 204);
  await quiet(mc);
  assert.equal(await scoresOf(a), before);
});

// shows: TEN-7, ASST-13
test('a tenant without documents finds nothing and knows nothing', async () => {
  const { passages, known } = await search(c);
  assert.deepEqual(passages, []);
  assert.equal(known, false);
  const answer = await c.chat(question);
  assert.equal(answer.contextUsed, false);
  assert.doesNotMatch(JSON.stringify(answer), /pounds/);
});

// shows: TEN-7
test('the answer and the prompt of B hold nothing of A', async () => {
  const extractive = await b.chat(question);
  assert.match(extractive.reply, /forty pounds/);
  await b.data('PUT', '/tenant/assistant', { provider: 'openai' });
  const before = model.requests.length;
  const { conversationId } = await b.chat(question, { contact: { name: 'Bea' } });
  await b.chat('And how long does it take?', { conversationId });
  const prompts = model.requests.slice(before).map((r) => r.text);
  assert.ok(prompts.length >= 2);
  assert.ok(prompts.some((p) => p.includes('forty pounds')));
  for (const prompt of prompts) assert.doesNotMatch(prompt, new RegExp(`${marker}|${a.tenantId}|ninety`));
});

// shows: TEN-7
test('the same external and client ids in two tenants are two things', async () => {
  const open = (api) => api.data('POST', '/conversations', { channelType: 'webchat', externalId: 'shared-id', contact: { externalId: 'user-1', name: `of ${api.tenantId}` } });
  const [ofA, ofB] = [await open(a), await open(b)];
  assert.notEqual(ofA.id, ofB.id);
  assert.notEqual(ofA.contactId, ofB.contactId);
  const say = (api) => api.chat(question, { clientMessageId: 'shared-message', contact: { externalId: 'user-1' } });
  const [sayA, sayB] = [await say(a), await say(b)];
  assert.notEqual(sayA.messageId, sayB.messageId);
  assert.match(sayA.reply, new RegExp(marker));
  assert.doesNotMatch(sayB.reply, new RegExp(marker));
  const once = (api, externalId) => api.post('/conversations', { channelType: 'api', externalId }, { headers: { 'Idempotency-Key': 'shared-key' } });
  const [first, second] = [await once(a, 'x'), await once(b, 'y')];
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.notEqual(first.body.data.id, second.body.data.id);
});

// shows: TEN-8
test('each tenant has a widget of its own', async () => {
  const ofA = await a.data('PUT', '/tenant/widget', { title: marker, origins: [`https://${marker}.example`] });
  const ofB = await b.data('GET', '/tenant/widget');
  assert.notEqual(ofB.key, ofA.key);
  assert.doesNotMatch(JSON.stringify(ofB), new RegExp(marker));
  const config = await mc.api().get(`/public/widget/config?key=${ofB.key}`);
  assert.equal(config.body.data.title, 'Isolation B');
  const origin = { headers: { Origin: `https://${marker}.example` } };
  assert.equal((await mc.api().post('/public/widget/session', { key: ofB.key }, origin)).status, 403);
});

// shows: TEN-8
test('no list and no thing of B holds anything of A', async () => {
  const things = await furnish(b, 'harmless');
  const rows = (await routeTable(mc)).filter((row) => row.method === 'GET' && row.who !== 'public' && row.who !== 'platform');
  const foreign = new RegExp(`${marker}|${a.tenantId}`);
  const visitor = await visitorOf(mc, b);
  const { conversationId: own } = await visitor.chat(question);
  let seen = 0;
  for (const row of rows) {
    const [api, has] = row.visitorsOnly ? [visitor, { ...things, conversation: own }] : [b, things];
    const path = fill(row.path, has).replace('/api/v1', '');
    const text = row.list ? JSON.stringify(await api.all(path)) : (await api.get(path)).text;
    seen += text.length > 50;
    assert.doesNotMatch(text, foreign, row.name);
  }
  assert.ok(seen >= 8, `${seen} of ${rows.length} had something to show`);
});

// shows: TEN-8
test('what B reads by ids of A is not there', async () => {
  const things = await furnish(a, `${marker}two`);
  const visitor = await visitorOf(mc, b);
  for (const row of (await routeTable(mc)).filter((r) => kindsOf(r.path).length && !['public', 'platform'].includes(r.who))) {
    const headers = { authorization: `Bearer ${row.visitorsOnly ? visitor.token : b.key}` };
    const answer = await exchange(mc.url, row.method, fill(row.path, things), { headers });
    assert.ok([400, 404].includes(answer.status), `${row.name}: ${answer.status}`);
    assert.doesNotMatch(answer.text, new RegExp(marker), row.name);
  }
});

// shows: API-11
test('a cursor of A opens nothing in B', async () => {
  const { body } = await a.get('/documents?limit=1');
  const answer = await b.get(`/documents?limit=1&cursor=${encodeURIComponent(body.page.next)}`);
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error.code, 'INVALID_CURSOR');
});

// shows: TEN-10
test("B's event stream brings B's events only, in both directions", async () => {
  const seen = [];
  const stop = new AbortController();
  const from = (await b.all('/events')).at(-1).seq;
  const reading = (async () => {
    for await (const frame of b.stream('GET', `/events?since=${from}`, { signal: stop.signal })) {
      seen.push(frame);
      if (JSON.stringify(frame).includes('conversation.closed')) break;
    }
  })();
  await a.chat(`${marker} ${question}`);
  await a.addDocument('later.md', `${marker} again`);
  const { conversationId } = await b.chat(question);
  await a.chat(question);
  await b.data('PATCH', `/conversations/${conversationId}`, { status: 'closed' });
  await reading;
  stop.abort();
  assert.ok(seen.length > 3);
  assert.deepEqual(seen.map((f) => Number(f.id)), seen.map((_, i) => from + 1 + i), 'the numbers have no holes');
  assert.doesNotMatch(JSON.stringify(seen), new RegExp(`${marker}|${a.tenantId}`));
});

// shows: OBS-2
test('no text of a document or a message is in the log, not even at its finest', async () => {
  await quiet(mc);
  assert.ok(mc.log.length > 50);
  for (const line of mc.log) assert.doesNotMatch(JSON.stringify(line), new RegExp(`${marker}|forty pounds|winter tyre`), line.event);
  const tenants = new Set(mc.log.map((line) => line.tenantId).filter(Boolean));
  assert.ok(tenants.has(a.tenantId) && tenants.has(b.tenantId));
});
