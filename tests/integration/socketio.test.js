/* Socket.IO as its protocol has it, against the echo of the conformance peer: packet by packet, and
 * with the client that everybody uses. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { io } from 'socket.io-client';
import { Polling, SEPARATOR, Wire } from '../lib/engineio.js';
import { startPeer } from '../lib/peer.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
const patience = Number(process.env.TEST_PATIENCE ?? 1);
const INTERVAL = 300 * patience, TIMEOUT = 200 * patience, CONNECT = 1000 * patience; // ms
let peer, brisk;

before(async () => {
  peer = await startPeer(scope); // whose heart beats too slowly to matter
  brisk = await startPeer(scope, '--ping-interval', `${INTERVAL}`, '--ping-timeout', `${TIMEOUT}`, '--connect-timeout', `${CONNECT}`);
});

/* A WebSocket on which nothing of Socket.IO has been said yet. */
async function openWire(at = peer) {
  const wire = new Wire(`ws://127.0.0.1:${at.port}/socket.io/?EIO=4&transport=websocket`);
  await wire.opened;
  assert.equal((await wire.next())[0], '0');
  return wire;
}

/* One that has joined the main namespace. */
async function joined(auth = '', at = peer) {
  const wire = await openWire(at);
  wire.send(`40${auth}`);
  wire.sid = JSON.parse((await wire.next()).slice(2)).sid;
  assert.equal(await wire.next(), `42["auth",${auth || '{}'}]`);
  return wire;
}

/* --- packet by packet --- */

test('joining the main namespace gives an id of its own', async () => {
  const session = await Polling.open(peer.port, '/socket.io/');
  await session.post('40');
  const packets = [];
  while (packets.length < 2) packets.push(...await session.poll());
  const { sid, ...rest } = JSON.parse(packets[0].slice(2));
  assert.match(sid, /^[\w-]{20}$/);
  assert.notEqual(sid, session.opened.sid);
  assert.deepEqual(rest, {});
  assert.equal(packets[1], '42["auth",{}]');
});

test('joining gives what the client sent to the application', async () => {
  (await joined('{"token":"123"}')).close();
});

test('joining a namespace beside the main one', async () => {
  const wire = await joined();
  wire.send('40/custom,{"token":"abc"}');
  assert.match(await wire.next(), /^40\/custom,{"sid":"[\w-]{20}"}$/);
  assert.equal(await wire.next(), '42/custom,["auth",{"token":"abc"}]');
  wire.send('42["message","one"]', '42/custom,["message","two"]');
  assert.equal(await wire.next(), '42["message-back","one"]');
  assert.equal(await wire.next(), '42/custom,["message-back","two"]');
  wire.close();
});

test('a namespace alone, without the main one', async () => {
  const wire = await openWire();
  wire.send('40/custom,');
  assert.match(await wire.next(), /^40\/custom,/);
  assert.equal(await wire.next(), '42/custom,["auth",{}]');
  wire.close();
});

for (const packet of ['40/random', '40/random,', '40/random,{"a":1}', '40/customs,']) {
  test(`refused: ${packet}`, async () => {
    const wire = await openWire();
    wire.send(packet);
    assert.equal(await wire.next(), `44${packet.slice(2).replace(/,.*/, '')},{"message":"Invalid namespace"}`);
    wire.send('40'); // the connection goes on
    assert.match(await wire.next(), /^40{"sid":/);
    wire.close();
  });
}

test('who joins nothing in time is closed', async () => {
  const wire = await openWire(brisk);
  const start = performance.now();
  wire.send('40/random'); // a refusal is no joining
  assert.match(await wire.next(), /^44/);
  let beats = 0;
  for (let packet; (packet = await wire.nextRaw().catch(() => null)) !== null; ) {
    assert.equal(packet, '2');
    assert.ok(++beats < 10, 'it stays');
    wire.send('3');
  }
  await wire.closed;
  const took = performance.now() - start;
  assert.ok(took > CONNECT - 100 * patience, `${took} ms`);
});

test('who has joined may leave everything and stay', async () => {
  const wire = await joined('', brisk);
  wire.send('41');
  for (let i = 0; i < 5; i++) { // beats of the heart, beyond the time to join
    assert.equal(await wire.nextRaw(), '2');
    wire.send('3');
  }
  wire.send('40');
  assert.match(await wire.next(), /^40{"sid":/);
  wire.close();
});

/* [sent, comes back]. Buffers are attachments. */
const a = Buffer.from([1, 2, 3]), b = Buffer.from([4, 5, 6]);
const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
for (const [sent, back] of [
  [['42["message",1,"2",{"3":[true]}]'], ['42["message-back",1,"2",{"3":[true]}]']],
  [['42["message"]'], ['42["message-back"]']],
  [['42["message", "a" , null ]'], ['42["message-back","a" , null]']],
  [['42["message","κόσμε \\ud83d\\ude42"]'], ['42["message-back","κόσμε \\ud83d\\ude42"]']],
  [[`452-["message",${places}]`, a, b], [`452-["message-back",${places}]`, a, b]],
  [['451-["message",[{"x":{"_placeholder":true,"num":0}}]]', Buffer.alloc(0)], ['451-["message-back",[{"x":{"_placeholder":true,"num":0}}]]', Buffer.alloc(0)]],
  [['450-["message","none"]'], ['42["message-back","none"]']],
  [['42456["message-with-ack",1,"2",{"3":[false]}]'], ['43456[1,"2",{"3":[false]}]']],
  [['420["message-with-ack"]'], ['430[]']],
  [[`452-789["message-with-ack",${places}]`, a, b], [`462-789[${places}]`, a, b]],
]) {
  test(`brought back: ${sent[0]}`, async () => {
    const wire = await joined();
    wire.send(...sent);
    for (const expected of back) assert.deepEqual(await wire.next(), expected);
    wire.close();
  });

  test(`brought back by polling: ${sent[0]}`, async () => {
    const coded = (packet) => (typeof packet === 'string' ? packet : `b${packet.toString('base64')}`);
    const session = await Polling.open(peer.port, '/socket.io/');
    await session.post(['40', ...sent.map(coded)].join(SEPARATOR));
    const packets = [];
    while (packets.length < 2 + back.length) packets.push(...await session.poll());
    assert.deepEqual(packets.slice(2), back.map(coded));
  });
}

/* What ends the connection of a client that has joined. */
for (const packets of [
  ['4abc'], ['4'], ['47'], ['48'], ['44{"message":"x"}'],
  ['42{}'], ['42'], ['42[]'], ['42[1]'], ['42[null]'], ['42["message"'], ['42["message"]x'], ['42"message"'],
  ['42abc["message-with-ack",1]'], ['42-1["message"]'], ['421234567890123456["message"]'],
  ['42["connect"]'], ['42["connect_error"]'], ['42["disconnect"]'], ['42["disconnecting"]'], ['42["newListener"]'], ['42["removeListener"]'],
  ['43[1]'], ['43'], ['430'], ['430{}'], ['41{}'], ['411'], ['401{}'], ['40[]'], ['40"x"'],
  ['40'], // a second time
  ['42/custom,["message"]'], ['41/custom'], ['42/,["message"]'.replace('/', '/other')],
  ['45["message"]'], ['451["message"]'], ['4511-["message"]'], ['45-["message"]'], ['45x-["message"]'],
  ['451-["message",{"_placeholder":true,"num":1}]', a], ['451-["message",{"_placeholder":true,"num":-1}]', a],
  ['451-["message",{"_placeholder":true,"num":"0"}]', a], ['451-["message",{"_placeholder":true}]', a],
  ['451-{}', a], ['451-["connect"]', a],
  ['451-["message"]', '42["message"]'], // text where an attachment is due
  [a], // an attachment that nobody announced
  [`42/${'x'.repeat(300)},["message"]`],
]) {
  test(`the connection ends by ${packets.map((p) => (typeof p === 'string' ? p.slice(0, 60) : 'bytes')).join(' ')}`, async () => {
    const wire = await joined();
    wire.send(...packets);
    assert.equal(await wire.closed, 1002);
  });
}

for (const packet of ['42["message"]', '41', '430[]', '4abc']) {
  test(`the connection ends by ${packet} before anything was joined`, async () => {
    const wire = await openWire();
    wire.send(packet);
    assert.equal(await wire.closed, 1002);
  });
}

test('attachments are bounded with their packet', async () => {
  const wire = await joined();
  wire.send(`452-["message",${places}]`, Buffer.alloc(600_000), Buffer.alloc(600_000));
  assert.equal(await wire.closed, 1002);
});

test('what a client left is over for it', async () => {
  const wire = await joined();
  wire.send('40/custom,');
  await wire.next();
  await wire.next();
  wire.send('41/custom,', '42["message","still here"]');
  assert.equal(await wire.next(), '42["message-back","still here"]');
  wire.send('42/custom,["message"]');
  assert.equal(await wire.closed, 1002);
});

test('broadcasts reach everybody once, by whatever transport', async () => {
  const wires = await Promise.all(Array.from({ length: 5 }, () => joined()));
  const session = await Polling.open(peer.port, '/socket.io/');
  await session.post('40');
  const packets = [];
  while (packets.length < 2) packets.push(...await session.poll());
  const answer = await fetch(`http://127.0.0.1:${peer.port}/bcast?n=20`);
  assert.ok((await answer.json()).ms > 0);
  const message = /^42\["message",{"type":"message","id":"m1","role":"assistant","content":"x{120}","timestamp":".*"}\]$/;
  for (const wire of wires) {
    for (let i = 0; i < 20; i++) assert.match(await wire.next(), message);
    wire.send('42["message","end"]');
    assert.equal(await wire.next(), '42["message-back","end"]');
    wire.close();
  }
  while (packets.length < 22) packets.push(...await session.poll());
  for (const packet of packets.slice(2)) assert.match(packet, message);
});

/* --- the stock client --- */

function client(options, nsp = '/', at = peer) {
  const socket = io(`http://127.0.0.1:${at.port}${nsp}`, { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 20, ...options });
  scope.after(() => socket.disconnect());
  return socket;
}

async function useIt(socket) {
  const [auth] = await once(socket, 'auth');
  assert.deepEqual(auth, { token: 'abc' });
  socket.emit('message', 1, '2', { 3: [true] });
  assert.deepEqual(await once(socket, 'message-back'), [1, '2', { 3: [true] }]);
  socket.emit('message', Buffer.from([1, 2]), { deep: [Buffer.from([3])] });
  assert.deepEqual(await once(socket, 'message-back'), [Buffer.from([1, 2]), { deep: [Buffer.from([3])] }]);
  assert.deepEqual(await socket.timeout(5000).emitWithAck('message-with-ack', 'x'), 'x');
  assert.deepEqual(await socket.timeout(5000).emitWithAck('message-with-ack', Buffer.from([7])), Buffer.from([7]));
}

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  test(`the client works by ${transports.join(' and then ')}`, async () => {
    const socket = client({ transports, auth: { token: 'abc' } });
    await useIt(socket);
    if (transports.length === 2 && socket.io.engine.transport.name === 'polling') await once(socket.io.engine, 'upgrade');
    assert.equal(socket.io.engine.transport.name, transports.at(-1));
    assert.equal(await socket.timeout(5000).emitWithAck('message-with-ack', 'after'), 'after');
    socket.disconnect();
  });
}

test('the client changes its transport while it sends', async () => {
  const socket = client({});
  const got = [];
  let sent = 0, changing = 0;
  const say = () => socket.emit('message', sent++);
  socket.on('message-back', (n) => got.push(n));
  socket.io.on('open', () => {
    socket.io.engine.on('upgrading', () => (changing = sent) && say());
    socket.io.engine.on('packetCreate', () => sent < 50 && setImmediate(say));
  });
  say();
  await once(socket, 'connect');
  while (sent < 200) {
    say();
    await socket.timeout(5000).emitWithAck('message-with-ack', null);
  }
  assert.ok(changing > 0, 'something was sent before the change');
  assert.equal(socket.io.engine.transport.name, 'websocket');
  assert.deepEqual(got, Array.from({ length: sent }, (_, i) => i));
  socket.disconnect();
});

test('the client shares a connection between namespaces', async () => {
  const socket = client({ transports: ['websocket'], auth: { a: 1 } });
  const other = socket.io.socket('/custom', { auth: { b: 2 } });
  const [first, second] = await Promise.all([once(socket, 'auth'), once(other, 'auth')]);
  assert.deepEqual([first[0], second[0]], [{ a: 1 }, { b: 2 }]);
  assert.notEqual(socket.id, other.id);
  socket.disconnect();
  assert.equal(await other.timeout(5000).emitWithAck('message-with-ack', 1), 1);
  other.disconnect();
});

test('the client hears why it may not join', async () => {
  const [error] = await once(client({}, '/random'), 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
});

test('the client stays, beat after beat', async () => {
  const socket = client({ transports: ['websocket'] }, '/', brisk);
  await once(socket, 'connect');
  let left = false;
  socket.on('disconnect', () => (left = true));
  for (let i = 0; i < 4; i++) await once(socket.io.engine, 'heartbeat');
  assert.equal(left, false);
  socket.disconnect();
});

test('the client comes again by itself when its connection broke', async () => {
  for (const transports of [['websocket'], ['polling']]) {
    const socket = client({ transports });
    await once(socket, 'connect');
    const id = socket.id;
    const left = once(socket, 'disconnect');
    socket.io.engine.close();
    await left;
    if (!socket.connected) socket.connect();
    await once(socket, 'connect');
    assert.notEqual(socket.id, id);
    assert.equal(await socket.timeout(5000).emitWithAck('message-with-ack', 'again'), 'again');
    socket.disconnect();
  }
});

test('the client is told when the server stops, and comes again', async () => {
  const scopeOfOne = { ends: [], after(end) { this.ends.push(end); } };
  const other = await startPeer(scopeOfOne);
  const socket = io(`http://127.0.0.1:${other.port}/`, { transports: ['websocket'], reconnection: false });
  const poller = io(`http://127.0.0.1:${other.port}/`, { transports: ['polling'], reconnection: false, forceNew: true });
  await Promise.all([once(socket, 'connect'), once(poller, 'connect')]);
  const left = Promise.all([once(socket, 'disconnect'), once(poller, 'disconnect')]);
  for (const end of scopeOfOne.ends) await end();
  const reasons = (await left).map(([reason]) => reason);
  assert.equal(reasons[0], 'transport close');
  assert.ok(['transport close', 'transport error'].includes(reasons[1]), reasons[1]);
});
