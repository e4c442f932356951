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
