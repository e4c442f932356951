/* Sockets at their bounds, and at their end: too many, too much, too slow, and what stands behind them
 * gone; a server that stops, and comes back. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { sanitized } from '../lib/binary.js';
import { metric, operatorEnv, operatorToken } from '../lib/health.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { assertRising, Client, RawClient, ticketOf } from '../lib/socket.js';
import { openWidget, visit, visitorOf } from '../lib/visitor.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const patience = Number(process.env.TEST_PATIENCE ?? 1);
const question = 'When does the shop open on Saturday?';
const hours = "# Opening hours\n\nOn Saturday the shop opens at nine o'clock.\n";
const generous = { ...operatorEnv, METACHAT_RATE_SESSION_PER_MIN: '100000', METACHAT_RATE_OPEN_PER_MIN: '100000', METACHAT_RATE_ADDRESS_FACTOR: '1000' };

async function shopOf(mc, name = 'Shop') {
  const shop = await mc.tenant(name);
  await shop.addDocument('hours.md', hours);
  return shop;
}

const residentMb = (mc) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${mc.pid}/status`, 'utf8'))[1]) / 1024;

let mc; // with room for everything, that looks often at what stands behind its sockets

before(async () => {
  mc = await Metachat.start(scope, { env: { ...generous, METACHAT_SOCKET_CHECK_MS: '100', METACHAT_SOCKET_MAX_PAYLOAD: '8192', METACHAT_HTTP_OUTPUT_HIGH_WATER: '65536' } });
});

async function assertTooMany(promise, whose) {
  const error = await promise.then(() => assert.fail(`one more of this ${whose} was let in`), (e) => e);
  assert.equal(error.data?.code, 'TOO_MANY_STREAMS', error.message);
  assert.match(error.message, new RegExp(whose));
}

// shows: RATE-5, RT-7
test('sockets are bounded for each client, tenant and address, and a place that is left is free', async (t) => {
  const small = await Metachat.start(t, { env: { ...generous, METACHAT_SOCKETS_PER_CLIENT: '2', METACHAT_SOCKETS_PER_TENANT: '4', METACHAT_SOCKETS_PER_ADDRESS: '5' } });
  const [a, b] = [await small.tenant('A'), await small.tenant('B')];
  const visitors = [];
  for (let i = 0; i < 3; i++) visitors.push(await visitorOf(small, a));
  const open = (api, options) => Client.open(t, api, options);
  const first = await open(visitors[0]);
  await open(visitors[0]);
  await assertTooMany(open(visitors[0]), 'client');
  await open(a);
  await open(a);
  await assertTooMany(open(a), 'tenant');
  await assertTooMany(open(visitors[1]), 'tenant');
  const ofB = await open(b);
  await assertTooMany(open(b), 'address');
  const elsewhere = await open(b, { localAddress: '127.0.0.2' });
  await assertTooMany(open(b, { localAddress: '127.0.0.2' }), 'client');
  for (const [whose, count] of [['client', 2], ['tenant', 2], ['address', 1]]) assert.equal(await metric(small, 'sockets_refused_total', `"${whose}"`), count, whose);
  assert.equal(await metric(small, 'sockets_open'), 6);
  first.close();
  await waitFor('the place to be free', () => open(visitors[1]).then(() => true, () => false));
  for (const client of [ofB, elsewhere]) assert.equal((await client.ask('nonsense')).code, 'VALIDATION_ERROR');
});

// shows: RATE-5
test('what a visitor sends is limited, and it is told when to come again', async (t) => {
  const strict = await Metachat.start(t, { env: { ...operatorEnv, METACHAT_RATE_VISITOR_CHAT_PER_MIN: '5', METACHAT_RATE_VISITOR_PER_MIN: '40', METACHAT_RATE_OPEN_PER_MIN: '3' } });
  const shop = await shopOf(strict);
  const { key } = await openWidget(shop);
  const visitor = await visit(strict, key);
  const client = await Client.open(t, visitor);
  for (let i = 0; i < 5; i++) await client.says(`Question ${i}`);
  const limited = await client.ask('message', { id: 'sixth', text: 'Question 6' });
  assert.deepEqual([limited.ok, limited.code, limited.retryable], [false, 'RATE_LIMITED', true]);
  assert.ok(limited.retryAfter >= 1 && limited.retryAfter <= 60, JSON.stringify(limited));
  assert.equal((await visitor.post('/chat', { message: 'Question 7' })).status, 429, 'and it is one budget with requests');
  let answer;
  for (let i = 0; i < 60 && answer?.code !== 'RATE_LIMITED'; i++) answer = await client.ask('typing', { on: true });
  assert.equal(answer.code, 'RATE_LIMITED');
  client.io.emit('typing', { on: true });
  assert.ok((await client.heard('error', (e) => e.code === 'RATE_LIMITED')).retryAfter >= 1);
  const openings = [];
  for (let i = 0; i < 4; i++) {
    const other = await Client.open(t, await visit(strict, key));
    openings.push((await other.ask('message', { id: 'first', text: question })).code);
  }
  assert.deepEqual(openings, [undefined, undefined, 'RATE_LIMITED', 'RATE_LIMITED'], 'an address begins only so many conversations');
});

// shows: RATE-5
test('a flood from one visitor does not keep another waiting', async (t) => {
  const shop = await shopOf(mc);
  const [bad, good] = [await visitorOf(mc, shop), await visitorOf(mc, shop)];
  const honest = await Client.open(t, good, { since: 0 });
  await honest.says('Before the flood');
  await honest.replyTo('Before the flood');
  const floods = [await Client.open(t, bad), await Client.open(t, bad)];
  let over = false;
  let sent = 0;
  const pour = () => {
    if (over) return;
    for (const { io } of floods) {
      for (let i = 0; i < 200; i++) io.emit(['message', 'typing', 'read', 'nonsense'][sent % 4], { id: `m${sent++}`, text: 'x'.repeat(2000), on: true, messageId: 'x' });
    }
    setImmediate(pour);
  };
  pour();
  try {
    for (let i = 0; i < 5; i++) {
      const at = Date.now();
      await honest.says(`Meanwhile ${i}`);
      await honest.replyTo(`Meanwhile ${i}`);
      const took = Date.now() - at;
      assert.ok(took < 1000 * patience, `answered after ${took} ms`);
    }
  } finally {
    over = true;
    floods.forEach((client) => client.close());
  }
  assert.ok(sent > 1000, `${sent} sent`);
  assert.ok((await metric(mc, 'rate_limited_total')) > 0);
});

test('what is larger than a packet may be ends who sends it, and nobody else', async (t) => {
  const shop = await shopOf(mc);
  const visitor = await visitorOf(mc, shop);
  for (const transports of [['websocket'], ['polling']]) {
    const [client, other] = [await Client.open(t, visitor, { transports }), await Client.open(t, visitor, { transports })];
    await client.says('x'.repeat(2000));
    client.io.emit('message', { id: 'large', text: 'x'.repeat(9000) });
    await client.ended();
    await other.says('Still here');
    assert.deepEqual(other.ends, []);
  }
});

/** What ends the sockets of a tenant's key holders or visitors, and within what time. */
const ends = {
  'the API key is revoked': async (shop, own) => {
    const { id } = (await shop.all('/api-keys')).find((k) => k.name === own.name);
    assert.equal((await shop.delete(`/api-keys/${id}`)).status, 204);
  },
  'the widget key is changed': (shop) => shop.data('POST', '/tenant/widget/rotate-key', {}),
  'the tenant is suspended': (shop) => mc.api(operatorToken).data('POST', `/tenants/${shop.tenantId}/suspend`),
  'the time of the key is over': async () => {},
};

for (const [name, end] of Object.entries(ends)) {
  // shows: RT-3
  test(`sockets end when ${name}`, async (t) => {
    const shop = await shopOf(mc);
    const expiring = name.includes('time') ? { expiresAt: new Date(Date.now() + 1500).toISOString() } : {};
    const own = await shop.data('POST', '/api-keys', { name: 'of the sockets', scopes: '*', ...expiring });
    const agent = await Client.open(t, shop.as(own.apiKey));
    const visitor = await Client.open(t, await visitorOf(mc, shop));
    const bystander = await Client.open(t, await visitorOf(mc, await shopOf(mc)));
    await end(shop, own);
    const gone = name.includes('widget') ? [visitor] : name.includes('tenant') ? [agent, visitor] : [agent];
    for (const client of gone) {
      assert.equal(await client.ended({ withinMs: name.includes('time') ? 5000 : 2000 }), 'io server disconnect');
      assert.deepEqual(client.of('error').at(-1), { code: 'INVALID_TOKEN', message: 'The session has ended.' });
      await waitFor('tickets to be refused', async () => (await client.api.post('/realtime/ticket')).status === 401, { withinMs: 2000 }); // a ticket counts in seconds
    }
    for (const client of [agent, visitor, bystander].filter((c) => !gone.includes(c))) assert.equal((await client.ask('nonsense')).code, 'VALIDATION_ERROR');
  });
}

// shows: AUTH-11
test('a ticket that waited too long is refused', async (t) => {
  const brief = await Metachat.start(t, { env: { ...generous, METACHAT_TICKET_S: '1' } });
  const shop = await brief.tenant('Shop');
  const { ticket, expiresIn } = await shop.data('POST', '/realtime/ticket');
  assert.equal(expiresIn, 1);
  const over = Date.now() + 1100;
  await waitFor('its time to be over', () => Date.now() > over);
  const error = await Client.open(t, shop, { ticket: () => ticket }).then(() => assert.fail('let in'), (e) => e);
  assert.equal(error.data.code, 'INVALID_TOKEN');
  await Client.open(t, shop);
});

// shows: RT-5
test('clients come back to a server that was stopped and started, and have everything', async (t) => {
  const again = await Metachat.start(t, { env: generous });
  const shop = await shopOf(again);
  const clients = [];
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    const visitor = await visitorOf(again, shop);
    const client = new Client(t, visitor, { transports, reconnection: true, auth: () => ({ since: client.seq }) });
    client.seq = 0;
    client.io.onAny((name, data) => (client.seq = Math.max(client.seq, data.seq ?? 0)));
    await client.connect();
    await client.says('Before');
    await client.replyTo('Before');
    clients.push(client);
  }
  for (let round = 0; round < 2; round++) {
    await again.stop();
    for (const client of clients) await waitFor('the client to notice', () => !client.io.connected);
    await again.start();
    for (const client of clients) {
      await client.api.chat(`By request ${round}`);
      await waitFor('the client to come back', () => client.io.connected);
      await client.says(`After ${round}`);
      await client.replyTo(`After ${round}`);
    }
  }
  for (const client of clients) {
    const [{ id }] = await client.api.all('/public/conversations');
    const thread = (await client.api.all(`/public/conversations/${id}/messages`)).reverse();
    assert.deepEqual(client.of('message').map((m) => m.message), thread, client.io.io.opts.transports.join());
    assert.equal(thread.filter((m) => m.direction === 'inbound').length, 5);
    assert.deepEqual(client.ends.filter((reason) => reason === 'io server disconnect'), [], 'a stop is no farewell');
    assertRising(client);
  }
});

// shows: RT-4
test('who does not read is cut off, costs little, and others get all', async (t) => {
  const shop = await shopOf(mc);
  const { conversationId } = await shop.chat(question);
  const reader = await Client.open(t, shop);
  const slow = [];
  for (let i = 0; i < 5; i++) slow.push(await RawClient.open(t, shop, { pongs: true }));
  const open = await metric(mc, 'sockets_open');
  const before = residentMb(mc);
  slow.forEach(({ ws }) => ws.pause());
  const content = 'x'.repeat(20_000);
  let written = 0;
  let most = before;
  await waitFor('the slow ones to be cut off', async () => {
    await Promise.all(Array.from({ length: 10 }, () => shop.data('POST', `/conversations/${conversationId}/messages`, { content })));
    written += 10;
    most = Math.max(most, residentMb(mc));
    return (await metric(mc, 'sockets_open')) === open - slow.length;
  }, { withinMs: 60_000 });
  await waitFor('the reader to have all', () => reader.of('event').filter((e) => e.type === 'message.sent' && e.data.content === content).length === written);
  assertRising(reader);
  assert.deepEqual(reader.ends, []);
  t.diagnostic(`${written * 20} KB for each reader, ${Math.round(most - before)} MB more at most`);
  assert.ok(most - before < (sanitized ? 400 : 48), `${before} MB before, ${most} MB at most`);
  slow.forEach(({ ws }) => ws.resume());
  for (const raw of slow) await waitFor('the end', () => raw.closed !== null);
});

// shows: RT-4
test('a client that polls and stops polling is forgotten', async (t) => {
  const brisk = await Metachat.start(t, { env: { ...generous, METACHAT_SOCKET_PING_MS: '300', METACHAT_SOCKET_PING_TIMEOUT_MS: '1500', METACHAT_SOCKET_CONNECT_TIMEOUT_MS: '2000' } });
  const shop = await shopOf(brisk);
  const honest = [await Client.open(t, shop), await Client.open(t, shop, { transports: ['polling'] })];
  const poll = async (sid, body) => (await brisk.api().fetch(body ? 'POST' : 'GET', `//socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ''}`, body ? { body, headers: { 'Content-Type': 'text/plain' } } : {}));
  const { sid } = JSON.parse((await (await poll()).text()).slice(1));
  assert.equal((await poll(sid, `40${JSON.stringify({ token: await ticketOf(shop) })}`)).status, 200);
  const half = [];
  for (let i = 0; i < 3; i++) half.push(await RawClient.open(t, shop));
  const mute = new RawClient(t, brisk.url);
  await mute.comes(/^0\{/);
  await waitFor('the half-open ones to end', () => half.every((raw) => raw.closed !== null));
  await waitFor('the one that brings no ticket to end', () => mute.closed !== null);
  await waitFor('the poller to be forgotten', async () => (await metric(brisk, 'sockets_open')) === honest.length);
  assert.equal((await poll(sid)).status, 400);
  for (const client of honest) assert.deepEqual([client.io.connected, client.ends], [true, []]);
  assert.ok((await metric(brisk, 'sockets_ended_total', '"ping timeout"')) >= 3);
});
