/* Clients that are slow, broken, rude or many: each gets its refusal or its end, the process lives,
 * and who behaves is served all the while. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { sanitized } from '../lib/binary.js';
import { answersIn, besides, descriptors, dice, open, politely, residentMb, send, settled, trickle, within } from '../lib/hostile.js';
import { Metachat, root } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { pause, waitFor } from '../lib/wait.js';

const scope = fileScope();
const unlimited = Object.fromEntries(['READ', 'WRITE', 'CHAT', 'UPLOAD', 'PUBLIC', 'AUTH', 'DEMO'].map((c) => [`METACHAT_RATE_${c}_PER_MIN`, '100000000']));
const short = { METACHAT_HTTP_HEAD_TIMEOUT_MS: '1500', METACHAT_HTTP_BODY_TIMEOUT_MS: '1500', METACHAT_HTTP_BODY_GRACE_MS: '1500', METACHAT_HTTP_WRITE_TIMEOUT_MS: '1500' };
const slowness = { lowest: 1400, most: 25_000 }; // around the deadlines: how long the slow may last
const live = 'GET /health/live HTTP/1.1\r\nHost: shop\r\n';
const large = '/docs/main.js'; // costs little to answer with
const bound = 5000; // ms that an honest client may wait while others misbehave
const attack = { seconds: 4, connections: 300 }; // of each mode of slowhttptest
let mc, shop, bearer, calm;

before(async () => {
  mc = await Metachat.start(scope, { env: { ...unlimited, ...short } });
  shop = await mc.tenant('Hostile');
  bearer = `Authorization: Bearer ${shop.key}\r\n`;
  await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at nine.\n');
  await shop.chat('When does the shop open on Saturday?');
  calm = descriptors(mc);
});

/** The program is as it was: it answers, nothing is left open, nothing came at error level. */
async function unharmed() {
  assert.equal((await politely(mc, '/health/live')).status, 200);
  await settled(mc, calm);
  assert.deepEqual(mc.unannounced(), []);
  assert.deepEqual(mc.noise, []);
}

const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const post = (path, body, more = '') => `POST ${path} HTTP/1.1\r\nHost: shop\r\n${bearer}Content-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const question = JSON.stringify({ message: 'When does the shop open on Saturday?' });

function assertRefused(text, statuses, what) {
  const [answer, ...more] = answersIn(text);
  assert.ok(statuses.includes(answer?.status), `${what}: ${text.slice(0, 200)}`);
  assert.equal(JSON.parse(answer.body).success, false, what);
  assert.deepEqual(more, [], `${what}: one refusal, and nothing behind it`);
}

// shows: HTTP-1
test('slow heads end at their deadline, however many bytes still come', async () => {
  const clients = times(100, (i) => open(mc, { from: i }));
  for (const client of clients.slice(0, 70)) void trickle(client, `GET /health/live HTTP/1.1\r\nHost: shop\r\nX: ${'a'.repeat(500)}`, 100);
  const ends = await besides(mc, shop.key, Promise.all(clients.map((c) => within('a slow head to end', c.closed, slowness.most))), bound);
  assert.ok(ends.requests > 2);
  for (const client of clients) {
    assert.ok(client.lasted >= slowness.lowest, `${client.lasted} ms`);
    if (client.bytes) assertRefused(client.text(), [408], 'a slow head');
  }
  await unharmed();
});

// shows: HTTP-1
test('slow bodies end', async () => {
  const clients = times(60, (i) => open(mc, { from: i }));
  const chunked = `POST /api/v1/search HTTP/1.1\r\nHost: shop\r\n${bearer}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const fixed = chunked.replace('Transfer-Encoding: chunked', 'Content-Length: 5000');
  clients.forEach((client, i) => {
    client.socket.write(i % 2 ? chunked : fixed);
    void trickle(client, i % 2 ? '1\r\na\r\n'.repeat(50) : ' '.repeat(300), 100);
  });
  await besides(mc, shop.key, Promise.all(clients.map((c) => within('a slow body to end', c.closed, slowness.most))), bound);
  const told = clients.filter((c) => c.bytes);
  assert.ok(told.length > 0);
  for (const client of told) assertRefused(client.text(), [408], 'a slow body');
  await unharmed();
});

// shows: HTTP-8
test('who closes its sending half gets the answer to what it sent, and no more', async () => {
  assert.deepEqual(answersIn(await send(mc, `${live}\r\n`, { end: true })).map((a) => a.status), [200]);
  assert.deepEqual(answersIn(await send(mc, `${live}\r\n${live}\r\n`, { end: true })).map((a) => a.status), [200, 200]);
  // Half closed looks like gone, so work may be given up; what it answers then is sent all the same.
  const [{ status }, ...more] = answersIn(await send(mc, post('/api/v1/search', '{"query":"Saturday"}'), { end: true }));
  assert.ok([200, 499].includes(status) && more.length === 0, `${status}`);
  assert.equal(await send(mc, live, { end: true }), '', 'half a head');
  assert.equal(await send(mc, post('/api/v1/search', '{"query":"Saturday"}').slice(0, -3), { end: true }), '', 'half a body');
  assert.equal(await send(mc, '', { end: true }), '', 'nothing');
  await unharmed();
});

// shows: HTTP-8, RES-5
test('600 clients that leave at any moment', async () => {
  const random = dice(20261128);
  const requests = [
    `${live}\r\n`, `GET /api/v1/documents HTTP/1.1\r\nHost: shop\r\n${bearer}\r\n`, `GET /api/v1/openapi.json HTTP/1.1\r\nHost: shop\r\n\r\n`,
    post('/api/v1/chat', question), post('/api/v1/chat', question, 'Accept: text/event-stream\r\n'),
    `GET /api/v1/events HTTP/1.1\r\nHost: shop\r\nAccept: text/event-stream\r\n${bearer}\r\n`,
    post('/api/v1/documents', JSON.stringify({ name: 'a.md', text: '# A\n\nb'.repeat(2000) })),
  ];
  const leave = async (i) => {
    const bytes = Buffer.from(requests[Math.floor(random() * requests.length)]);
    const moment = random();
    const client = open(mc, { from: i });
    await client.ready;
    if (moment < 0.4) client.socket.write(bytes.subarray(0, Math.floor(random() * bytes.length)));
    else client.socket.write(bytes);
    if (moment > 0.7) await Promise.race([new Promise((done) => client.socket.once('data', done)), client.closed, pause(1000)]);
    else await pause(random() * 20);
    if (random() < 0.5) client.socket.resetAndDestroy();
    else client.socket.destroy();
    await client.closed;
  };
  let next = 0;
  const lane = async () => {
    while (next < 600) await leave(next++);
  };
  await besides(mc, shop.key, Promise.all(times(40, lane)), bound);
  await unharmed();
  assert.equal((await shop.chat('When does the shop open on Saturday?')).action, 'answer');
});

// shows: HTTP-8
test('10,000 pipelined requests are answered in their order, within bounded memory', async () => {
  const count = 10_000;
  const before = residentMb(mc);
  const client = open(mc);
  for (let i = 0; i < count; i++) client.socket.write(`${live}X-Request-Id: r${i}\r\n${i === count - 1 ? 'Connection: close\r\n' : ''}\r\n`);
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, residentMb(mc))), 20);
  await within('10,000 answers', client.closed, 60_000).finally(() => clearInterval(watch));
  const answers = answersIn(client.text());
  assert.equal(answers.length, count);
  answers.forEach((answer, i) => assert.deepEqual([answer.status, answer.headers.get('x-request-id')], [200, `r${i}`]));
  assert.ok(most - before < (sanitized ? 400 : 64), `${before} MB before, ${most} MB at most`);
  await unharmed();
});

// shows: HTTP-1, RT-4
test('who asks for much and reads nothing is closed, and costs little', async () => {
  const asked = `GET ${large} HTTP/1.1\r\nHost: shop\r\n\r\n`;
  const count = 3000;
  const size = (await send(mc, asked.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))).length;
  const before = residentMb(mc);
  const clients = times(30, (i) => open(mc, { from: i, paused: true }));
  for (const client of clients) client.socket.write(asked.repeat(count));
  await Promise.all(clients.map((c) => c.ready));
  await besides(mc, shop.key, waitFor('the connections to be closed', () => descriptors(mc) <= calm + 3, { withinMs: slowness.most }), bound);
  assert.ok(residentMb(mc) - before < (sanitized ? 600 : 128), `${before} MB, then ${residentMb(mc)} MB`);
  for (const client of clients) client.read();
  await Promise.all(clients.map((c) => within('what was sent before the end', c.closed, slowness.most)));
  for (const client of clients) assert.ok(client.bytes > 0 && client.bytes < (count * size) / 2, `${client.bytes} bytes came of ${count * size}`);
  await unharmed();
});

// shows: RATE-8
test('heads that are too large are refused with their code', async () => {
  const big = [
    [`${live}X: ${'a'.repeat(1 << 20)}\r\n\r\n`, [431]],
    [`${live}${times(200, (i) => `X-${i}: a\r\n`).join('')}\r\n`, [400, 431]],
    [`${live}${'X: a\r\n'.repeat(20_000)}\r\n`, [431]],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: shop\r\n\r\n`, [414]],
    [`${'G'.repeat(100_000)} / HTTP/1.1\r\n\r\n`, [400, 414, 431]],
  ];
  for (const [bytes, statuses] of big) assertRefused(await send(mc, bytes), statuses, bytes.slice(0, 30));
  await unharmed();
});

/* The table that the unit tests have, with its C texts read. */
function malformed(kind) {
  const text = readFileSync(join(root, 'src/net/malformed_table.h'), 'utf8');
  const rows = [...text.matchAll(new RegExp(`^MALFORMED_${kind}\\(("[^\\n]*)\\)$`, 'gm'))];
  const literal = (s) => Function(`return "${s.replace(/\\0/g, '\\x00')}"`)();
  return rows.map(([, row]) => {
    const strings = [...row.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((m) => m[1]);
    return { what: strings[0], status: Number(/, (\d+),/.exec(row)?.[1] ?? 400), bytes: Buffer.from(strings.slice(1).map(literal).join(''), 'latin1') };
  });
}

// shows: HTTP-9
test('malformed framing is refused once, and what stands behind it is no request', async () => {
  const heads = malformed('HEAD');
  const bodies = malformed('BODY');
  assert.ok(heads.length >= 40 && bodies.length >= 20);
  const behind = Buffer.from(`${live}X-Request-Id: smuggled\r\n\r\n`);
  const all = [
    ...heads,
    ...bodies.map((row) => ({ ...row, status: 400, bytes: Buffer.concat([Buffer.from(`POST /api/v1/search HTTP/1.1\r\nHost: shop\r\n${bearer}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`), row.bytes]) })),
  ];
  for (const { what, status, bytes } of all) assertRefused(await send(mc, Buffer.concat([bytes, behind])), [status], what);
  await unharmed();
});

// shows: HTTP-9
test('two readings of one message are never possible', async () => {
  const inner = `GET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n`;
  const head = `POST /api/v1/search HTTP/1.1\r\nHost: shop\r\n${bearer}Content-Type: application/json\r\nConnection: close\r\n`;
  const pairs = {
    'length first, chunks behind': `${head}Content-Length: ${inner.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    'chunks first, length behind': `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    'two codings': `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${inner}`,
    'a coding that nearly is one': `${head}Transfer-Encoding: chunked;q=1\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${inner}`,
    'a tab before the colon': `${head}Transfer-Encoding\t: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${inner}`,
    'two lengths': `${head}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    'an octal length': `${head}Content-Length: 0o5\r\n\r\n${inner}`,
    'a length in two lines': `${head}Content-Length:\r\n 5\r\n\r\n${inner}`,
    'a header within a header': `${head}X: a\rContent-Length: ${inner.length}\r\n\r\n${inner}`,
    'a chunk size beyond 64 bits': `${head}Transfer-Encoding: chunked\r\n\r\n1${'0'.repeat(16)}\r\n${inner}`,
  };
  for (const [what, bytes] of Object.entries(pairs)) assertRefused(await send(mc, bytes), [400, 501], what);
  // Bodies where none is wanted are bodies all the same: what stands in them is no request.
  for (const length of [`Content-Length: ${inner.length}\r\n\r\n${inner}`, `Transfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`]) {
    const text = await send(mc, `${live}${length}${live}Connection: close\r\n\r\n`);
    const statuses = answersIn(text).map((a) => a.status);
    assert.ok(!statuses.includes(404) && statuses.length <= 2, `${statuses}`);
  }
  await unharmed();
});

// shows: HTTP-9, RES-5
test('bytes that are no HTTP get a refusal or an end', async () => {
  const random = dice(7);
  const noise = () => Buffer.from(times(1 + Math.floor(random() * 3000), () => Math.floor(random() * 256)));
  const near = () => Buffer.from(`${live}\r\n${post('/api/v1/search', '{"query":"x"}')}`.split('').map((c) => (random() < 0.02 ? String.fromCharCode(Math.floor(random() * 256)) : c)).join(''), 'latin1');
  const all = times(300, (i) => (i % 2 ? near() : noise()));
  const texts = [];
  while (all.length) texts.push(...(await Promise.all(all.splice(0, 50).map((bytes, i) => send(mc, bytes, { from: i, end: true })))));
  for (const text of texts) for (const answer of text ? answersIn(text) : []) assert.ok(answer.status < 500 || [501, 505].includes(answer.status), text.slice(0, 200));
  await unharmed();
});

test('TLS and other protocols at the plain port', async () => {
  await assert.rejects(
    new Promise((done, fail) => {
      const socket = connectTls({ port: mc.port, host: '127.0.0.1', rejectUnauthorized: false }, done);
      socket.on('error', fail);
      socket.on('close', () => fail(new Error('closed')));
    }),
  );
  assertRefused(await send(mc, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), [505], 'HTTP/2');
  assertRefused(await send(mc, 'SSH-2.0-OpenSSH_9.2\r\n\r\n'), [400], 'SSH');
  assertRefused(await send(mc, 'EHLO shop\r\n\r\n'), [400], 'SMTP');
  await unharmed();
});

test('offers to speak another protocol are let pass', async () => {
  const offers = [
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
  ];
  for (const offer of offers) {
    const answers = answersIn(await send(mc, `${live}${offer}\r\n${live}Connection: close\r\n\r\n`));
    assert.deepEqual(answers.map((a) => a.status), [200, 200], offer);
    const search = post('/api/v1/search', '{"query":"Saturday"}', offer);
    const withBody = answersIn(await send(mc, `${search}${live}Connection: close\r\n\r\n`));
    assert.deepEqual(withBody.map((a) => a.status), [200, 200], `${offer} with a body`);
  }
  await unharmed();
});

test('more connections than are allowed wait for their turn', async (t) => {
  const small = await Metachat.start(t, { env: { ...unlimited, ...short, METACHAT_HTTP_MAX_CONNECTIONS: '32' } });
  const clients = times(100, (i) => open(small, { from: i }));
  await Promise.all(clients.map((c) => c.ready));
  const { status, ms } = await politely(small, '/health/live');
  assert.equal(status, 200);
  assert.ok(ms < 15_000, `${ms} ms`);
  for (const client of clients) client.socket.destroy();
});

// shows: HTTP-1
test('500 idle and 300 trickling connections hinder nobody', async (t) => {
  const patient = await Metachat.start(t, { env: { ...unlimited, METACHAT_HTTP_HEAD_TIMEOUT_MS: '120000', METACHAT_HTTP_IDLE_TIMEOUT_MS: '120000' } });
  const { key } = await patient.tenant('Patient');
  const idle = times(500, (i) => open(patient, { from: i }));
  await Promise.all(idle.map((c) => c.ready));
  for (const client of idle.slice(0, 250)) client.socket.write(`${live}\r\n`);
  await waitFor('the idle to be answered once', () => idle.slice(0, 250).every((c) => c.bytes > 0));
  const slow = times(300, (i) => open(patient, { from: 500 + i }));
  for (const client of slow) void trickle(client, `${live}X: ${'a'.repeat(2000)}`, 100);
  await besides(patient, key, waitFor('the trickle to reach the server', () => slow.every((c) => c.socket.bytesWritten > 20), { withinMs: 40_000 }), bound);
  for (let i = 0; i < 10; i++) await besides(patient, key, Promise.resolve(), bound);
  assert.ok([...idle, ...slow].every((c) => !c.done), 'all of them stood to the end');
  for (const client of [...idle, ...slow]) client.socket.destroy();
});

function slowhttptest(mode, url, more = []) {
  const words = [mode, '-u', url, '-c', attack.connections, '-r', attack.connections, '-l', attack.seconds, '-i', 1, '-p', 2, '-v', 1, ...more];
  return new Promise((done, fail) => {
    execFile('slowhttptest', words.map(String), { timeout: 30_000 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') fail(error);
      else done(stdout + stderr);
    });
  });
}

// shows: HTTP-1
test('slowhttptest in its four modes, with an honest client beside it', async (t) => {
  const modes = {
    'slow heads': ['-H', `${mc.url}/health/live`, []],
    'slow bodies': ['-B', `${mc.url}/api/v1/search`, ['-s', 8192, '-f', 'application/json', '-m', `*/*\r\nAuthorization: Bearer ${shop.key}`]],
    'ranges': ['-R', `${mc.url}${large}`, ['-a', 5, '-b', 2000]],
    'slow reading': ['-X', `${mc.url}${large}`, ['-k', 5, '-w', 1, '-y', 64, '-n', 1, '-z', 8]],
  };
  for (const [what, [mode, url, more]] of Object.entries(modes)) {
    const { requests, longest } = await besides(mc, shop.key, slowhttptest(mode, url, more), bound);
    assert.ok(requests >= 6, `${what}: ${requests} requests`);
    t.diagnostic(`${what}: ${requests} honest requests, the longest ${longest} ms`);
    await unharmed();
  }
});
