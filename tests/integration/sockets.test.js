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
