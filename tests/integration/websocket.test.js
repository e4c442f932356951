/* WebSocket as RFC 6455 has it, case by case, against the echo of the conformance peer: a raw client
 * for what no library would send, and the library most people use. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import WebSocket from 'ws';
import { startPeer } from '../lib/peer.js';
import { fileScope } from '../lib/scratch.js';
import { asking, BINARY, CLOSE, closing, frame, PING, PONG, RawSocket, TEXT } from '../lib/websocket.js';

const scope = fileScope();
const MAX = 16 << 20; // bytes of a message that the peer takes
let peer;

before(async () => {
  peer = await startPeer(scope);
});

/* What a case expects of the server, in its order. */
const text = (payload) => ({ opcode: TEXT, payload: Buffer.from(payload) });
const binary = (payload) => ({ opcode: BINARY, payload: Buffer.from(payload) });
const pong = (payload = '') => ({ opcode: PONG, payload: Buffer.from(payload) });
const closed = (code) => ({ opcode: CLOSE, code });

/* Parts of cases. */
const open = (payload, options) => frame(TEXT, payload, { fin: false, ...options });
const more = (payload, fin = false) => frame(0, payload, { fin });
const last = (payload) => more(payload, true);
const bye = frame(CLOSE, closing(1000));
const all = (...frames) => Buffer.concat(frames);
const bytes = (...list) => Buffer.from(list);
const kosme = Buffer.from('κόσμε');

/* [section, what, bytes to send, what must come]. Behind what must come, the connection ends. */
const cases = [];
const add = (section, what, send, ...expect) => cases.push({ section, what, send, expect });

for (const [opcode, echo, name] of [[TEXT, text, 'text'], [BINARY, binary, 'binary']]) {
  for (const size of [0, 1, 125, 126, 127, 128, 65535, 65536]) {
    const payload = '*'.repeat(size);
    add('1 framing', `${name} of ${size} bytes`, all(frame(opcode, payload), bye), echo(payload), closed(1000));
  }
}

add('2 pings', 'without payload', all(frame(PING), bye), pong(), closed(1000));
add('2 pings', 'with text', all(frame(PING, 'Hello'), bye), pong('Hello'), closed(1000));
add('2 pings', 'with bytes that are no text', all(frame(PING, bytes(0, 255, 254, 253)), bye), pong(bytes(0, 255, 254, 253)), closed(1000));
add('2 pings', 'with 125 bytes', all(frame(PING, '*'.repeat(125)), bye), pong('*'.repeat(125)), closed(1000));
add('2 pings', 'with 126 bytes', frame(PING, '*'.repeat(126)), closed(1002));
add('2 pings', 'a pong that nobody asked for', all(frame(PONG), frame(PONG, 'x'), frame(PING, 'y'), bye), pong('y'), closed(1000));
add('2 pings', 'ten in a row', all(...range(10).map((i) => frame(PING, `p${i}`)), bye), ...range(10).map((i) => pong(`p${i}`)), closed(1000));

for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
  add('3 reserved bits', `${rsv} in a text`, all(frame(TEXT, 'Hello'), frame(TEXT, 'Hello', { rsv }), frame(PING)), text('Hello'), closed(1002));
  add('3 reserved bits', `${rsv} in a ping`, frame(PING, 'Hello', { rsv }), closed(1002));
}

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  add('4 reserved opcodes', `${opcode}`, all(frame(TEXT, 'Hello'), frame(opcode, 'x'), frame(PING)), text('Hello'), closed(1002));
  add('4 reserved opcodes', `${opcode}, empty`, frame(opcode), closed(1002));
}

add('5 fragments', 'a ping in two', all(frame(PING, 'a', { fin: false }), last('b')), closed(1002));
add('5 fragments', 'a pong in two', all(frame(PONG, 'a', { fin: false }), last('b')), closed(1002));
add('5 fragments', 'a text in two', all(open('frag'), last('ment'), bye), text('fragment'), closed(1000));
add('5 fragments', 'a ping between them', all(open('frag'), frame(PING, '?'), last('ment'), bye), pong('?'), text('fragment'), closed(1000));
add('5 fragments', 'a pong between them', all(open('frag'), frame(PONG, '!'), last('ment'), bye), text('fragment'), closed(1000));
add('5 fragments', 'empty ones', all(open(''), more(''), last(''), bye), text(''), closed(1000));
add('5 fragments', 'an empty one in the middle', all(open('a'), more(''), last('b'), bye), text('ab'), closed(1000));
add('5 fragments', 'five with pings between them', all(open('1'), more('2'), frame(PING, 'a'), more('3'), more('4'), frame(PING, 'b'), last('5'), bye), pong('a'), pong('b'), text('12345'), closed(1000));
add('5 fragments', 'the last of nothing', all(last('x'), frame(TEXT, 'y')), closed(1002));
add('5 fragments', 'one of nothing', all(more('x'), frame(TEXT, 'y')), closed(1002));
add('5 fragments', 'one behind a whole message', all(open('a'), last('b'), more('c')), text('ab'), closed(1002));
add('5 fragments', 'a text within a text', all(open('a'), frame(TEXT, 'b')), closed(1002));
add('5 fragments', 'a beginning within a text', all(open('a'), open('b'), last('c')), closed(1002));
add('5 fragments', 'a binary within a text', all(open('a'), frame(BINARY, 'b')), closed(1002));

const valid = {
  'nothing': '', 'ASCII': 'Hello-', 'two to four bytes': 'Hello-µ@ßöäüàá-UTF-8!!', 'Greek': kosme, 'NUL': '\0',
  'the first of each length': '\0\u0080\u0800\u{10000}', 'the last of each length': '\x7f\u07ff\uffff\u{10ffff}',
  'around the surrogates': '\ud7ff\ue000\ufffd', 'noncharacters': '\ufdd0\ufffe\uffff\u{1fffe}\u{10fffe}', 'emoji': '👩‍👩‍👧‍👦',
};
for (const [name, value] of Object.entries(valid)) {
  const payload = Buffer.from(value);
  add('6 UTF-8', name, all(frame(TEXT, payload), bye), text(payload), closed(1000));
  add('6 UTF-8', `${name}, a frame for each byte`, all(open(''), ...[...payload].map((byte) => more(bytes(byte))), last(''), bye), text(payload), closed(1000));
}
const invalid = {
  'a lone continuation': [0x80], 'the last continuation': [0xbf], 'two of them': [0x80, 0xbf], 'a lone start of two': [0xc3, 0x20],
  'a lone start of three': [0xe2, 0x20], 'a lone start of four': [0xf0, 0x20], 'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80],
  'six bytes': [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80], '0xfe': [0xfe], '0xff': [0xff], 'overlong slash in two': [0xc0, 0xaf],
  'overlong slash in three': [0xe0, 0x80, 0xaf], 'overlong slash in four': [0xf0, 0x80, 0x80, 0xaf], 'overlong in two': [0xc1, 0xbf],
  'overlong in three': [0xe0, 0x9f, 0xbf], 'overlong in four': [0xf0, 0x8f, 0xbf, 0xbf], 'overlong NUL': [0xc0, 0x80],
  'a high surrogate': [0xed, 0xa0, 0x80], 'a low surrogate': [0xed, 0xbf, 0xbf], 'a pair of surrogates': [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80],
  'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80], 'far above': [0xf7, 0xbf, 0xbf, 0xbf], 'cut in two': [0xc3], 'cut in three': [0xe2, 0x82], 'cut in four': [0xf0, 0x9f, 0x98],
};
for (const [name, list] of Object.entries(invalid)) {
  const payload = all(kosme, bytes(...list));
  add('6 UTF-8', `refused: ${name}`, all(frame(TEXT, payload), frame(PING)), closed(1007));
  add('6 UTF-8', `refused: ${name}, a frame for each byte`, all(open(''), ...[...payload].map((byte) => more(bytes(byte))), last('')), closed(1007));
  add('6 UTF-8', `binary: ${name}`, all(frame(BINARY, payload), bye), binary(payload), closed(1000));
}
add('6 UTF-8', 'refused before the message is whole', all(open(kosme), more(bytes(0xf4, 0x90))), closed(1007));
add('6 UTF-8', 'refused before the frame is whole', frame(TEXT, all(kosme, bytes(0xff)), { length: 1000 }), closed(1007));

add('7 closing', 'without a code', all(frame(TEXT, 'last'), frame(CLOSE)), text('last'), closed(1005));
add('7 closing', 'twice', all(bye, bye), closed(1000));
add('7 closing', 'and then a ping', all(bye, frame(PING)), closed(1000));
add('7 closing', 'and then a text', all(bye, frame(TEXT, 'x')), closed(1000));
add('7 closing', 'within a message', all(open('a'), bye, last('b')), closed(1000));
add('7 closing', 'behind a large message', all(frame(TEXT, 'x'.repeat(262144)), bye, frame(PING)), text('x'.repeat(262144)), closed(1000));
add('7 closing', 'with half a code', frame(CLOSE, bytes(3)), closed(1002));
add('7 closing', 'with a reason', frame(CLOSE, closing(1000, 'Hello')), closed(1000));
add('7 closing', 'with a reason of 123 bytes', frame(CLOSE, closing(1000, '*'.repeat(123))), closed(1000));
add('7 closing', 'with a reason of 124 bytes', frame(CLOSE, closing(1000, '*'.repeat(124))), closed(1002));
add('7 closing', 'with a reason that is not UTF-8', frame(CLOSE, all(closing(1000), kosme, bytes(0xed, 0xa0, 0x80))), closed(1007));
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  add('7 closing', `with code ${code}`, frame(CLOSE, closing(code)), closed(code));
}
for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
  add('7 closing', `refused: code ${code}`, frame(CLOSE, closing(code)), closed(1002));
}

add('framing that must not be', 'without a mask', frame(TEXT, 'x', { masked: false }), closed(1002));
add('framing that must not be', 'a long form of a short length', bytes(0x81, 0xfe, 0, 5, 0, 0, 0, 0), closed(1002));
add('framing that must not be', 'a very long form', bytes(0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0), closed(1002));
add('framing that must not be', 'a length above 2^63', bytes(0x82, 0xff, 0x80), closed(1002));
add('framing that must not be', 'a message above the bound', frame(BINARY, '', { length: MAX + 1 }), closed(1009));

function range(n) {
  return Array.from({ length: n }, (_, i) => i);
}

async function check(raw, expect) {
  for (const want of expect) {
    const got = await raw.frame();
    assert.ok(got, `the connection ended before ${JSON.stringify(want)}`);
    assert.equal(got.first, 0x80 | want.opcode, `payload ${got.payload.subarray(0, 100)}`);
    assert.equal(got.masked, false);
    if (want.opcode !== CLOSE) assert.ok(got.payload.equals(want.payload));
    else assert.equal(got.payload.length < 2 ? 1005 : got.payload.readUInt16BE(), want.code);
  }
  assert.equal(await raw.frame(), null, 'nothing comes behind the close frame');
}

for (const section of new Set(cases.map((one) => one.section))) {
  test(`RFC 6455: ${section}`, async (t) => {
    for (const { what, send, expect } of cases.filter((one) => one.section === section)) {
      for (const size of [send.length || 1, 997, 1]) {
        if (size === 1 && send.length > 2000) continue; // a write for each byte
        await t.test(size === send.length ? what : `${what}, in pieces of ${size}`, async () => {
          const raw = await RawSocket.open(peer.port);
          await raw.chop(send, size);
          await check(raw, expect);
          raw.destroy();
        });
      }
    }
  });
}

test('frames that come with the request are the first of the WebSocket', async () => {
  const raw = await RawSocket.open(peer.port, { behind: all(frame(TEXT, 'early'), bye) });
  await check(raw, [text('early'), closed(1000)]);
  raw.destroy();
});

test('a client that closes only its sending half is answered, and then closed', async () => {
  const raw = await RawSocket.open(peer.port);
  raw.send(frame(TEXT, 'last words'));
  assert.deepEqual((await raw.frame()).payload.toString(), 'last words');
  raw.socket.end();
  assert.equal(await raw.frame(), null);
  raw.destroy();
});

test('a handshake at fault is refused, and the connection serves the next request', async () => {
  const rows = [
    [400, { Connection: 'keep-alive' }], [400, { 'Sec-WebSocket-Key': null }], [400, { 'Sec-WebSocket-Key': 'c2hvcnQ=' }],
    [426, { 'Sec-WebSocket-Version': '8' }], [426, { 'Sec-WebSocket-Version': null }], [426, { Upgrade: 'h2c' }],
  ];
  for (const [status, headers] of rows) {
    const raw = await RawSocket.open(peer.port, { path: '/somewhere', headers, behind: asking('/') });
    assert.match(raw.head, new RegExp(`^HTTP/1.1 ${status} `), JSON.stringify(headers));
    assert.equal(/^Sec-WebSocket-Version: 13\r$/m.test(raw.head), status === 426);
    raw.destroy();
  }
});

test('the library that people use gets its own words back, to the last byte of 16 MB', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${peer.port}/any/path?at=all`, { maxPayload: MAX });
  await once(ws, 'open');
  assert.equal(ws.extensions, '', 'compression is offered by it and not taken');
  const large = Buffer.alloc(MAX, 'metachat ');
  for (const message of ['Grüße', Buffer.from([0, 255]), large]) {
    ws.send(message);
    const [data, isBinary] = await once(ws, 'message');
    assert.equal(isBinary, typeof message !== 'string');
    assert.ok(Buffer.from(message).equals(data));
  }
  ws.ping('still there?');
  assert.equal(String((await once(ws, 'pong'))[0]), 'still there?');
  ws.close(4000, 'done');
  assert.deepEqual((await once(ws, 'close')).map(String), ['4000', '']);
});

test('one byte more than 16 MB is refused', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${peer.port}/`);
  await once(ws, 'open');
  ws.on('error', () => {}); // the connection may be reset while it still sends
  ws.send(Buffer.alloc(MAX + 1));
  const [code] = await once(ws, 'close');
  assert.equal(code, 1009);
});

test('the peer echoes bodies over HTTP', async () => {
  const base = `http://127.0.0.1:${peer.port}`;
  const body = Buffer.alloc(100_000, 'body ');
  for (const path of ['/echo', '/']) {
    const answer = await fetch(base + path, { method: 'POST', body });
    assert.equal(answer.status, 200);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(body));
  }
  assert.equal((await fetch(`${base}/`)).status, 200);
  assert.equal((await fetch(`${base}/other`)).status, 404);
});
