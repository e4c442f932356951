/* Conversations and their messages, as agents and programs see them. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { assertError } from '../lib/api.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
let mc, shop;

before(async () => {
  mc = await Metachat.start(scope);
  shop = await mc.tenant('Conversations');
});

const open = (api, externalId, more = {}) => api.data('POST', '/conversations', { channelType: 'webchat', externalId, ...more });

test('opening finds what is there', async () => {
  const first = await shop.post('/conversations', { channelType: 'webchat', externalId: 'open-1', contact: { name: 'Ann', email: 'ann@example.org' } });
  assert.equal(first.status, 201, first.text);
  const { id, status, priority, contactName, waitingSince, closedAt, assigneeId } = first.body.data;
  assert.deepEqual({ status, priority, contactName, waitingSince, closedAt, assigneeId }, { status: 'active', priority: 'normal', contactName: 'Ann', waitingSince: null, closedAt: null, assigneeId: null });
  const second = await shop.post('/conversations', { channelType: 'webchat', externalId: 'open-1' });
  assert.equal(second.status, 200);
  assert.equal(second.body.data.id, id);
  const other = await shop.post('/conversations', { channelType: 'api', externalId: 'open-1' });
  assert.equal(other.status, 201);
  assert.notEqual(other.body.data.id, id);
});

// shows: CONV-1
test('50 first messages at once make one conversation', async () => {
  const tenant = await mc.tenant('Race');
  const answers = await Promise.all(Array.from({ length: 50 }, () => tenant.post('/conversations', { channelType: 'webchat', externalId: 'race', contact: { externalId: 'racer' } })));
  assert.deepEqual(new Set(answers.map((a) => a.body.data.id)).size, 1);
  assert.equal(answers.filter((a) => a.status === 201).length, 1);
  assert.equal((await tenant.all('/conversations')).length, 1);
  assert.equal((await tenant.all('/events?type=conversation.created')).length, 1);
});

// shows: CONV-1, CONV-8
test('50 first chat messages with the same client id at once make one of everything', async () => {
  const tenant = await mc.tenant('Chat race');
  const answers = await Promise.all(Array.from({ length: 50 }, () => tenant.post('/chat', { message: 'Hello, is anybody there?', clientMessageId: 'first', contact: { externalId: 'racer' } })));
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
  for (const name of ['conversationId', 'messageId', 'turnId', 'reply']) {
    assert.equal(new Set(answers.map((a) => a.body.data[name])).size, 1, name);
  }
  assert.equal((await tenant.all('/conversations')).length, 1);
  assert.equal((await tenant.all('/events?type=message.received')).length, 1);
  assert.equal((await tenant.all('/events?type=turn.completed')).length, 1);
});

// shows: CONV-5
test('filters and words agree with what is there', async () => {
  const tenant = await mc.tenant('Filters');
  const made = [];
  for (let n = 0; n < 12; n++) {
    made.push(await open(tenant, `f-${n}`, { channelType: n % 3 ? 'webchat' : 'api', contact: { externalId: `p-${n}`, name: n % 2 ? `Ánn Ödd ${n}` : `Even 100%_${n}` } }));
  }
  await tenant.data('PATCH', `/conversations/${made[0].id}`, { status: 'closed' });
  await tenant.data('PATCH', `/conversations/${made[1].id}`, { status: 'assigned_human' });
  await tenant.data('PATCH', `/conversations/${made[2].id}`, { subject: 'About the order 4711' });
  const count = async (query) => (await tenant.all(`/conversations?${query}`, { limit: 5 })).length;
  assert.equal(await count('status=closed'), 1);
  assert.equal(await count('status=assigned_human'), 1);
  assert.equal(await count('status=active'), 10);
  assert.equal(await count('channel=api'), 4);
  assert.equal(await count('channel=webchat&status=active'), 7);
  assert.equal(await count('channel=whatsapp'), 0);
  assert.equal(await count('q=4711'), 1);
  assert.equal(await count('q=even'), 6);
  assert.equal(await count(`q=${encodeURIComponent('ann')}`) + (await count(`q=${encodeURIComponent('Ánn')}`)) >= 6, true);
  assert.equal(await count(`q=${encodeURIComponent('100%_')}`), 6);
  assert.equal(await count(`q=${encodeURIComponent('%')}`) <= 6, true);
  assert.equal(await count('q=nobody'), 0);
  assert.equal(await count('x'.replace('x', '')), 12);
});

// shows: CONV-4, API-11
test('a walk over pages sees each row once, while new ones arrive', async () => {
  const tenant = await mc.tenant('Pages');
  const there = [];
  for (let n = 0; n < 30; n++) there.push((await open(tenant, `p-${n}`)).id);
  const seen = [];
  let cursor = '';
  let extra = 0;
  do {
    const { body } = await tenant.get(`/conversations?limit=4${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    assert.ok(body.data.length <= 4);
    seen.push(...body.data.map((c) => c.id));
    cursor = body.page.next;
    await open(tenant, `new-${extra++}`);
  } while (cursor);
  assert.equal(new Set(seen).size, seen.length, 'none twice');
  assert.deepEqual(there.filter((id) => !seen.includes(id)), [], 'none left out');
});

// shows: CONV-4
test('the page is exact at its end', async () => {
  const tenant = await mc.tenant('Exact');
  for (let n = 0; n < 4; n++) await open(tenant, `e-${n}`);
  const whole = (await tenant.get('/conversations?limit=4')).body;
  assert.deepEqual([whole.data.length, whole.page.next], [4, null]);
  const three = (await tenant.get('/conversations?limit=3')).body;
  assert.ok(three.page.next);
  assert.equal((await tenant.get(`/conversations?limit=3&cursor=${encodeURIComponent(three.page.next)}`)).body.data.length, 1);
});

// shows: API-11
test('limits and cursors of every wrong kind are refused', async () => {
  const other = await mc.tenant('Other');
  for (const api of [shop, other]) for (let n = 0; n < 3; n++) await open(api, `limits-${n}`);
  for (const limit of ['0', '-1', '101', 'x', '', '1.5', '1e2', '0x1']) {
    assertError(await shop.get(`/conversations?limit=${limit}`), 400, 'VALIDATION_ERROR');
  }
  assert.equal((await shop.get('/conversations?limit=1')).body.data.length, 1);
  assert.equal((await shop.get('/conversations?limit=100')).status, 200);
  const mine = (await shop.get('/conversations?limit=1')).body.page.next;
  const theirs = (await other.get('/conversations?limit=1')).body.page.next;
  const flipped = mine.slice(0, 5) + (mine[5] === 'A' ? 'B' : 'A') + mine.slice(6);
  const refuse = async (path, cursor) => assertError(await shop.get(`${path}?cursor=${encodeURIComponent(cursor)}`), 400, 'INVALID_CURSOR');
  for (const cursor of ['garbage', flipped, theirs, mine.slice(0, -1), `${mine}A`, '../..', 'AAAA']) await refuse('/conversations', cursor);
  await refuse('/documents', mine);
  await refuse('/events', mine);
  const [{ id }] = await shop.all('/conversations');
  await refuse(`/conversations/${id}/messages`, mine);
});

// shows: CONV-2
test('what may be changed is changed, and told', async () => {
  const { id } = await open(shop, 'patch');
  const assignee = '01900000-0000-7000-8000-00000000000a';
  const until = '2031-01-02T03:04:05.678Z';
  const changed = await shop.data('PATCH', `/conversations/${id}`, { subject: 'Bicycle', priority: 'urgent', language: 'de', assigneeId: assignee, snoozedUntil: until });
  assert.deepEqual([changed.subject, changed.priority, changed.language, changed.assigneeId, changed.snoozedUntil], ['Bicycle', 'urgent', 'de', assignee, until]);
  assert.deepEqual(await shop.data('GET', `/conversations/${id}`), changed);
  const emptied = await shop.data('PATCH', `/conversations/${id}`, { subject: null, assigneeId: null, snoozedUntil: null });
  assert.deepEqual([emptied.subject ?? '', emptied.assigneeId, emptied.snoozedUntil], ['', null, null]);
  for (const body of [{ status: 'open' }, { status: null }, { priority: 'x' }, { priority: null }, { language: 'xyz' }, { language: '1!' }, { assigneeId: 'x' }, { snoozedUntil: 'tomorrow' }, { snoozedUntil: '2031-02-30T00:00:00Z' }, { channelType: 'api' }, { id }]) {
    assertError(await shop.patch(`/conversations/${id}`, body), 400, 'VALIDATION_ERROR');
  }
  const before = (await shop.all('/events')).length;
  await shop.data('PATCH', `/conversations/${id}`, { priority: 'urgent' });
  await shop.data('PATCH', `/conversations/${id}`, {});
  assert.equal((await shop.all('/events')).length, before, 'what changes nothing is no event');
});

// shows: CONV-2
test('closing has its time and its event, and a message reopens', async () => {
  const { conversationId: id } = await shop.chat('What does the lamp cost?');
  const closed = await shop.data('PATCH', `/conversations/${id}`, { status: 'closed' });
  assert.ok(closed.closedAt);
  assert.equal((await shop.all('/events?type=conversation.closed')).filter((e) => e.conversationId === id).length, 1);
  const again = await shop.chat('Are you still there?', { conversationId: id });
  assert.equal(again.conversationId, id);
  assert.ok(again.reply);
  const open = await shop.data('GET', `/conversations/${id}`);
  assert.deepEqual([open.status, open.closedAt], ['active', null]);
});

// shows: ESC-3
test('a person takes over, writes, and gives back', async () => {
  const { conversationId: id } = await shop.chat('What does the lamp cost?');
  await shop.data('PATCH', `/conversations/${id}`, { status: 'assigned_human' });
  const silent = await shop.chat('Hello?', { conversationId: id });
  assert.deepEqual([silent.reply, silent.action], [null, 'handover']);
  assert.ok(silent.turnId && silent.silence);
  const waiting = await shop.data('GET', `/conversations/${id}`);
  assert.ok(waiting.waitingSince, 'the customer waits');
  const written = await shop.post(`/conversations/${id}/messages`, { content: 'This is Ann. How can I help?' });
  assert.equal(written.status, 201, written.text);
  const { direction, sender, status, type } = written.body.data;
  assert.deepEqual({ direction, sender, status, type }, { direction: 'outbound', sender: 'agent', status: 'sent', type: 'text' });
  assert.equal((await shop.data('GET', `/conversations/${id}`)).waitingSince, null, 'nobody waits any more');
  assert.deepEqual(await shop.data('GET', `/messages/${written.body.data.id}`), written.body.data);
  await shop.data('PATCH', `/conversations/${id}`, { status: 'active' });
  assert.ok((await shop.chat('And what does delivery cost?', { conversationId: id })).reply);
});

test('an agent\'s message on a channel that is not connected says so', async () => {
  const { id } = await open(shop, '+4477', { channelType: 'whatsapp' });
  const { status, metadata } = await shop.data('POST', `/conversations/${id}/messages`, { content: 'Hello' });
  assert.equal(status, 'failed');
  assert.match(metadata.deliveryError, /not connected/);
});

// shows: CONV-8
test('the same Idempotency-Key writes one message', async () => {
  const { id } = await open(shop, 'idem');
  const headers = { 'Idempotency-Key': 'agent-1' };
  const answers = await Promise.all(Array.from({ length: 10 }, () => shop.post(`/conversations/${id}/messages`, { content: 'Once' }, { headers })));
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [201]);
  assert.equal(new Set(answers.map((a) => a.body.data.id)).size, 1);
  assert.equal((await shop.all(`/conversations/${id}/messages`)).length, 1);
  assertError(await shop.post(`/conversations/${id}/messages`, { content: 'Twice' }, { headers }), 422, 'IDEMPOTENCY_MISMATCH');
  const { id: other } = await open(shop, 'idem-2');
  const elsewhere = await shop.post(`/conversations/${other}/messages`, { content: 'Once' }, { headers });
  assert.equal(elsewhere.status, 422, 'the key belongs to another conversation\'s request');
  for (const key of ['', 'with space', 'ä', 'x'.repeat(256), 'a"b']) {
    const bytes = Buffer.from(key, 'utf8').toString('latin1');
    assertError(await shop.post(`/conversations/${id}/messages`, { content: 'x' }, { headers: { 'Idempotency-Key': bytes } }), 400, 'VALIDATION_ERROR');
  }
});

// shows: CONV-4
test('messages are walked newest first, each once', async () => {
  const { id } = await open(shop, 'walk');
  for (let n = 0; n < 25; n++) await shop.data('POST', `/conversations/${id}/messages`, { content: `m${n}` });
  const walked = await shop.all(`/conversations/${id}/messages`, { limit: 4 });
  assert.deepEqual(walked.map((m) => m.content), Array.from({ length: 25 }, (_, i) => `m${24 - i}`));
});

test('texts come back as they came', async () => {
  const { id } = await open(shop, 'texts');
  for (const content of ['äöü ß €', '😀👩‍👩‍👧', 'שלום עולם', 'a\nb\tc', '<script>alert(1)</script>', '\\ " \u2028 %s', 'x'.repeat(20000)]) {
    const { content: stored } = await shop.data('POST', `/conversations/${id}/messages`, { content });
    assert.equal(stored, content);
  }
  for (const content of ['', 'x'.repeat(20001), 'nul\u0000']) {
    assertError(await shop.post(`/conversations/${id}/messages`, { content }), 400);
  }
});

// shows: CONV-6
test('the last message moves a conversation to the front', async () => {
  const tenant = await mc.tenant('Order');
  const [first] = [await open(tenant, 'one'), await open(tenant, 'two')];
  await tenant.data('POST', `/conversations/${first.id}/messages`, { content: 'Up' });
  const list = await tenant.all('/conversations');
  assert.equal(list[0].id, first.id);
  assert.ok(list[0].lastMessageAt >= list[1].lastMessageAt);
});
