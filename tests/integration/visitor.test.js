/* Visitors of a tenant's pages: who gets a session, what it opens, and what stays closed. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { assertError } from '../lib/api.js';
import { Metachat } from '../lib/metachat.js';
import { exchange, fill, routeTable, Verdict } from '../lib/probe.js';
import { hex, quiet, value } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { askSession, openWidget, page, visit, visitorOf } from '../lib/visitor.js';

const scope = fileScope();
const operatorToken = 'operator-token-of-the-visitor-test';
const question = 'When does the shop open on Saturday?';
const hours = '# Opening hours\n\nWe are a small shop — naïve, über, 日本。 It is warm inside. On Saturday the shop opens at nine o\'clock. On Sunday it is closed! Dogs are welcome.\n';
let mc, a, b;

before(async () => {
  mc = await Metachat.start(scope, { env: { METACHAT_OPERATOR_TOKEN: operatorToken, METACHAT_RATE_SESSION_PER_MIN: '100000', METACHAT_RATE_OPEN_PER_MIN: '100000', METACHAT_RATE_ADDRESS_FACTOR: '1000' } });
  [a, b] = await Promise.all(['Visited A', 'Visited B'].map((name) => mc.tenant(name)));
  await Promise.all([a, b].map((shop) => shop.addDocument('hours.md', hours)));
});

// shows: WIDG-6
test('a session is for pages of the allowed origins, and for no others', async () => {
  const shop = await mc.tenant('Origins');
  const { key } = await openWidget(shop, [page, 'http://localhost:*', 'https://*.wild.example', 'https://xn--bcher-kva.example:8443']);
  const good = [page, 'http://localhost', 'http://localhost:5173', 'https://a.wild.example', 'https://a.b.wild.example', 'https://xn--bcher-kva.example:8443'];
  const bad = [
    null, 'null', '*', '', 'https://shop.example/', 'http://shop.example', 'https://shop.example:8443', 'https://www.shop.example', 'https://shop.example.evil.example',
    'https://evilshop.example', 'https://SHOP.example', 'https://localhost:5173', 'http://localhost.evil.example', 'https://wild.example', 'https://evilwild.example', 'https://xn--bcher-kva.example',
    'https://user@shop.example', 'file://', 'chrome-extension://abcdef', `${page} https://evil.example`, `${page}, https://evil.example`, 'a'.repeat(3000),
  ];
  for (const origin of good) assert.equal((await askSession(mc, { key }, origin)).status, 201, origin);
  for (const origin of bad) assertError(await askSession(mc, { key }, origin), 403, 'ORIGIN_NOT_ALLOWED');
  assertError(await askSession(mc, { key: (await b.data('GET', '/tenant/widget')).key }, page), 403, 'ORIGIN_NOT_ALLOWED');
  for (const wrong of [`${key}0`, key.slice(0, -1), 'wk_', "' OR 1=1 --", shop.key]) assertError(await askSession(mc, { key: wrong }, page), 404, 'WIDGET_KEY_NOT_FOUND');
});

test('a tenant begins with a key and without origins, and is told what to put into its page', async () => {
  const shop = await mc.tenant('Fresh');
  const widget = await shop.data('GET', '/tenant/widget');
  assert.match(widget.key, /^wk_[0-9a-f]{32}$/);
  assert.equal(widget.snippet, `<script src="${mc.url}/widget.js" data-key="${widget.key}" async></script>`);
  assert.deepEqual(widget.origins, []);
  assertError(await askSession(mc, { key: widget.key }), 403, 'ORIGIN_NOT_ALLOWED');
  const config = await mc.api().data('GET', `/public/widget/config?key=${widget.key}`);
  assert.deepEqual(config, { title: 'Fresh', greeting: '', launcher: '', placeholder: '', color: '#2563eb', position: 'right', language: 'auto', privacyUrl: '' });
  assertError(await mc.api().get('/public/widget/config?key=wk_nothing'), 404, 'WIDGET_KEY_NOT_FOUND');
  assertError(await mc.api().get('/public/widget/config'), 400, 'VALIDATION_ERROR');
});

// shows: WIDG-5
test('what a tenant sets is checked, and stays text', async () => {
  const shop = await mc.tenant('Looks');
  const texts = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "';alert(1)//", '</script><svg/onload=alert(1)>', '{{7*7}}', '\u202eevil'];
  for (const title of texts) {
    const answer = await shop.put('/tenant/widget', { title, greeting: title, placeholder: title });
    assert.equal(answer.body.data.title, title);
    const config = await mc.api().get(`/public/widget/config?key=${answer.body.data.key}`);
    assert.equal(config.body.data.greeting, title);
    assert.doesNotMatch(config.text, /[<>]/);
    assert.match(config.headers.get('content-type'), /^application\/json/);
  }
  const bad = {
    color: ['red', '#fff', '#12345g', '#123456;x', 'url(x)', '#1234567', '</style>'],
    position: ['top', 'LEFT', ''],
    language: ['xx', 'en-GB', 'EN', ''],
    privacyUrl: ['javascript:alert(1)', ' https://shop.example', 'data:text/html,x', '//shop.example', 'http://shop.example', 'https://shop.example/"onclick="x', 'https://u:p@shop.example', 'https://', 'ftp://shop.example'],
    origins: [['*'], ['null'], ['https://shop.example/'], [''], ['https://a.example https://b.example'], ['https://*'], ['javascript:alert(1)'], Array(33).fill(page), 'https://shop.example', [7], ['http://shop.example:*']],
    title: ['x'.repeat(81), 'a\u0007', 7],
    greeting: ['x'.repeat(501)],
    launcher: ['x'.repeat(41)],
    placeholder: ['x'.repeat(81)],
    key: ['wk_mine'],
    snippet: ['<script>'],
  };
  const stored = await shop.data('GET', '/tenant/widget');
  for (const [field, values] of Object.entries(bad)) {
    for (const v of values) {
      const { details } = assertError(await shop.put('/tenant/widget', { [field]: v }), 400, 'VALIDATION_ERROR');
      assert.ok(details.some((d) => d.field.split('.')[0] === field), `${field} ${JSON.stringify(v)}: ${JSON.stringify(details)}`);
    }
  }
  assert.deepEqual(await shop.data('GET', '/tenant/widget'), stored);
  const look = { title: 'Fragen?', greeting: 'Hallo!\nWie geht es?', launcher: 'Chat', placeholder: '…', color: '#ABCDEF', position: 'left', language: 'ar', privacyUrl: 'https://shop.example/privacy?a=1#b' };
  const set = await shop.data('PUT', '/tenant/widget', look);
  assert.deepEqual({ ...set, ...look, color: '#abcdef' }, set);
  assert.equal((await shop.data('PUT', '/tenant/widget', { title: '', greeting: null })).greeting, look.greeting);
  assert.equal((await shop.data('GET', '/tenant/widget')).title, '');
});

test('who comes back with its token is the same visitor', async () => {
  const { key } = await openWidget(a);
  const first = await visit(mc, key);
  const again = await visit(mc, key, { token: first.token });
  assert.equal(again.visitorId, first.visitorId);
  assert.notEqual(again.token, first.token);
  assert.ok(Date.parse(again.expiresAt) - Date.now() > 25 * 60_000);
  assert.notEqual((await visit(mc, key)).visitorId, first.visitorId);
  await openWidget(a, [page, 'https://other.example']);
  const { key: ofB } = await openWidget(b);
  assertError(await askSession(mc, { key, token: first.token }, 'https://other.example'), 401, 'INVALID_TOKEN');
  assertError(await askSession(mc, { key: ofB, token: first.token }), 401, 'INVALID_TOKEN');
  assertError(await askSession(mc, { key, token: `${first.token.slice(0, -4)}AAAA` }), 401, 'INVALID_TOKEN');
  assertError(await askSession(mc, { key, token: a.key }), 401, 'INVALID_TOKEN');
  const { ticket } = await first.data('POST', '/realtime/ticket');
  assertError(await askSession(mc, { key, token: ticket }), 401, 'INVALID_TOKEN');
  await openWidget(a);
});

/** Every row that a visitor may call, called by it with these headers; gives [name, answer]. */
async function callAll(visitor, things, headers) {
  const answers = [];
  for (const row of (await routeTable(mc)).filter((r) => r.who === 'visitor')) {
    const body = row.method === 'GET' ? undefined : JSON.stringify(row.body ? { message: 'Hello' } : {});
    const type = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
    answers.push([row.name, await exchange(mc.url, row.method, fill(row.path, things), { body, headers: { authorization: `Bearer ${visitor.token}`, ...type, ...headers } })]);
  }
  return answers;
}

async function thingsOf(visitor) {
  const answer = await visitor.chat(question);
  assert.ok(answer.citations.length > 0, answer.reply);
  return { conversation: answer.conversationId, turn: answer.turnId, citation: '1' };
}

// shows: WIDG-6
test('a token is for pages of its origin', async () => {
  const visitor = await visitorOf(mc, a);
  const things = await thingsOf(visitor);
  for (const [headers, ok] of [[{}, true], [{ origin: page }, true], [{ origin: 'https://evil.example' }, false], [{ origin: 'null' }, false], [{ origin: [page, 'https://evil.example'] }, false]]) {
    const verdict = new Verdict();
    for (const [name, { status, body }] of await callAll(visitor, things, headers)) {
      const right = ok ? status < 300 : status === 403 && body.error.code === 'ORIGIN_NOT_ALLOWED';
      verdict.add(`${name} ${JSON.stringify(headers)}`, right ? [] : [`status ${status}`]);
    }
    verdict.done();
  }
});

// shows: WIDG-6
test('a token ends with its widget key, and with its tenant', async () => {
  const shop = await mc.tenant('Rotating');
  await shop.addDocument('hours.md', hours);
  const [old, other] = [await visitorOf(mc, shop), await visitorOf(mc, b)];
  const things = await thingsOf(old);
  const slow = await shop.data('POST', '/tenant/widget/rotate-key', { overlapHours: 1 });
  assert.notEqual(slow.key, old.widgetKey);
  assert.equal((await old.get('/public/conversations')).status, 200);
  assert.equal((await askSession(mc, { key: old.widgetKey })).status, 201);
  const next = await shop.data('POST', '/tenant/widget/rotate-key', {});
  for (const [name, { status }] of await callAll(old, things, {})) assert.equal(status, 401, name);
  assertError(await askSession(mc, { key: old.widgetKey, token: old.token }), 404, 'WIDGET_KEY_NOT_FOUND');
  assertError(await askSession(mc, { key: slow.key }), 404, 'WIDGET_KEY_NOT_FOUND');
  const renewed = await visit(mc, next.key, { token: old.token });
  assert.equal(renewed.visitorId, old.visitorId);
  assert.equal((await renewed.get(`/public/conversations/${things.conversation}/messages`)).status, 200);
  assertError(await shop.post('/tenant/widget/rotate-key', { overlapHours: 169 }), 400, 'VALIDATION_ERROR');
  const operator = mc.api(operatorToken);
  await operator.data('POST', `/tenants/${shop.tenantId}/suspend`);
  for (const [name, { status }] of await callAll(renewed, things, {})) assert.equal(status, 401, name);
  assertError(await askSession(mc, { key: next.key }), 404, 'WIDGET_KEY_NOT_FOUND');
  assert.equal((await other.get('/public/conversations')).status, 200);
  await operator.data('POST', `/tenants/${shop.tenantId}/resume`);
  assert.equal((await renewed.get('/public/conversations')).status, 200);
});

// shows: CONV-8
test('a message sent again, at once and later, is one row and has one answer', async () => {
  const visitor = await visitorOf(mc, a);
  const stranger = await visit(mc, visitor.widgetKey);
  const send = (who) => who.chat(question, { clientMessageId: 'the-same', conversation: 'c1' });
  const answers = await Promise.all(Array.from({ length: 8 }, () => send(visitor)));
  answers.push(await send(visitor));
  for (const answer of answers) {
    const { usage, ...rest } = answer;
    const { usage: first, ...same } = answers[0];
    assert.deepEqual(rest, same);
  }
  const [{ messageId, replyMessageId, conversationId }] = answers;
  const messages = await visitor.all(`/public/conversations/${conversationId}/messages`);
  assert.deepEqual(messages.map((m) => m.id), [replyMessageId, messageId]);
  const theirs = await send(stranger);
  assert.notEqual(theirs.messageId, messageId);
  assert.notEqual(theirs.conversationId, conversationId);
  assert.equal(await value(mc, `SELECT count(*) FROM messages WHERE conversation_id = ${hex(conversationId)}`), 2);
});

// shows: TEN-10
test('a visitor reaches its own conversations, and nobody else\'s by any way', async () => {
  const mine = await visitorOf(mc, a);
  const others = [await visit(mc, mine.widgetKey), await visitorOf(mc, b)];
  const things = await thingsOf(mine);
  const byProgram = await a.chat(question);
  assert.deepEqual((await mine.all('/public/conversations')).map((c) => c.id), [things.conversation]);
  for (const other of others) {
    assert.deepEqual(await other.all('/public/conversations'), []);
    assertError(await other.get(`/public/conversations/${things.conversation}/messages`), 404, 'CONVERSATION_NOT_FOUND');
    assertError(await other.get(`/turns/${things.turn}/citations/1`), 404, 'TURN_NOT_FOUND');
    assertError(await other.post('/chat', { message: 'x', conversationId: things.conversation }), 404, 'CONVERSATION_NOT_FOUND');
  }
  assertError(await mine.get(`/public/conversations/${byProgram.conversationId}/messages`), 404, 'CONVERSATION_NOT_FOUND');
  assertError(await mine.get(`/turns/${byProgram.turnId}/citations/1`), 404, 'TURN_NOT_FOUND');
  assertError(await mine.post('/chat', { message: 'x', conversationId: byProgram.conversationId }), 404, 'CONVERSATION_NOT_FOUND');
  for (const path of ['/conversations', `/conversations/${things.conversation}/messages`, `/turns/${things.turn}`, '/events', '/tenant', '/tenant/widget', '/documents', '/api-keys']) {
    assertError(await mine.get(path), 403, 'FORBIDDEN');
  }
  for (const key of [a.key, b.key]) assertError(await mc.api(key).get('/public/conversations'), 403, 'FORBIDDEN');
});

test('a page names its conversations; the first message opens one', async () => {
  const visitor = await visitorOf(mc, a);
  const [main, again, other] = [await visitor.chat('Hello'), await visitor.chat('Hello', { conversation: 'main' }), await visitor.chat('Hello', { conversation: 'A-b_9' })];
  assert.equal(again.conversationId, main.conversationId);
  assert.notEqual(other.conversationId, main.conversationId);
  assert.equal((await visitor.chat('Hello', { conversationId: other.conversationId })).conversationId, other.conversationId);
  const { body } = await visitor.get('/public/conversations?limit=1');
  assert.equal(body.data[0].name, 'A-b_9');
  assert.deepEqual(Object.keys(body.data[0]).sort(), ['createdAt', 'id', 'lastMessageAt', 'name', 'status']);
  const rest = await visitor.get(`/public/conversations?limit=1&cursor=${encodeURIComponent(body.page.next)}`);
  assert.deepEqual(rest.body.data.map((c) => c.id), [main.conversationId]);
  assert.equal(rest.body.page.next, null);
  for (const name of ['a:b', 'a b', 'ä', '../x', 'x'.repeat(65)]) assertError(await visitor.post('/chat', { message: 'x', conversation: name }), 400, 'VALIDATION_ERROR');
  assertError(await a.post('/chat', { message: 'x', conversation: 'main' }), 400, 'VALIDATION_ERROR');
  const seen = await a.data('GET', `/conversations/${main.conversationId}`);
  assert.equal(seen.channelType, 'webchat');
  assert.equal(seen.externalId, `${visitor.visitorId}:main`);
});

test('a visitor is told of messages what is for it', async () => {
  const visitor = await visitorOf(mc, a);
  const answer = await visitor.chat(question, { clientMessageId: 'mine', contact: { name: 'Vera', externalId: 'someone-else', email: 'v@shop.example' } });
  await a.data('POST', `/conversations/${answer.conversationId}/messages`, { content: 'A person here.' });
  const messages = await visitor.all(`/public/conversations/${answer.conversationId}/messages`, { limit: 1 });
  assert.deepEqual(messages.map((m) => [m.sender, m.direction]), [['agent', 'outbound'], ['assistant', 'outbound'], ['customer', 'inbound']]);
  assert.deepEqual(Object.keys(messages[0]).sort(), ['content', 'conversationId', 'createdAt', 'direction', 'id', 'metadata', 'sender', 'status', 'turnId', 'type']);
  for (const m of messages) for (const name of Object.keys(m.metadata)) assert.ok(['action', 'citations', 'clientMessageId', 'stopped'].includes(name), name);
  const identity = await value(mc, `SELECT i.external_id FROM contact_identities i JOIN conversations c ON c.contact_id = i.contact_id WHERE c.id = ${hex(answer.conversationId)}`);
  assert.equal(identity, visitor.visitorId, 'what a visitor says of itself is not believed');
});

test('a citation opens at its quote, until its text is erased', async () => {
  const shop = await mc.tenant('Cited');
  const document = await shop.addDocument('hours.md', hours);
  const visitor = await visitorOf(mc, shop);
  const { turnId, citations } = await visitor.chat(question);
  const opened = await visitor.data('GET', `/turns/${turnId}/citations/1`);
  assert.deepEqual(opened, await shop.data('GET', `/turns/${turnId}/citations/1`));
  assert.equal(opened.quote, citations[0].quote);
  assert.deepEqual([opened.documentId, opened.documentName, opened.version], [document.id, 'hours.md', 1]);
  assert.match(opened.heading, /Opening hours/);
  assert.ok(opened.before.endsWith('It is warm inside. '), opened.before);
  assert.match(opened.before, /naïve, über, 日本。/);
  assert.match(opened.after, /^ ?On Sunday it is closed! Dogs are welcome\.$/);
  for (const n of ['0', '2', '-1', '01x', '99999999999999999999', 'x', '1.0']) assertError(await visitor.get(`/turns/${turnId}/citations/${n}`), 404, 'CITATION_NOT_FOUND');
  assertError(await visitor.get('/turns/x/citations/1'), 400, 'VALIDATION_ERROR');
  assertError(await visitor.get('/turns/01900000-0000-7000-8000-000000000000/citations/1'), 404, 'TURN_NOT_FOUND');
  await shop.delete(`/documents/${document.id}`);
  assertError(await visitor.get(`/turns/${turnId}/citations/1`), 404, 'CITATION_NOT_FOUND');
  await quiet(mc);
  assertError(await shop.get(`/turns/${turnId}/citations/1`), 404, 'CITATION_NOT_FOUND');
});

test('a ticket is for visitors and for keys that may read events', async () => {
  const visitor = await visitorOf(mc, a);
  for (const api of [visitor, a]) {
    const { ticket, expiresIn } = await api.data('POST', '/realtime/ticket');
    assert.match(ticket, /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.equal(expiresIn, 60);
    assertError(await mc.api(ticket).get('/public/conversations'), 401, 'INVALID_TOKEN');
  }
  assert.equal(await value(mc, 'SELECT count(*) FROM used_tickets'), 0, 'making one writes nothing');
});

test('a page of another site may ask, and read what it is answered', async () => {
  const { key } = await openWidget(a);
  const asked = await exchange(mc.url, 'OPTIONS', '/api/v1/public/widget/session', { headers: { origin: page, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
  assert.equal(asked.status, 204);
  assert.equal(asked.headers.get('access-control-allow-origin'), page);
  const answer = await askSession(mc, { key });
  assert.equal(answer.headers.get('access-control-allow-origin'), page);
  assert.equal(answer.headers.get('access-control-allow-credentials'), null);
  const verdict = new Verdict();
  for (const row of (await routeTable(mc)).filter((r) => r.who === 'visitor' || /public\/widget\/(config|session)/.test(r.path))) {
    const path = fill(row.path, { conversation: '1', turn: '1', citation: '1' });
    const preflight = await exchange(mc.url, 'OPTIONS', path, { headers: { origin: page, 'access-control-request-method': row.method } });
    verdict.add(row.name, preflight.status === 204 ? [] : [`status ${preflight.status}`]);
  }
  verdict.done();
});

/** Statuses of n calls, one after another. */
async function statuses(n, call) {
  const seen = [];
  for (let i = 0; i < n; i++) seen.push((await call(i)).status);
  return seen;
}

// shows: RATE-5
test('visitors have budgets of their own, their addresses larger ones, and the tenant the rest', async (t) => {
  const env = { METACHAT_RATE_VISITOR_CHAT_PER_MIN: '2', METACHAT_RATE_VISITOR_PER_MIN: '3', METACHAT_RATE_ADDRESS_FACTOR: '2', METACHAT_RATE_SESSION_PER_MIN: '6', METACHAT_RATE_OPEN_PER_MIN: '3' };
  const small = await Metachat.start(t, { env });
  const shop = await small.tenant('Small');
  const { key } = await openWidget(shop);
  const [one, two, three] = [await visit(small, key), await visit(small, key), await visit(small, key)];
  const say = (visitor, conversation) => visitor.post('/chat', { message: 'Hello', conversation });
  assert.deepEqual(await statuses(3, () => say(one)), [200, 200, 429], 'its own');
  assert.deepEqual(await statuses(2, () => say(two)), [200, 200], "another's");
  assert.deepEqual(await statuses(1, () => say(three)), [429], 'all of the address');
  assert.deepEqual(await statuses(4, () => one.get('/public/conversations')), [200, 200, 200, 429]);
  assert.deepEqual(await statuses(4, () => one.post('/realtime/ticket')), [201, 201, 201, 429]);
  const limited = await say(one);
  assertError(limited, 429, 'RATE_LIMITED');
  assert.ok(Number(limited.headers.get('retry-after')) >= 1);
  assert.deepEqual(await statuses(4, () => askSession(small, { key })), [201, 201, 201, 429], 'sessions of the address');
  assert.equal((await shop.post('/chat', { message: 'Hello' })).status, 200, 'a program is not among them');
});

// shows: RATE-5
test('an address begins only so many conversations', async (t) => {
  const small = await Metachat.start(t, { env: { METACHAT_RATE_OPEN_PER_MIN: '3' } });
  const { key } = await openWidget(await small.tenant('Small'));
  const [one, two] = [await visit(small, key), await visit(small, key)];
  const say = (visitor, conversation) => visitor.post('/chat', { message: 'Hello', conversation });
  assert.deepEqual(await statuses(2, (i) => say(one, `c${i}`)), [200, 200]);
  assert.deepEqual(await statuses(2, (i) => say(two, `c${i}`)), [200, 429]);
  const refused = await say(one, 'c3');
  assertError(refused, 429, 'RATE_LIMITED');
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.deepEqual(await statuses(2, () => say(two, 'c0')), [200, 200], 'where one is, writing goes on');
});
