/* Sockets of visitors and agents: who is let in, what they may send, what they are told. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { io } from 'socket.io-client';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { assertRising, Client, ticketOf } from '../lib/socket.js';
import { openWidget, page, visit, visitorOf } from '../lib/visitor.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const question = 'When does the shop open on Saturday?';
const hours = "# Opening hours\n\nOn Saturday the shop opens at nine o'clock.\n\n# Shipping\n\nShipping costs 4.90 EUR.\n";
const wide = {
  METACHAT_RATE_SESSION_PER_MIN: '100000', METACHAT_RATE_OPEN_PER_MIN: '100000', METACHAT_RATE_VISITOR_CHAT_PER_MIN: '100000',
  METACHAT_RATE_VISITOR_PER_MIN: '100000', METACHAT_RATE_ADDRESS_FACTOR: '1000',
};
let mc, shop, other, key, model;

before(async () => {
  model = await FakeOpenAI.start(scope, { answer: 'On Saturday the shop opens at nine, as ever and always. [1: "the shop opens at nine"]', pieceMs: 10 });
  mc = await Metachat.start(scope, { env: { ...wide, METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-fake' } });
  [shop, other] = await Promise.all(['Shop', 'Other'].map((name) => mc.tenant(name)));
  await Promise.all([shop, other].map((api) => api.addDocument('hours.md', hours)));
  key = (await openWidget(shop)).key;
});

/** A tenant whose answers come from the model, slowly. */
async function slowShop() {
  const api = await mc.tenant('Slow');
  await api.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  await api.addDocument('hours.md', hours);
  return api;
}

const refusal = (promise) => promise.then(() => assert.fail('it was let in'), (error) => error);

async function assertRefused(promise, code, words = /./) {
  const error = await refusal(promise);
  assert.equal(error.data?.code, code, `${error.message} ${JSON.stringify(error.data)}`);
  assert.match(error.message, words);
  assert.equal(error.data.message, error.message);
}

// shows: AUTH-11, RT-6, RT-3
test('who is let in, and who is not', async (t) => {
  const visitor = await visit(mc, key);
  const ticket = await ticketOf(visitor);
  const with_ = (auth, options) => Client.open(t, visitor, { ticket: () => ticket, auth, ...options });

  const first = await with_({ protocol: 1 });
  await first.heard('conversation');
  assert.deepEqual(first.all[0].name, 'conversation');
  assert.deepEqual([first.all[0].data.id, first.all[0].data.status], [null, 'active']);
  await assertRefused(with_({}), 'INVALID_TOKEN');
  assert.equal((await first.ask('typing', { on: true })).ok, true, 'the first one stays');
  await mc.stop();
  await mc.start();
  await assertRefused(with_({}), 'INVALID_TOKEN');

  const bad = [undefined, null, '', 'x', 7, {}, [], visitor.token, shop.key, key, 'a.b.c', `${await ticketOf(visitor)}x`, (await ticketOf(visitor)).slice(0, -2)];
  for (const token of bad) {
    const error = await refusal(Client.open(t, visitor, { ticket: () => token }));
    const code = typeof token === 'string' && token ? 'INVALID_TOKEN' : 'VALIDATION_ERROR';
    assert.equal(error.data?.code, code, `${JSON.stringify(token)}: ${error.message}`);
  }
  for (const protocol of [0, 2, -1, 1e9]) await assertRefused(Client.open(t, visitor, { protocol }), 'UNSUPPORTED_PROTOCOL', /protocol 1/);
  const malformed = [{ protocol: '1' }, { since: -1 }, { since: '0' }, { since: 1.5 }, { since: 1e300 }, { conversation: '' }, { conversation: 'a/b' }, { conversation: 'x'.repeat(65) }, { conversation: 7 }, { more: 1 }];
  for (const auth of malformed) await assertRefused(Client.open(t, visitor, { auth }), 'VALIDATION_ERROR');
  await assertRefused(Client.open(t, visitor, { origin: 'https://evil.example' }), 'INVALID_TOKEN', /another site/);
  assert.equal((await Client.open(t, visitor, { origin: null })).io.connected, true, 'a program sends no Origin');

  for (const auth of [[], [1], 'text', 7, null, true]) {
    const socket = io(mc.url, { transports: ['websocket'], reconnection: false, forceNew: true, auth: (give) => give(auth) });
    t.after(() => socket.disconnect());
    const outcome = await new Promise((done) => ['connect', 'connect_error', 'disconnect'].forEach((name) => socket.on(name, (e) => done([name, e]))));
    assert.notEqual(outcome[0], 'connect', JSON.stringify(auth));
  }
  const elsewhere = io(`${mc.url}/admin`, { transports: ['websocket'], reconnection: false, forceNew: true, auth: { token: await ticketOf(visitor) } });
  t.after(() => elsewhere.disconnect());
  assert.equal((await new Promise((done) => elsewhere.on('connect_error', done))).message, 'Invalid namespace');
});

// shows: CHAN-11, RT-1, CONV-8
test('a visitor writes, is acknowledged, sees the answer grow, and gets it with its citations', async (t) => {
  const slow = await slowShop();
  const visitor = await visitorOf(mc, slow);
  const client = await Client.open(t, visitor, { since: 0 });
  const said = await client.says(question, 'first');
  assert.equal((await visitor.get(`/public/conversations/${said.conversationId}/messages`)).body.data[0].id, said.messageId, 'acknowledged is stored');
  const reply = await client.replyTo(question);
  assert.match(reply.content, /opens at nine/);
  assert.equal(reply.metadata.citations[0].documentName, 'hours.md');
  assert.match(reply.metadata.citations[0].quote, /opens at nine/);
  assert.equal((await visitor.data('GET', `/turns/${reply.turnId}/citations/1`)).documentName, 'hours.md');

  const names = client.all.map((e) => (e.name === 'turn' ? `turn ${e.data.state}` : e.name));
  const order = ['conversation', 'message', 'turn started', 'delta', 'message', 'turn completed'];
  assert.deepEqual(names.filter((n, i) => n !== names[i - 1]).filter((n, i) => !(n === 'conversation' && i)), order);
  const deltas = client.of('delta');
  assert.ok(deltas.length > 3, `${deltas.length} deltas`);
  let text = '';
  for (const delta of deltas) {
    assert.equal(delta.turnId, reply.turnId);
    assert.equal(delta.at, Buffer.byteLength(text));
    text += delta.text;
  }
  assert.ok(text.startsWith('On Saturday the shop opens at nine'), text);
  assert.equal(client.of('message')[0].message.metadata.clientMessageId, 'first');
  assertRising(client);

  assert.deepEqual(await client.says('Quite another text', 'first'), said, 'the same id is the same message');
  assert.deepEqual(await Promise.all([client.says('Twice at once', 'two'), client.says('Twice at once', 'two')]).then(([a, b]) => a.messageId === b.messageId), true);
  await client.replyTo('Twice at once');
  const thread = (await visitor.all(`/public/conversations/${said.conversationId}/messages`)).reverse();
  assert.deepEqual(thread.map((m) => m.id), client.of('message').map((m) => m.message.id));
  assert.deepEqual(thread, client.of('message').map((m) => m.message), 'a socket and a request tell the same');
  assert.equal(thread.length, 4);
});

// shows: RT-5
test('who comes again gets what is behind its number, and nothing else', async (t) => {
  const visitor = await visit(mc, key);
  const first = await Client.open(t, visitor, {});
  for (const text of ['One?', 'Two?', 'Three?']) {
    await first.says(text);
    await first.replyTo(text);
  }
  const told = first.all.filter((e) => e.data.seq && e.name !== 'conversation').map((e) => [e.name, e.data]);
  const newest = told.at(-1)[1].seq;
  const since = async (n) => {
    const client = await Client.open(t, visitor, n === null ? {} : { since: n });
    const mark = `mark ${n}`;
    await client.says(mark);
    await client.replyTo(mark);
    await first.replyTo(mark);
    assertRising(client);
    const before = client.all.filter((e) => e.data.seq && e.name !== 'conversation' && e.data.seq <= newest);
    return before.map((e) => [e.name, e.data]);
  };
  assert.deepEqual(await since(null), []);
  assert.deepEqual(await since(0), told);
  for (const at of [0, 4, told.length - 2]) assert.deepEqual(await since(told[at][1].seq), told.slice(at + 1), `since ${told[at][1].seq}`);
  assert.deepEqual(await since(newest), []);
});

/* What each way of writing the first message of a conversation is. */
const firstWords = {
  'one of the sockets': (client) => client.says('The first?'),
  'a request': (client, visitor) => visitor.chat('The first?', { conversation: 'tabs' }),
};

for (const [by, write] of Object.entries(firstWords)) {
  // shows: RT-1
  test(`two tabs of one visitor see the same; the first message comes from ${by}`, async (t) => {
    const visitor = await visit(mc, key);
    const one = await Client.open(t, visitor, { conversation: 'tabs', since: 0 });
    const two = await Client.open(t, visitor, { conversation: 'tabs' });
    const elsewhere = await Client.open(t, visitor, { conversation: 'others', since: 0 });
    const { conversationId } = await write(one, visitor);
    for (const tab of [one, two]) {
      await tab.replyTo('The first?');
      assert.equal((await tab.heard('conversation', (c) => c.id !== null)).id, conversationId);
    }
    assert.deepEqual(await two.ask('read', { messageId: (await two.replyTo('The first?')).id }), { ok: true }, 'the other tab is in the conversation too');
    await two.ask('typing', { on: true });
    assert.deepEqual(await one.heard('typing'), { conversationId, on: true, from: 'customer' });
    await two.says('The second?');
    for (const tab of [one, two]) await tab.replyTo('The second?');
    assert.deepEqual(one.of('message'), two.of('message'));
    assert.equal(one.of('message').length, 4);
    assert.deepEqual(one.of('status'), two.of('status'));
    assert.deepEqual(elsewhere.all.map((e) => e.name), ['conversation']);
    [one, two].forEach(assertRising);
  });
}

/** A turn of the visitor that streams until it is stopped or the test ends; gives its id. */
async function endlessTurn(client, text) {
  const before = client.of('turn').map((turn) => turn.turnId);
  model.next({ answer: 'word after word, ', endless: true, pieceMs: 20 });
  await client.says(text);
  return (await client.heard('delta', (d) => !before.includes(d.turnId))).turnId;
}

const notOthers = /Of the (first|second|neighbour)/;

// shows: TEN-10, RT-3
test('nobody sees or touches what is another visitor\'s, of the same tenant or of another', async (t) => {
  const api = await slowShop();
  const neighbour = await slowShop();
  const [one, two, far] = [await visitorOf(mc, api), await visitorOf(mc, api), await visitorOf(mc, neighbour)];
  const clients = [];
  for (const visitor of [one, two, far]) clients.push(await Client.open(t, visitor, { conversation: 'same-name', since: 0 }));
  const [first, second, third] = clients;
  const agent = await Client.open(t, api, { since: 0 });
  const agentFar = await Client.open(t, neighbour, { since: 0 });

  const said = await Promise.all([first.says('Of the first', 'same-id'), second.says('Of the second', 'same-id'), third.says('Of the neighbour', 'same-id')]);
  assert.equal(new Set(said.map((s) => s.conversationId)).size, 3);
  assert.equal(new Set(said.map((s) => s.messageId)).size, 3);
  for (const [i, text] of ['Of the first', 'Of the second', 'Of the neighbour'].entries()) await clients[i].replyTo(text);
  const turnId = await endlessTurn(first, 'Go on and on');

  for (const [client, foreign] of [[second, said[0]], [third, said[0]], [agentFar, said[0]], [first, said[1]]]) {
    const { conversationId, messageId } = foreign;
    for (const event of ['typing', 'stop', 'join', 'leave']) {
      const answer = await client.ask(event, { conversationId, ...(event === 'typing' ? { on: true } : {}), ...(event === 'stop' ? { turnId } : {}) });
      const fine = event === 'leave' && answer.ok; // who never joined has left
      assert.ok(fine || ['CONVERSATION_NOT_FOUND', 'FORBIDDEN'].includes(answer.code), `${event}: ${JSON.stringify(answer)}`);
    }
    const answer = await client.ask('read', { messageId });
    assert.ok(['MESSAGE_NOT_FOUND', 'FORBIDDEN'].includes(answer.code), JSON.stringify(answer));
  }
  for (const client of [second, third]) assert.deepEqual(await client.ask('stop', { turnId }), { ok: true, stopped: false });
  await first.ask('typing', { on: true });
  assert.equal((await second.ask('typing', { on: true })).ok, true);

  const before = first.of('delta').length;
  await waitFor('the turn to go on', () => first.of('delta').length > before + 3);
  assert.deepEqual(await first.ask('stop', { turnId }), { ok: true, stopped: true });
  const stopped = await first.replyTo('Go on and on');
  assert.equal(stopped.metadata.stopped, true);
  assert.match(stopped.content, /^word after word/);
  await second.says('Of the second, again');
  await second.replyTo('Of the second, again');
  await third.says('Of the neighbour, again');
  await third.replyTo('Of the neighbour, again');

  const own = said.map((s) => s.conversationId);
  for (const [i, client] of clients.entries()) {
    const named = new Set(client.all.flatMap((e) => [e.data.conversationId, e.data.message?.conversationId, e.name === 'conversation' ? e.data.id : null]).filter(Boolean));
    assert.deepEqual([...named], [own[i]]);
    const turns = new Set(client.of('message').map((m) => m.message.turnId).filter(Boolean));
    for (const e of [...client.of('delta'), ...client.of('turn')]) assert.ok(turns.has(e.turnId), `a turn of somebody else: ${JSON.stringify(e)}`);
    const words = JSON.stringify(client.of('message').filter((m) => m.message.direction === 'inbound'));
    assert.equal(new Set([...words.matchAll(new RegExp(notOthers, 'g'))].map((m) => m[1])).size, 1);
    assert.deepEqual(client.of('typing'), [], 'and nobody hears their own typing');
    assertRising(client);
  }
  const conversations = (client) => new Set(client.of('event').map((e) => e.conversationId).filter(Boolean));
  assert.deepEqual([...conversations(agent)].sort(), own.slice(0, 2).sort());
  assert.deepEqual([...conversations(agentFar)], [own[2]]);
  assert.deepEqual([...agent.of('delta'), ...agentFar.of('delta')], [], 'who did not join hears no text');
});

// shows: RT-1
test('an agent sees all events of its tenant, and hears the text of what it joins', async (t) => {
  const api = await slowShop();
  const visitor = await visitorOf(mc, api);
  const agent = await Client.open(t, api, { since: 0 });
  const client = await Client.open(t, visitor);
  const at = Date.now();
  const { conversationId } = await client.says('Who is there?');
  const seen = await agent.heard('event', (e) => e.type === 'message.received' && e.data.content === 'Who is there?');
  assert.ok(agent.all.find((e) => e.data === seen).at - at < 1000, 'within a second');
  await client.replyTo('Who is there?');
  assert.deepEqual(await agent.ask('join', { conversationId }), { ok: true });
  const turnId = await endlessTurn(client, 'Say more');
  await agent.heard('delta', (d) => d.turnId === turnId);
  const late = await Client.open(t, api);
  await late.ask('join', { conversationId });
  const begin = await late.heard('delta', (d) => d.turnId === turnId);
  assert.equal(begin.at, 0);
  assert.ok(begin.text.length > 'word '.length, 'what was said before is there at once');
  await agent.ask('typing', { conversationId, on: true });
  assert.deepEqual(await client.heard('typing'), { conversationId, on: true, from: 'agent' });
  assert.deepEqual(await late.heard('typing', (e) => e.from === 'agent'), { conversationId, on: true, from: 'agent' });
  await client.ask('typing', { on: false });
  assert.deepEqual(await agent.heard('typing'), { conversationId, on: false, from: 'customer' });
  assert.deepEqual(await late.ask('leave', { conversationId }), { ok: true });
  const count = late.of('delta').length;
  assert.deepEqual(await agent.ask('stop', { conversationId, turnId }), { ok: true, stopped: true });
  const reply = await client.replyTo('Say more');
  assert.ok(late.of('delta').length - count <= 1, 'who left hears nothing more');
  assert.deepEqual(await client.ask('read', { messageId: reply.id }), { ok: true });
  assert.equal((await client.heard('status', (s) => s.messageId === reply.id)).state, 'read');
  await agent.heard('event', (e) => e.type === 'message.status' && e.data.messageId === reply.id);
  const written = await api.data('POST', `/conversations/${conversationId}/messages`, { content: 'A person here' });
  assert.equal((await client.heard('message', (m) => m.message.id === written.id)).message.sender, 'agent');
  await api.data('PATCH', `/conversations/${conversationId}`, { status: 'closed' });
  await client.heard('conversation', (c) => c.status === 'closed');

  await waitFor('the agent to have the newest', async () => (await api.all('/events')).every((e) => agent.of('event').some((o) => o.seq === e.seq)));
  const listed = await api.all('/events');
  assert.deepEqual(agent.of('event'), listed.sort((a, b) => a.seq - b.seq), 'as the list has them');

  const reader = api.as(await mc.apiKey(api.tenantId, { scopes: ['events:read'] }));
  const readerClient = await Client.open(t, reader);
  assert.equal((await readerClient.ask('join', { conversationId })).ok, true);
  for (const [event, body] of [['typing', { conversationId, on: true }], ['stop', { conversationId, turnId }], ['message', { id: 'x', text: 'x' }], ['read', { messageId: reply.id }]]) {
    assert.equal((await readerClient.ask(event, body)).code, 'FORBIDDEN', event);
  }
  const without = api.as(await mc.apiKey(api.tenantId, { scopes: ['conversations:read'] }));
  assert.equal((await without.post('/realtime/ticket')).status, 403);
});

const id = '01890000-0000-7000-8000-000000000000';
const badInput = {
  message: [[], [{}], [null], ['x'], [7], [[]], [{ id: 'a' }], [{ text: 'a' }], [{ id: 7, text: 'a' }], [{ id: 'a', text: 7 }], [{ id: '', text: 'a' }], [{ id: 'a', text: '' }], [{ id: 'a', text: ' \n ' }],
    [{ id: 'a'.repeat(101), text: 'a' }], [{ id: 'a', text: 'a'.repeat(100001) }], [{ id: 'a', text: 'ä'.repeat(20000) }], [{ id: 'a', text: 'a', more: 1 }], [{ id: 'a', text: 'a' }, { id: 'b', text: 'b' }]],
  typing: [[], [{}], [{ on: 'yes' }], [{ on: true, more: 1 }], [{ on: true, conversationId: 'x' }], [true], [{ on: true }, 1]],
  stop: [[], [{}], [{ turnId: 'x' }], [{ turnId: 7 }], [{ turnId: id, conversationId: 7 }], [id]],
  read: [[], [{}], [{ messageId: 'x' }], [{ messageId: null }], [{ messageId: id, more: 1 }]],
  nonsense: [[], [{}], [1, 2, 3]],
  '': [[]],
  ['x'.repeat(10000)]: [[{}]],
};

test('bad input gets a sentence, and harms nobody', async (t) => {
  const visitor = await visit(mc, key);
  const client = await Client.open(t, visitor);
  for (const [event, inputs] of Object.entries(badInput)) {
    for (const args of inputs) {
      const what = `${event.slice(0, 20)} ${JSON.stringify(args).slice(0, 80)}`;
      const answer = await client.ask(event, ...args).catch((error) => assert.fail(`${what}: ${error.message}`));
      assert.equal(answer.ok, false, what);
      assert.equal(answer.code, 'VALIDATION_ERROR', what);
      assert.match(answer.message, /^\S.{5,}/, what);
      assert.deepEqual(Object.keys(answer), ['ok', 'code', 'message', 'retryable'], what);
      const before = client.of('error').length;
      client.io.emit(event, ...args);
      await waitFor(`an error for ${what}`, () => client.of('error').length > before);
      assert.deepEqual(client.of('error').at(-1), { code: answer.code, message: answer.message, retryable: false }, what);
    }
  }
  const unreadable = ['a\u0000b', 'half of \ud83d', '\ude00'].map((text) => [{ id: 'a', text }]);
  unreadable.push([JSON.parse('['.repeat(40) + ']'.repeat(40))]);
  for (const args of unreadable) {
    const answer = await client.ask('message', ...args);
    assert.deepEqual([answer.ok, answer.code, answer.retryable], [false, 'MALFORMED_JSON', false], JSON.stringify(answer));
  }
  assert.deepEqual(client.ends, [], 'a slip of an honest client does not cost the connection');
  for (const [event, body] of [['join', { conversationId: id }], ['leave', { conversationId: id }]]) assert.equal((await client.ask(event, body)).code, 'FORBIDDEN');
  client.io.emit('message', Buffer.from('bytes'));
  client.io.emit('message', { id: 'a', text: Buffer.from('bytes') });
  await waitFor('the end of who sends bytes, or an error', () => client.ends.length || client.of('error').at(-1).code);
  const again = await Client.open(t, visitor, { since: 0 });
  await again.says(question);
  assert.match((await again.replyTo(question)).content, /nine/);
  assert.equal(again.of('message').length, 2, 'nothing else was stored');
});

for (const [name, options] of [['polling alone', { transports: ['polling'] }], ['polling that becomes a WebSocket', { transports: ['polling', 'websocket'] }]]) {
  // shows: RT-1
  test(`the same by ${name}`, async (t) => {
    const api = await slowShop();
    const visitor = await visitorOf(mc, api);
    const client = await Client.open(t, visitor, { since: 0, ...options });
    const texts = ['One', 'Two', 'Three'];
    await Promise.all(texts.map((text) => client.says(text, text)));
    if (options.transports.length > 1) await waitFor('the change', () => client.io.io.engine.transport.name === 'websocket');
    await waitFor('the last turn', () => client.of('turn').some((turn) => turn.state === 'completed' && turn.seq > client.of('message').find((m) => m.message.content === 'Three')?.seq));
    const { conversationId } = await client.says('One', 'One');
    const thread = (await visitor.all(`/public/conversations/${conversationId}/messages`)).reverse();
    assert.deepEqual(client.of('message').map((m) => m.message), thread);
    assert.deepEqual(thread.filter((m) => m.direction === 'inbound').map((m) => m.content).sort(), [...texts].sort());
    assert.equal(client.io.io.engine.transport.name, options.transports.at(-1));
    assertRising(client);
  });
}
