/* Pages and the reference as they come over the wire: packed, tagged, answered again only when new. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
const packed = ['/docs', '/docs/main.js', '/docs/style.css', '/demo/main.js', '/demo/style.css', '/widget.js', '/api/v1/public/widget/sdk'];
const unpack = { br: brotliDecompressSync, gzip: gunzipSync, undefined: (bytes) => bytes };
let mc;

before(async () => {
  mc = await Metachat.start(scope, { args: ['demo', '--json'] });
});

/** The bytes as they are sent: fetch() would unpack them. */
function raw(path, headers = {}, method = 'GET') {
  return new Promise((done, fail) => {
    const req = request(mc.url + path, { method, headers }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, bytes: Buffer.concat(parts) }));
    });
    req.on('error', fail).end();
  });
}

// shows: HTTP-7
test('every coding gives the same page, each with a tag of its own', async () => {
  for (const path of [...packed, '/api/v1/openapi.json']) {
    const plain = await raw(path);
    assert.equal(plain.status, 200, path);
    assert.equal(plain.headers['content-encoding'], undefined);
    const tags = new Set();
    for (const accept of ['br', 'gzip', 'identity', 'gzip, deflate, br, zstd', 'br;q=0.1, gzip;q=0.2', '*;q=0']) {
      const answer = await raw(path, { 'accept-encoding': accept });
      const coding = answer.headers['content-encoding'];
      assert.deepEqual(unpack[coding](answer.bytes), plain.bytes, `${path} ${accept}`);
      assert.equal(answer.headers.vary, 'Accept-Encoding');
      assert.ok(!coding || answer.bytes.length <= plain.bytes.length * 0.95, `${path} ${coding} spares something`);
      tags.add(`${coding} ${answer.headers.etag}`);
      const head = await raw(path, { 'accept-encoding': accept }, 'HEAD');
      assert.deepEqual([head.headers['content-length'], head.headers.etag, head.bytes.length], [String(answer.bytes.length), answer.headers.etag, 0]);
      const again = await raw(path, { 'accept-encoding': accept, 'if-none-match': answer.headers.etag });
      assert.deepEqual([again.status, again.bytes.length, again.headers.etag, again.headers.vary], [304, 0, answer.headers.etag, 'Accept-Encoding']);
      const stale = await raw(path, { 'accept-encoding': accept, 'if-none-match': `W/"other", ${plain.headers.etag}` });
      assert.equal(stale.status, coding ? 200 : 304, `${path} ${accept}: the plain one's tag`);
    }
    const codings = path.endsWith('openapi.json') ? 2 : 3;
    assert.equal(tags.size, codings, `${path}: ${[...tags]}`);
  }
});

// shows: HTTP-7
test('fetch, which takes what it can unpack, sees the same page', async () => {
  for (const path of packed) {
    const answer = await fetch(mc.url + path);
    assert.match(answer.headers.get('content-encoding'), /^(gzip|br)$/, path);
    assert.equal(await answer.text(), (await raw(path)).bytes.toString(), path);
  }
  const reference = await (await fetch(`${mc.url}/api/v1/openapi.json`)).json();
  assert.equal(reference.openapi, '3.1.0');
});

test('a page that is made anew each time, with the widget key of today, is sent plain and kept by nobody', async () => {
  const one = await raw('/demo', { 'accept-encoding': 'br, gzip' });
  const two = await raw('/demo', { 'accept-encoding': 'br, gzip' });
  assert.equal(one.headers['content-encoding'], undefined);
  assert.equal(one.headers['cache-control'], 'no-store');
  assert.match(one.headers['content-security-policy'], /script-src 'self'/);
  const [, key] = /data-key="(wk_\w+)"/.exec(one.bytes);
  assert.deepEqual(one.bytes, two.bytes);
  await mc.api(JSON.parse(mc.output).apiKey).data('POST', '/tenant/widget/rotate-key', {});
  const three = await raw('/demo');
  assert.notEqual(/data-key="(wk_\w+)"/.exec(three.bytes)[1], key);
});
