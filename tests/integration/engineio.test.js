/* Engine.IO as its protocol has it, rule by rule, against the echo of the conformance peer. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Polling, SEPARATOR, Wire } from '../lib/engineio.js';
import { startPeer } from '../lib/peer.js';
import { fileScope } from '../lib/scratch.js';
import { pause, waitFor } from '../lib/wait.js';

const scope = fileScope();
const patience = Number(process.env.TEST_PATIENCE ?? 1);
const INTERVAL = 300 * patience, TIMEOUT = 200 * patience, UPGRADE = 1000 * patience; // ms
let peer, brisk, base, ws;

before(async () => {
  peer = await startPeer(scope); // whose heart beats too slowly to matter
  brisk = await startPeer(scope, '--ping-interval', `${INTERVAL}`, '--ping-timeout', `${TIMEOUT}`, '--connect-timeout', `${UPGRADE}`);
  base = `http://127.0.0.1:${peer.port}/engine.io/`;
  ws = base.replace('http', 'ws');
});

const open = (at = peer) => Polling.open(at.port);

async function openWire(at = peer) {
  const wire = new Wire(`ws://127.0.0.1:${at.port}/engine.io/?EIO=4&transport=websocket`);
  await wire.opened;
  wire.hello = JSON.parse((await wire.next()).slice(1));
  return wire;
}

async function gone(session) {
  const { status, text } = await session.get();
  assert.equal(status, 400);
  assert.deepEqual(JSON.parse(text), { code: 1, message: 'Session ID unknown' });
}

test('a handshake by polling says what there is to know', async () => {
  const answer = await fetch(`http://127.0.0.1:${brisk.port}/engine.io/?EIO=4&transport=polling`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/plain; charset=UTF-8');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  const text = await answer.text();
  const { sid, ...rest } = JSON.parse(text.slice(1));
  assert.match(sid, /^[\w-]{20}$/);
  assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: INTERVAL, pingTimeout: TIMEOUT, maxPayload: 1_000_000 });
});

test('a handshake by WebSocket has nothing to upgrade to', async () => {
  const wire = await openWire(brisk);
  const { sid, ...rest } = wire.hello;
  assert.match(sid, /^[\w-]{20}$/);
  assert.deepEqual(rest, { upgrades: [], pingInterval: INTERVAL, pingTimeout: TIMEOUT, maxPayload: 1_000_000 });
  wire.close();
});

test('ids of sessions are not alike', async () => {
  const ids = await Promise.all(Array.from({ length: 50 }, async () => (await open()).opened.sid));
  assert.equal(new Set(ids).size, 50);
  assert.ok(new Set(ids.map((id) => id.slice(0, 4))).size > 45);
});

/* [what, method, query, code, message]. */
const faults = [
  ['no transport', 'GET', '?EIO=4', 0, 'Transport unknown'],
  ['an unknown transport', 'GET', '?EIO=4&transport=abc', 0, 'Transport unknown'],
  ['an unknown session', 'GET', '?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA', 1, 'Session ID unknown'],
  ['a post to an unknown session', 'POST', '?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA', 1, 'Session ID unknown'],
  ['a session id that is none', 'GET', '?EIO=4&transport=polling&sid=%00', 1, 'Session ID unknown'],
  ['a handshake by POST', 'POST', '?EIO=4&transport=polling', 2, 'Bad handshake method'],
  ['a handshake by PUT', 'PUT', '?EIO=4&transport=polling', 2, 'Bad handshake method'],
  ['a WebSocket that is not asked for', 'GET', '?EIO=4&transport=websocket', 3, 'Bad request'],
  ['another method for a session', 'PUT', '?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA', 3, 'Bad request'],
  ['no version', 'GET', '?transport=polling', 5, 'Unsupported protocol version'],
  ['an old version', 'GET', '?EIO=3&transport=polling', 5, 'Unsupported protocol version'],
  ['a version that is none', 'GET', '?EIO=abc&transport=polling', 5, 'Unsupported protocol version'],
];

for (const [what, method, query, code, message] of faults) {
  test(`refused: ${what}`, async () => {
    const answer = await fetch(base + query, { method });
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    assert.deepEqual(await answer.json(), { code, message });
  });
}

for (const query of ['?transport=websocket', '?EIO=abc&transport=websocket', '?EIO=4', '?EIO=4&transport=abc', '?EIO=4&transport=polling', '?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA']) {
  test(`refused: a WebSocket at ${query}`, async () => {
    const wire = new Wire(ws + query);
    const answer = await wire.opened;
    assert.equal(answer.statusCode, 400);
    await wire.closed;
  });
}

test('a preflight is answered with 204', async () => {
  const answer = await fetch(`${base}?EIO=4&transport=polling`, { method: 'OPTIONS', headers: { Origin: 'http://shop.example', 'Access-Control-Request-Method': 'POST' } });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
});

/* --- messages --- */

for (const [what, payload] of [
  ['one text', '4hello'],
  ['several texts', ['4test1', '4test2', '4test3'].join(SEPARATOR)],
  ['text and bytes', ['4hello', 'bAQIDBA==', 'bAQI=', 'bAQ==', 'b', '4'].join(SEPARATOR)],
  ['text beyond ASCII', '4κόσμε 🙂'],
  ['a long text', `4${'x'.repeat(900_000)}`],
]) {
  test(`polling brings back ${what}`, async () => {
    const session = await open();
    const put = await session.post(payload);
    assert.deepEqual(put, { status: 200, text: 'ok' });
    const packets = payload.split(SEPARATOR);
    const got = [];
    while (got.length < packets.length) got.push(...await session.poll());
    assert.deepEqual(got, packets);
  });
}

test('a poll waits for what comes later', async () => {
  const session = await open();
  const poll = session.get();
  await session.post('4late');
  assert.deepEqual(await poll, { status: 200, text: '4late' });
});

test('WebSocket brings back text and bytes', async () => {
  const wire = await openWire();
  wire.send('4hello', Buffer.from([1, 2, 3, 4]), '4κόσμε', Buffer.alloc(0), `4${'x'.repeat(900_000)}`);
  assert.equal(await wire.next(), '4hello');
  assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3, 4]));
  assert.equal(await wire.next(), '4κόσμε');
  assert.deepEqual(await wire.next(), Buffer.alloc(0));
  assert.equal((await wire.next()).length, 900_001);
  wire.close();
});

test('many messages keep their order on a WebSocket that is paused between', async () => {
  const wire = await openWire();
  const all = Array.from({ length: 5000 }, (_, i) => `4${i}`);
  wire.send(...all);
  for (const expected of all) assert.equal(await wire.next(), expected);
  wire.close();
});

/* What makes no sense ends the session. */
for (const [what, payload] of [
  ['an unknown type', 'abc'],
  ['nothing', ''],
  ['an empty packet', `4a${SEPARATOR}`],
  ['a type that only servers send', '0{}'],
  ['a ping', '2'],
  ['a change without a WebSocket', '5'],
  ['base64 that is none', 'b!!!!'],
  ['base64 without its padding', 'bAQI'.slice(0, 3)],
  ['bytes that are not UTF-8', Buffer.from([0x34, 0xff, 0xfe])],
  ['one bad packet among good ones', ['4a', '9', '4b'].join(SEPARATOR)],
]) {
  test(`the session ends by a post of ${what}`, async () => {
    const session = await open();
    const { status, text } = await session.post(payload);
    assert.equal(status, 400);
    assert.equal(JSON.parse(text).code, 3);
    await gone(session);
  });
}

for (const packet of ['abc', '', '0', '2', '5', '9']) {
  test(`the session ends by '${packet}' on a WebSocket`, async () => {
    const wire = await openWire();
    wire.send(packet);
    assert.equal(await wire.closed, 1002);
  });
}

test('a post that is too large is refused with 413, and the session goes on', async () => {
  const session = await open();
  assert.equal((await session.post(`4${'x'.repeat(1_000_000)}`)).status, 413);
  await session.post('4small');
  assert.deepEqual(await session.poll(), ['4small']);
});

test('a message that is too large ends a WebSocket with 1009', async () => {
  const wire = await openWire();
  wire.send(`4${'x'.repeat(1_000_000)}`);
  assert.equal(await wire.closed, 1009);
});

test('a second poll beside the first ends the session', async () => {
  const session = await open();
  const answers = await Promise.all([session.get(), session.get()]);
  answers.sort((one, other) => one.status - other.status); // either may have come first
  assert.deepEqual(answers[0], { status: 200, text: '1' });
  assert.equal(answers[1].status, 400);
  assert.deepEqual(JSON.parse(answers[1].text), { code: 3, message: 'Bad request' });
  await gone(session);
});

test('a poll that its client gives up ends the session', async () => {
  const session = await open();
  const control = new AbortController();
  const poll = session.get({ signal: control.signal });
  await pause(20); // so that it is on its way; were it not, nothing would be given up
  control.abort();
  await assert.rejects(poll);
  await waitFor('the session to end', async () => (await session.post('4x')).status === 400);
});

/* --- heartbeat --- */

test('polling brings pings, and pongs keep the session', async () => {
  const session = await open(brisk);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await session.get(), { status: 200, text: '2' });
    assert.deepEqual(await session.post('3'), { status: 200, text: 'ok' });
  }
});

test('WebSocket brings pings, and pongs keep the session', async () => {
  const wire = await openWire(brisk);
  for (let i = 0; i < 3; i++) {
    assert.equal(await wire.nextRaw(), '2');
    wire.send('3');
  }
  wire.send('4still');
  assert.equal(await wire.next(), '4still');
  wire.close();
});

test('without a pong the session ends by polling, and not before its time', async () => {
  const session = await open(brisk);
  const start = performance.now();
  assert.deepEqual(await session.get(), { status: 200, text: '2' });
  const { text } = await session.get();
  assert.equal(text, '1');
  assert.ok(performance.now() - start > INTERVAL + TIMEOUT - 50);
  await gone(session);
});

test('a session that nobody polls ends too', async () => {
  const session = await open(brisk);
  await pause(INTERVAL + TIMEOUT); // the very time that the protocol gives
  await gone(session);
});

test('without a pong a WebSocket ends', async () => {
  const wire = await openWire(brisk);
  const start = performance.now();
  await wire.closed;
  assert.ok(performance.now() - start > INTERVAL + TIMEOUT - 50);
});

/* --- close --- */

test('the client ends a session by polling', async () => {
  const session = await open();
  const [poll, post] = await Promise.all([session.get(), session.post('1')]);
  assert.deepEqual(post, { status: 200, text: 'ok' });
  assert.ok((poll.status === 200 && poll.text === '6') || poll.status === 400, poll.text);
  await gone(session);
});

test('the client ends a session by WebSocket', async () => {
  const wire = await openWire();
  wire.send('1');
  await wire.closed;
});

/* --- from polling to WebSocket --- */

test('a session goes on by WebSocket', async () => {
  const session = await open();
  const wire = await session.upgrade();
  wire.send('4hello');
  assert.equal(await wire.next(), '4hello');
  wire.close();
});

test('a poll that waits is let go by the probe, and so are those behind it', async () => {
  const session = await open();
  const poll = session.get();
  const wire = session.wire();
  await wire.opened;
  wire.send('2probe');
  assert.equal(await wire.next(), '3probe');
  assert.deepEqual(await poll, { status: 200, text: '6' });
  assert.deepEqual(await session.get(), { status: 200, text: '6' });
  wire.send('5', '4after');
  assert.equal(await wire.next(), '4after');
  wire.close();
});

test('what waits for a poll comes by the WebSocket', async () => {
  const session = await open();
  const wire = session.wire();
  await wire.opened;
  wire.send('2probe');
  assert.equal(await wire.next(), '3probe');
  await session.post(['4a', 'bAQID', '4c'].join(SEPARATOR));
  wire.send('5', '4d');
  assert.equal(await wire.next(), '4a');
  assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3]));
  assert.equal(await wire.next(), '4c');
  assert.equal(await wire.next(), '4d');
  wire.close();
});

/* Polls, posts and the change as a client makes them at the same time. */
async function changeInFlow(session) {
  const got = [];
  let sent = 0, probed = false, wire;
  const take = (packets) => got.push(...packets.filter((packet) => packet[0] === '4'));
  const polling = (async () => {
    while (!probed) take(await session.poll());
  })();
  const posting = (async () => {
    while (!probed) {
      const packets = Array.from({ length: 1 + (sent % 5) }, () => `4${sent++}`);
      assert.equal((await session.post(packets.join(SEPARATOR))).status, 200);
    }
  })();
  await waitFor('messages to flow', () => got.length > 20, { everyMs: 1 });
  wire = session.wire();
  await wire.opened;
  wire.send('2probe');
  assert.equal(await wire.next(), '3probe');
  probed = true;
  await Promise.all([polling, posting]);
  wire.send('5');
  for (let i = 0; i < 50; i++) wire.send(`4${sent++}`);
  while (got.length < sent) take([await wire.next()]);
  wire.close();
  return { got, sent };
}

test('messages that flow are neither lost nor doubled by the change, and keep their order', async () => {
  const sessions = await Promise.all(Array.from({ length: 10 }, () => open()));
  for (const { got, sent } of await Promise.all(sessions.map(changeInFlow))) {
    assert.ok(sent > 70);
    assert.deepEqual(got, Array.from({ length: sent }, (_, i) => `4${i}`));
  }
});

test('after the change polling is refused, and the session goes on', async () => {
  const session = await open();
  const wire = await session.upgrade();
  wire.send('4there');
  assert.equal(await wire.next(), '4there');
  for (const answer of [await session.get(), await session.post('4x')]) {
    assert.equal(answer.status, 400);
    assert.deepEqual(JSON.parse(answer.text), { code: 3, message: 'Bad request' });
  }
  wire.send('4hello');
  assert.equal(await wire.next(), '4hello');
  wire.close();
});

test('a second WebSocket is closed, before the change and after it', async () => {
  const session = await open();
  const wire = session.wire();
  await wire.opened;
  await session.wire().closed;
  wire.send('2probe');
  assert.equal(await wire.next(), '3probe');
  wire.send('5', '4a');
  assert.equal(await wire.next(), '4a');
  await session.wire().closed;
  wire.send('4b');
  assert.equal(await wire.next(), '4b');
  wire.close();
});

for (const [what, spoil] of [
  ['says something else first', (wire) => wire.send('4x')],
  ['changes without a probe', (wire) => wire.send('5')],
  ['sends bytes', (wire) => wire.send(Buffer.from([1]))],
  ['leaves', (wire) => wire.close()],
]) {
  test(`a WebSocket that ${what} before the change is dropped, and polling goes on`, async () => {
    const session = await open();
    const wire = session.wire();
    await wire.opened;
    spoil(wire);
    await wire.closed;
    await session.post('4on');
    assert.deepEqual(await session.poll(), ['4on']);
    const next = await session.upgrade(); // another one may come
    next.send('4there');
    assert.equal(await next.next(), '4there');
    next.close();
  });
}

test('a WebSocket that does not change in time is closed, and polling goes on', async () => {
  const session = await open(brisk);
  const wire = session.wire();
  await wire.opened;
  const start = performance.now();
  let over = false;
  wire.over.then(() => (over = true));
  while (!over) { // the heart must beat meanwhile
    const { text } = await session.get();
    if (text === '2') await session.post('3');
    if (performance.now() - start > 0.9 * UPGRADE && !over) await session.post('4go');
    if (text === '4go') await pause(10);
  }
  assert.ok(performance.now() - start > UPGRADE - 50);
  await session.post('4on');
  let packets = [];
  while (!packets.includes('4on')) packets = await session.poll();
});
