/* Request bodies: who sends a large one is found out before it is read, it goes to a nameless file,
 * every bound is exact, and nothing is left of a body that did not come to its end. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { assertError, rawExchange } from '../lib/api.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const KB = 1024;
const MB = 1024 * KB;
const mark = 64 * KB; // METACHAT_HTTP_BODY_MEMORY
const largest = 100 * MB; // METACHAT_DOCUMENT_MAX_BYTES
let mc, shop;

before(async () => {
  mc = await Metachat.start(scope);
  shop = await mc.tenant('Bodies');
});

const line = 'The heron lamp costs nine pounds, and the other lamp costs seven.\n\n';
/* Text of exactly n bytes. */
const text = (n) => Buffer.alloc(n, line);

const head = (method, path, key, ...lines) =>
  [`${method} /api/v1${path} HTTP/1.1`, 'Host: x', ...(key ? [`Authorization: Bearer ${key}`] : []), ...lines, '', ''].join('\r\n');

/* The parts of a form with one file. */
function framing(name) {
  const boundary = 'x'.repeat(20);
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    open: Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`),
    close: Buffer.from(`\r\n--${boundary}--\r\n`),
  };
}

/** Uploads by a form of which nothing is buffered; chunked: without a Content-Length. */
function upload(bytes, { chunked = false, name = 'large.txt', key = shop.key, on = mc } = {}) {
  const f = framing(name);
  const length = f.open.length + bytes.length + f.close.length;
  const headers = { 'Content-Type': f.type, Authorization: `Bearer ${key}`, ...(chunked ? {} : { 'Content-Length': length }) };
  return new Promise((done, fail) => {
    const req = request(`${on.url}/api/v1/documents`, { method: 'POST', headers, agent: false }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('error', fail);
      res.on('end', () => {
        const all = Buffer.concat(parts).toString();
        done({ status: res.statusCode, headers: new Headers(res.headers), text: all, body: JSON.parse(all) });
        req.destroy();
      });
    });
    req.on('error', fail);
    req.write(f.open);
    req.write(bytes);
    req.end(f.close);
  });
}

/* What the process holds open of bodies, and its memory in MB. */
function spooled(on = mc) {
  const spool = `${join(on.data, 'spool')}/`;
  return readdirSync(`/proc/${on.pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${on.pid}/fd/${fd}`).includes(spool);
    } catch {
      return false;
    }
  }).length;
}
const memory = (what) => Number(readFileSync(`/proc/${mc.pid}/status`, 'utf8').match(new RegExp(`${what}:\\s+(\\d+) kB`))[1]) / KB;
const forgetPeak = () => writeFileSync(`/proc/${mc.pid}/clear_refs`, '5');

async function assertNothingLeft() {
  await waitFor('the files of bodies to be closed', () => spooled() === 0);
  assert.deepEqual(readdirSync(join(mc.data, 'spool')), []);
}

/** A raw client: sends what it is given and gives what has come so far. */
class Client {
  text = '';
  #over = false;

  constructor(on = mc) {
    this.socket = connect(on.port, '127.0.0.1');
    this.socket.on('data', (part) => (this.text += part.toString('latin1')));
    this.socket.on('error', () => {});
    this.socket.on('close', () => (this.#over = true));
  }

  send(bytes) {
    this.socket.write(bytes);
    return this;
  }

  says(pattern) {
    return waitFor(`${pattern} in ${JSON.stringify(this.text)}`, () => pattern.test(this.text));
  }

  closes() {
    return waitFor('the end of the connection', () => this.#over);
  }
}

// shows: HTTP-4, RATE-8
test('bodies around the mark are taken, in one piece and in chunks', async () => {
  const f = framing('mark.txt');
  for (const size of [mark - 1, mark, mark + 1, 3 * mark]) {
    for (const chunked of [false, true]) {
      const bytes = text(size - f.open.length - f.close.length);
      const answer = await upload(bytes, { chunked, name: 'mark.txt' });
      assert.equal(answer.status, 201, answer.text);
      assert.equal(answer.body.data.size, bytes.length);
      const content = Buffer.from(await (await shop.fetch('GET', `/documents/${answer.body.data.id}/content`)).arrayBuffer());
      assert.ok(content.equals(bytes), `${size} bytes, ${chunked ? 'in chunks' : 'in one piece'}`);
    }
  }
  const json = { name: 'json.txt', text: text(3 * mark).toString() };
  const answer = await shop.post('/documents', json);
  assert.equal(answer.status, 201, answer.text);
  assert.equal((await shop.documentSettled(answer.body.data.id)).size, 3 * mark);
  await assertNothingLeft();
});

// shows: DOC-6, HTTP-4
test('100 MB exactly are taken and one byte more is 413, in bounded memory', async () => {
  await assertNothingLeft();
  forgetPeak();
  const idle = memory('VmRSS');
  const bytes = text(largest + 1);
  for (const chunked of [false, true]) {
    const taken = await upload(bytes.subarray(0, largest), { chunked });
    assert.equal(taken.status, 201, taken.text);
    assert.equal(taken.body.data.size, largest);
    const { id } = taken.body.data;
    const hash = createHash('sha256');
    for await (const part of (await shop.fetch('GET', `/documents/${id}/content`)).body) hash.update(part);
    assert.equal(hash.digest('hex'), createHash('sha256').update(bytes.subarray(0, largest)).digest('hex'));
    assert.equal((await shop.delete(`/documents/${id}`)).status, 204);
    assertError(await upload(bytes, { chunked }), 413, 'PAYLOAD_TOO_LARGE');
  }
  const more = memory('VmHWM') - idle;
  assert.ok(more < 200, `it took ${more} MB more than before`);
  await assertNothingLeft();
});

test('JSON has a bound of its own', async () => {
  const max = 10 * MB;
  const body = (n) => `{"name":"a.txt","text":"${'x '.repeat((n - 26) / 2)}"}`.padEnd(n);
  const headers = { 'Content-Type': 'application/json' };
  assert.equal(Buffer.byteLength(body(max)), max);
  const taken = await shop.post('/documents', body(max), { headers });
  assert.equal(taken.status, 201, taken.text);
  await shop.delete(`/documents/${taken.body.data.id}`);
  const declared = await rawExchange(mc.url, head('POST', '/documents', shop.key, 'Content-Type: application/json', `Content-Length: ${max + 1}`), { end: false });
  assert.match(declared, /^HTTP\/1\.1 413 .*PAYLOAD_TOO_LARGE/s);
});

// shows: HTTP-3, RATE-8
test('who waits for 100 Continue gets it only when it may send', async () => {
  const f = framing('waits.txt');
  const lines = (length) => ['Expect: 100-continue', `Content-Type: ${f.type}`, `Content-Length: ${length}`];
  const reader = await mc.apiKey(shop.tenantId, { scopes: ['documents:read'] });
  for (const [key, status] of [[null, 401], ['mck_made_up', 401], [`${shop.key}x`, 401], [reader, 403]]) {
    for (const length of [100, largest]) {
      const answer = await rawExchange(mc.url, head('POST', '/documents', key, ...lines(length)), { end: false });
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), `${key}, ${length} bytes`);
      assert.match(answer, /\r\nX-Request-Id: .*\r\nConnection: close\r\n\r\n\{"success":false/s);
      assert.doesNotMatch(answer, /100 Continue/);
    }
  }
  const missing = await rawExchange(mc.url, head('POST', '/nowhere', shop.key, ...lines(largest)), { end: false });
  assert.match(missing, /^HTTP\/1\.1 404 /);
  const bytes = text(mark);
  const client = new Client();
  client.send(head('POST', '/documents', shop.key, ...lines(f.open.length + bytes.length + f.close.length)));
  await client.says(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  client.send(Buffer.concat([f.open, bytes, f.close]));
  await client.says(/\r\n\r\nHTTP\/1\.1 201 .*"success":true/s);
  client.socket.destroy();
});

// shows: RATE-8
test('a stranger’s 100 MB are not read', async () => {
  const client = new Client();
  const f = framing('stranger.txt');
  client.send(head('POST', '/documents', 'mck_made_up_by_a_stranger', `Content-Type: ${f.type}`, `Content-Length: ${largest}`));
  await client.says(/^HTTP\/1\.1 401 /);
  assert.equal(spooled(), 0);
  const part = Buffer.alloc(MB);
  for (let n = 0; n < 100 && !client.socket.destroyed; n++) {
    await new Promise((sent) => client.socket.write(part, sent));
  }
  await client.closes();
  assert.ok(client.socket.bytesWritten - client.socket.writableLength < 40 * MB, `${client.socket.bytesWritten} bytes were taken`);
  await assertNothingLeft();
});

// shows: RATE-2
test('limits count a large body once, and refuse it before it is read', async () => {
  const own = await Metachat.start(scope, { env: { METACHAT_RATE_UPLOAD_PER_MIN: '2' } });
  const api = await own.tenant('Limited');
  const bytes = text(2 * mark);
  for (let n = 0; n < 2; n++) {
    const taken = await upload(bytes, { key: api.key, on: own });
    assert.equal(taken.status, 201, taken.text);
    assert.equal(taken.headers.get('x-ratelimit-remaining'), String(1 - n));
  }
  const f = framing('limited.txt');
  const answer = await rawExchange(own.url, head('POST', '/documents', api.key, 'Expect: 100-continue', `Content-Type: ${f.type}`, `Content-Length: ${largest}`), { end: false });
  assert.match(answer, /^HTTP\/1\.1 429 .*\r\nRetry-After: \d+\r\n/s);
});

// shows: HTTP-4, HTTP-8
test('bodies that do not come to their end leave no file and no descriptor', async () => {
  const f = framing('aborted.txt');
  const some = Buffer.concat([f.open, text(5 * mark)]);
  const clients = Array.from({ length: 20 }, (_, i) => {
    const client = new Client();
    const framed = i % 2 ? [`Content-Length: ${largest}`] : ['Transfer-Encoding: chunked'];
    client.send(head('POST', '/documents', shop.key, `Content-Type: ${f.type}`, ...framed));
    client.send(i % 2 ? some : Buffer.concat([Buffer.from(`${(largest).toString(16)}\r\n`), some]));
    return client;
  });
  await waitFor('all bodies to be in files', () => spooled() === clients.length);
  assert.deepEqual(readdirSync(join(mc.data, 'spool')), [], 'the files have no names');
  clients.forEach((client, i) => (i % 3 ? client.socket.resetAndDestroy() : client.socket.destroy()));
  await assertNothingLeft();
});

/* The head of an upload and the beginning of its body. */
function begin(on, key, sent, whole) {
  const f = framing('begun.txt');
  return new Client(on)
    .send(head('POST', '/documents', key, `Content-Type: ${f.type}`, `Content-Length: ${whole}`))
    .send(Buffer.concat([f.open, text(sent)]));
}

// shows: HTTP-1
test('what is too slow is let go', async () => {
  const own = await Metachat.start(scope, { env: { METACHAT_HTTP_BODY_TIMEOUT_MS: '300' } });
  const client = begin(own, (await own.tenant('Slow')).key, 2 * mark, MB);
  await client.closes();
  assert.match(client.text, /^HTTP\/1\.1 408 /);
  assert.equal(spooled(own), 0);
});

test('a body that is still coming holds up no stop for longer than its time', async () => {
  const own = await Metachat.start(scope, { env: { METACHAT_DRAIN_TIMEOUT_MS: '300' } });
  const client = begin(own, (await own.tenant('Stopped')).key, 2 * mark, MB);
  await waitFor('the body to be in a file', () => spooled(own) === 1);
  assert.equal((await own.stop()).code, 0);
  await client.closes();
});

// shows: RATE-8
test('all bodies together are bounded: 503, and room again when one is gone', async () => {
  const own = await Metachat.start(scope, { env: { METACHAT_HTTP_SPOOL_MAX: String(2 * MB) } });
  const { key } = await own.tenant('Bounded');
  for (const chunked of [false, true]) {
    const refused = await upload(text(3 * MB), { key, on: own, chunked });
    assertError(refused, 503, 'OVERLOADED');
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
  }
  await waitFor('the refused bodies to be gone', () => spooled(own) === 0);
  const client = begin(own, key, 1.5 * MB, 2 * MB);
  await waitFor('the first body to be in its file', () => spooled(own) === 1);
  await waitFor('the spool to be full', async () => (await upload(text(0.9 * MB), { key, on: own })).status === 503);
  client.socket.destroy();
  await waitFor('room again', async () => (await upload(text(0.9 * MB), { key, on: own })).status === 201);
});

// shows: RES-6
test('a disk that takes no more while a body comes is 503, and the process lives', async () => {
  const limit = (size) => execFileSync('prlimit', ['--pid', String(mc.pid), `--fsize=${size}:unlimited`]);
  limit(3 * mark);
  try {
    for (const chunked of [false, true]) assertError(await upload(text(4 * MB), { chunked }), 503, 'DATABASE_ERROR');
    assert.ok(mc.events('spool_failed').length > 0);
  } finally {
    limit('unlimited');
  }
  await assertNothingLeft();
  assert.equal((await upload(text(2 * mark))).status, 201);
});

// shows: DOC-6
test('a large text is read in bounded memory, and all of it can be found', async () => {
  const own = await mc.tenant('Large');
  const words = (n) => `the ${['red', 'green', 'blue', 'grey'][n % 4]} lamp of shelf number ${n % 50} costs ${n % 90} pounds and is kept dry. `;
  const filler = Array.from({ length: 500 }, (_, n) => words(n)).join('').repeat(4).replaceAll('. ', '.\n');
  const part = (n) => `## Part ${n}\n\n${filler}\n`;
  const parts = Array.from({ length: 24 }, (_, n) => part(n)).join('\n');
  const doc = `# Large\n\nThe first bittern costs one pound.\n\n${parts}\n\n## Last\n\nThe last whimbrel costs two pounds.\n`;
  forgetPeak();
  const idle = memory('VmRSS');
  const answer = await upload(Buffer.from(doc), { name: 'large.md', key: own.key });
  assert.equal(answer.status, 201, answer.text);
  const { id } = answer.body.data;
  const settled = await waitFor('the large document', async () => {
    const d = await own.data('GET', `/documents/${id}`);
    return d.status !== 'pending' && d.status !== 'processing' && d;
  }, { withinMs: 120_000 });
  assert.equal(settled.status, 'ready', settled.error);
  assert.ok(doc.length > 3 * MB && settled.chunks > doc.length / 1200, `${settled.chunks} passages of ${doc.length} bytes`);
  const more = memory('VmHWM') - idle;
  assert.ok(more < 150, `it took ${more} MB more than before`);
  const find = async (query) => (await own.data('POST', '/search', { query, limit: 1 })).passages[0];
  assert.match((await find('What does the bittern cost?')).text, /one pound/);
  const last = await find('What does the whimbrel cost?');
  assert.match(last.text, /two pounds/);
  assert.equal(last.heading, 'Large › Last');
  const stored = await own.get(`/documents/${id}/chunks?limit=1`);
  assert.equal(stored.body.data[0].position, 0);
});

test('an HTML page whose markup needs too much memory fails with its reason', async () => {
  const own = await Metachat.start(scope, { env: { METACHAT_EXTRACT_MAX_MEMORY: String(4 * MB) } });
  const api = await own.tenant('Pages');
  const page = `<!doctype html><html><body><p>${randomBytes(600_000).toString('hex')}</p></body></html>`;
  const answer = await upload(Buffer.from(page), { name: 'page.html', key: api.key, on: own });
  assert.equal(answer.status, 201, answer.text);
  const document = await api.documentSettled(answer.body.data.id);
  assert.equal(document.status, 'failed');
  assert.match(document.error, /page of 1 MB.*pages of up to 1 MB can be read/);
});
