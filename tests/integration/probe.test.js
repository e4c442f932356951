/* metachat probe: every row of its table, with bytes that are taken and bytes that are refused, and
 * with bytes that mean nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { binary, Metachat, ownEnvironment } from '../lib/metachat.js';
import { fileScope, scratchFolder } from '../lib/scratch.js';
import { CLOSE, closing, frame, PING, TEXT } from '../lib/websocket.js';
import { demoToken } from '../lib/visitor.js';

const scope = fileScope();
let folder, list;

before(async () => {
  folder = await scratchFolder(scope);
  list = JSON.parse((await probe(['--list'])).stdout);
});

/** Runs it in an empty folder, without a setting of ours, with input on standard input. */
function probe(args, input = '', env = {}) {
  return new Promise((done, fail) => {
    const child = spawn(binary, ['probe', ...args], { cwd: folder, env: { ...ownEnvironment(), ...env } });
    const out = { stdout: '', stderr: '' };
    for (const name of Object.keys(out)) child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
    child.stdin.on('error', () => {}); // it may end before it has read everything
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code, signal, ...out }));
    child.stdin.end(input);
  });
}

async function answerOf(name, [input, args = [], env = {}]) {
  const { code, signal, stdout, stderr } = await probe([name, ...args], input, env);
  assert.equal(signal, null, stderr);
  assert.equal(stderr, '');
  const answer = JSON.parse(stdout);
  assert.equal(answer.probe, name);
  assert.equal(answer.accepted, code === 0);
  return { exit: code, ...answer };
}

const host = 'Host: shop\r\n';
const part = (text, end = '--b--\r\n') => `--b\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n${text}\r\n${end}`;
const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const kid = '01900000-0000-7000-8000-000000000000';
const jwtHeader = b64({ alg: 'HS256', kid, typ: 'JWT' });
const mac = createHash('sha256').update('x').digest('base64url');
const multipart = ['--content-type', 'multipart/form-data; boundary=b'];

/* good: [input, options, settings], and what the result holds; bad: the same, and code and status. */
const table = {
  'http-head': {
    good: [
      [[`GET /a?b=c HTTP/1.1\r\n${host}Accept: */*\r\n\r\n`], { method: 'GET', target: '/a?b=c', version: 'HTTP/1.1', count: 2, keepAlive: true, chunked: false }],
      [[`POST /a HTTP/1.1\r\n${host}Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc`], { contentLength: 3, expectContinue: true, bytesBehind: 3 }],
      [[`GET http://other/a HTTP/1.0\r\n${host}\r\n`], { target: '/a', keepAlive: false }],
    ],
    bad: [
      [[`GET / HTTP/1.1\r\n${host}`], 'REQUEST_TIMEOUT', 408],
      [[`GET / HTTP/1.1\n${host}\n`], 'MALFORMED_REQUEST', 400],
      [[`GET / HTTP/2.0\r\n${host}\r\n`], 'MALFORMED_REQUEST', 505],
      [[`BREW / HTTP/1.1\r\n${host}\r\n`], 'MALFORMED_REQUEST', 501],
      [[`GET /${'a'.repeat(9000)} HTTP/1.1\r\n${host}\r\n`], 'URI_TOO_LONG', 414],
      [[`GET / HTTP/1.1\r\n${host}A: ${'a'.repeat(20000)}\r\n\r\n`], 'HEADERS_TOO_LARGE', 431],
      [[`GET / HTTP/1.1\r\n${host}A: ${'a'.repeat(2000)}\r\n\r\n`, [], { METACHAT_HTTP_MAX_HEAD: '1024' }], 'HEADERS_TOO_LARGE', 431],
    ],
  },
  'http-request': {
    good: [
      [[`GET /a HTTP/1.1\r\n${host}\r\nPOST /b HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`], { count: 2, bytesBehind: 0 }, (r) => assert.deepEqual(r.messages.map((m) => [m.target, m.bodyBytes, m.body]), [['/a', 0, undefined], ['/b', 3, 'abc']])],
      [[`POST /b HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n`], { count: 1 }, (r) => assert.equal(r.messages[0].body, 'abc')],
      [[`GET /a HTTP/1.1\r\n${host}Connection: close\r\n\r\nGET /b`], { count: 1, bytesBehind: 6 }],
    ],
    bad: [
      [[''], 'REQUEST_TIMEOUT', 408],
      [[`POST /b HTTP/1.1\r\n${host}Content-Length: 4\r\n\r\nabc`], 'REQUEST_TIMEOUT', 408],
      [[`GET /a HTTP/1.1\r\n${host}\r\nGET /b HTTP/1.1\r\n\r\n`], 'MALFORMED_REQUEST', 400, (r) => assert.equal(r.count, 1)],
      [[`POST / HTTP/1.1\r\n${host}Content-Length: 2000000\r\n\r\n`], 'PAYLOAD_TOO_LARGE', 413],
    ],
  },
  'chunked': {
    good: [[['2;a=b\r\nab\r\n0\r\nTrailer: x\r\n\r\nGET'], { bodyBytes: 2, body: 'ab', bytesBehind: 3 }]],
    bad: [
      [['0x2\r\nab\r\n0\r\n\r\n'], 'MALFORMED_REQUEST', 400],
      [['2\r\nab\r\n'], 'REQUEST_TIMEOUT', 408],
      [[''], 'REQUEST_TIMEOUT', 408],
    ],
  },
  'query': {
    good: [[['a=b&c=%C3%A9+x\n'], { count: 2 }, (r) => assert.deepEqual(r.pairs[1], { name: 'c', value: 'é x' })]],
    bad: [
      [['a=%zz'], 'VALIDATION_ERROR', 400],
      [['a=1&a=2'], 'VALIDATION_ERROR', 400],
      [['a=%ff'], 'VALIDATION_ERROR', 400],
      [['a'.repeat(9000)], 'PAYLOAD_TOO_LARGE', 413],
    ],
  },
  'multipart': {
    good: [[[part('# A'), multipart], { count: 1 }, (r) => assert.deepEqual(r.parts[0], { name: 'file', filename: 'a.md', contentType: '', bytes: 3 })]],
    bad: [
      [[part('# A', ''), multipart], 'VALIDATION_ERROR', 400],
      [[part('# A')], 'VALIDATION_ERROR', 400],
    ],
  },
  'json': {
    good: [
      [['{"b":[1,null],"a":"<é>"}'], {}, (r) => assert.deepEqual(r.value, { b: [1, null], a: '<é>' })],
      [['7'], { value: 7 }],
    ],
    bad: [
      [['{"a":1,"a":2}'], 'MALFORMED_JSON', 400],
      [[`${'['.repeat(40)}${']'.repeat(40)}`], 'MALFORMED_JSON', 400],
      [[Buffer.from([0x22, 0xff, 0x22])], 'MALFORMED_JSON', 400],
      [[''], 'MALFORMED_JSON', 400],
      [['1'.repeat(2000), [], { METACHAT_HTTP_MAX_BODY: '1024' }], 'PAYLOAD_TOO_LARGE', 413],
    ],
  },
  'conf': {
    good: [
      [['# mine\nMETACHAT_API_THREADS=7\nMETACHAT_OPENAI_API_KEY=sk-secret\n'], {}, (r) => assert.deepEqual(r, { settings: { METACHAT_API_THREADS: '7', METACHAT_OPENAI_API_KEY: '********' }, faults: [] })],
      [['METACHAT_ENV=production', [], { METACHAT_API_THREADS: '9', METACHAT_LISTEN: '127.0.0.1:1' }], {}, (r) => assert.deepEqual(r.settings, { METACHAT_ENV: 'production' }, 'the environment is not asked')],
      [[''], {}, (r) => assert.deepEqual(r.settings, {})],
    ],
    bad: [
      [['METACHAT_API_THREADS=many\nMETACHAT_NOBODY=1\nx\n'], 'VALIDATION_ERROR', 400, (r) => assert.equal(r.faults.length, 3)],
      [['METACHAT_ENV=other'], 'VALIDATION_ERROR', 400],
      [['#'.repeat(300_000)], 'PAYLOAD_TOO_LARGE', 413],
    ],
  },
  'api-key': {
    good: [], // with a real key, below
    bad: [
      [['mc_live_abc'], 'INVALID_TOKEN', 401],
      [[`mc_live_${'a'.repeat(36)}`], 'INVALID_TOKEN', 401],
      [[`xx_live_${'a'.repeat(36)}`], 'INVALID_TOKEN', 401],
      [[''], 'INVALID_TOKEN', 401],
    ],
  },
  'jwt': {
    good: [[[`${jwtHeader}.${b64({ aud: 'chat' })}.${mac}\n`], { verified: false }, (r) => assert.deepEqual([r.header.kid, r.payload], [kid, { aud: 'chat' }])]],
    bad: [
      [[`${jwtHeader}.${b64({})}`], 'INVALID_TOKEN', 401],
      [[`${b64({ alg: 'none', kid, typ: 'JWT' })}.${b64({})}.${mac}`], 'INVALID_TOKEN', 401, (r) => assert.equal(r.header.alg, 'none')],
      [[`${jwtHeader}.${b64('[]')}.${mac}`], 'INVALID_TOKEN', 401],
      [[`${jwtHeader}.${b64({})}.`], 'INVALID_TOKEN', 401],
      [['.'.repeat(5000)], 'INVALID_TOKEN', 401],
    ],
  },
  'id': {
    good: [[[`${kid.toUpperCase()}\n`], { id: kid, version: 7 }]],
    bad: [[['x'], 'VALIDATION_ERROR', 400]],
  },
  'time': {
    good: [[['2026-11-20T13:00:00+01:00'], { time: '2026-11-20T12:00:00.000Z', microseconds: 1795176000000000 }]],
    bad: [[['2026-11-20'], 'VALIDATION_ERROR', 400]],
  },
  'llm-frame': {
    good: [
      [['{"model":"m","choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}'], { text: 'Hi', finishReason: 'stop', model: 'm', isError: false }],
      [['{"error":{"type":"t","code":"c","message":"x"}}'], { isError: true, errorType: 't', errorCode: 'c' }],
    ],
    bad: [
      [['{"choices":7}'], 'EXTERNAL_SERVICE_ERROR', 502],
      [['[DONE]'], 'EXTERNAL_SERVICE_ERROR', 502],
    ],
  },
  'extract': {
    good: [
      [['# Hours\n\nOpen at nine.\n', ['--name', 'a.md']], { type: 'text/markdown', title: 'Hours' }],
      [['<!doctype html><html lang="de"><title>T</title><p>Ja'], { type: 'text/html', title: 'T', language: 'de', text: 'Ja' }],
      [[Buffer.from([0x63, 0x61, 0x66, 0xe9]), ['--content-type', 'text/plain; charset=windows-1252']], { type: 'text/plain; charset=windows-1252', text: 'café' }],
    ],
    bad: [
      [['%PDF-1.7\n'], 'UNSUPPORTED_MEDIA_TYPE', 415],
      [['<html><p>x', ['--name', 'a.txt']], 'UNSUPPORTED_MEDIA_TYPE', 415],
      [['text', ['--name', 'a.docx']], 'UNSUPPORTED_MEDIA_TYPE', 415],
      [[' \n'], 'VALIDATION_ERROR', 400],
      [['a'.repeat(100), [], { METACHAT_DOCUMENT_MAX_BYTES: '50' }], 'PAYLOAD_TOO_LARGE', 413],
    ],
  },
  'text': { good: [[['a\n\n\n\nb\n'], { text: 'a\n\nb', type: 'text/plain' }]], bad: [[[Buffer.from([0xff, 0x41])], 'UNSUPPORTED_MEDIA_TYPE', 415]] },
  'markdown': {
    good: [[['# A\n\n## B\n\n*c* <i>d</i>\n'], { title: 'A', count: 2 }, (r) => assert.deepEqual(r.headings[1], { level: 2, start: 3, end: 4, text: 'B' })]],
    bad: [[['# only a heading'], 'VALIDATION_ERROR', 400]],
  },
  'html': {
    good: [[['<script>x</script><h1>A</h1><p>b<script>'], { title: 'A', text: 'A\n\nb' }]],
    bad: [[['<script>x</script>'], 'VALIDATION_ERROR', 400]],
  },
  'chunks': {
    good: [
      [[`# A\n\n${'Word. '.repeat(100)}\n\n# B\n\n${'Word. '.repeat(100)}`, ['--name', 'a.md']], { count: 2 }, (r) => assert.deepEqual(r.chunks.map((c) => c.heading), ['A', 'B'])],
      [['text'.repeat(200), [], { METACHAT_CHUNK_CHARS: '200' }], {}, (r) => assert.ok(r.count > 2 && r.chunks.every((c) => c.end - c.start <= 250))],
    ],
    bad: [[['PK\x03\x04'], 'UNSUPPORTED_MEDIA_TYPE', 415]],
  },
  'terms': {
    good: [
      [['Die Bücher und der Hund sind nicht gut'], { language: 'de' }, (r) => assert.ok(r.terms.includes('buch') && !r.terms.includes('und'))],
      [['KL-2047-B', ['--language', 'en-GB']], { language: 'en' }, (r) => assert.ok(r.terms.includes('kl2047b'))],
    ],
    bad: [[[Buffer.from([0xff])], 'VALIDATION_ERROR', 400]],
  },
  'language': {
    good: [[['The shop is open and the dog is not in it'], { language: 'en' }]],
    bad: [[['12 34'], 'VALIDATION_ERROR', 400], [[Buffer.from([0xc3])], 'VALIDATION_ERROR', 400]],
  },
  'markers': {
    good: [
      [['It is nine. [1: "at nine"] [unknown]'], { unknown: true, handover: false, count: 1 }, (r) => assert.deepEqual(r.markers[0], { number: 1, at: 11, quote: 'at nine' })],
    ],
    bad: [[['a'.repeat(2000), [], { METACHAT_LLM_MAX_OUTPUT: '1024' }], 'PAYLOAD_TOO_LARGE', 413]],
  },
  'url': {
    good: [
      [['https://93.184.216.34/a/../b?c\n'], { url: 'https://93.184.216.34:443/b?c', host: '93.184.216.34', port: 443 }, (r) => assert.equal(r.addresses[0].allowed, true)],
      [['http://shop.example:8080'], { host: 'shop.example', port: 8080 }, (r) => assert.deepEqual(r.addresses, [])],
      [['http://127.0.0.1:1/', [], { METACHAT_OUTGOING_ALLOW: '127.0.0.0/8' }], {}, (r) => assert.match(r.addresses[0].reason, /METACHAT_OUTGOING_ALLOW/)],
    ],
    bad: [
      [['http://2130706433/'], 'VALIDATION_ERROR', 400, (r) => assert.deepEqual([r.host, r.addresses[0].allowed], ['127.0.0.1', false])],
      [['http://0x7f.1/'], 'VALIDATION_ERROR', 400],
      [['http://[::1]/'], 'VALIDATION_ERROR', 400],
      [['http://[::ffff:8.8.8.8]/'], 'VALIDATION_ERROR', 400],
      [['http://169.254.169.254/latest'], 'VALIDATION_ERROR', 400],
      [['http://a@b/'], 'VALIDATION_ERROR', 400],
      [['ftp://b/'], 'VALIDATION_ERROR', 400],
      [['http://127.0.0.1', ['--resolve']], 'VALIDATION_ERROR', 400, (r) => assert.ok(r.addresses.length > 0)],
    ],
  },
  'networks': {
    good: [[['10.0.0.0/8, ::1/128,127.0.0.1'], {}, (r) => assert.deepEqual(r.networks, ['10.0.0.0/8', '::1/128', '127.0.0.1'])]],
    bad: [[['10.0.0.0/33'], 'VALIDATION_ERROR', 400], [['example.com'], 'VALIDATION_ERROR', 400]],
  },
  'forwarded': {
    good: [
      [['1.2.3.4, 5.6.7.8, 10.0.0.2\n', [], { METACHAT_TRUSTED_PROXIES: '10.0.0.0/8' }], { header: 'X-Forwarded-For', client: '5.6.7.8' }],
      [['9.9.9.9\n10.0.0.3', [], { METACHAT_TRUSTED_PROXIES: '10.0.0.1,10.0.0.3' }], { client: '9.9.9.9' }],
      [['nonsense', [], { METACHAT_TRUSTED_PROXIES: '10.0.0.1' }], { client: '10.0.0.1' }],
      [['for="[2001:db8::1]:80"', [], { METACHAT_TRUSTED_PROXIES: '10.0.0.1', METACHAT_FORWARDED_HEADER: 'Forwarded' }], { client: '2001:db8::1' }],
    ],
    bad: [[['1.2.3.4'], 'VALIDATION_ERROR', 400]],
  },
  'sse': {
    good: [[[': hello\r\n\r\nevent: token\ndata: a\ndata: b\n\ndata: c\n\n'], { count: 2 }, (r) => assert.deepEqual(r.events[0], { event: 'token', data: 'a\nb' })]],
    bad: [[[`data: ${'a'.repeat(2000)}\n\n`, [], { METACHAT_LLM_MAX_OUTPUT: '1024' }], 'PAYLOAD_TOO_LARGE', 413]],
  },
  'ws-frames': {
    good: [
      [[Buffer.concat([frame(TEXT, 'Gr', { fin: false }), frame(PING, '?'), frame(0, 'üße'), frame(CLOSE, closing(4000, 'bye')), Buffer.from('rest')])], { count: 3 }, (r) => assert.deepEqual(r.messages, [{ kind: 'ping', bytes: 1 }, { kind: 'text', bytes: 7, text: 'Grüße' }, { kind: 'close', bytes: 3, code: 4000, reason: 'bye' }])],
      [[''], { count: 0 }],
    ],
    bad: [
      [[Buffer.concat([frame(TEXT, 'a'), frame(TEXT, 'b', { masked: false })])], 'MALFORMED_REQUEST', 400, (r) => assert.deepEqual([r.count, r.closeCode], [1, 1002])],
      [[frame(TEXT, Buffer.from([0xc3, 0x28]))], 'MALFORMED_REQUEST', 400, (r) => assert.equal(r.closeCode, 1007)],
      [[frame(TEXT, 'x'.repeat(2000)), [], { METACHAT_SOCKET_MAX_PAYLOAD: '1024' }], 'PAYLOAD_TOO_LARGE', 413, (r) => assert.equal(r.closeCode, 1009)],
      [[frame(TEXT, 'abc').subarray(0, 8)], 'REQUEST_TIMEOUT', 408],
    ],
  },
  'eio-payload': {
    good: [
      [['4hello\x1e3\x1ebAQID'], { count: 3 }, (r) => assert.deepEqual(r.packets, [{ type: 'message', size: 5, data: 'hello' }, { type: 'pong', size: 0, data: '' }, { type: 'bytes', size: 3 }])],
      [['2probe\n'], { count: 1 }, (r) => assert.deepEqual(r.packets[0], { type: 'ping', size: 5, data: 'probe' })],
    ],
    bad: [
      [['4a\x1e9'], 'VALIDATION_ERROR', 400, (r) => assert.equal(r.count, 1)],
      [['bAQI'.slice(0, 3)], 'VALIDATION_ERROR', 400],
      [[''], 'VALIDATION_ERROR', 400],
      [[`4${'a'.repeat(1_000_000)}`], 'PAYLOAD_TOO_LARGE', 413],
    ],
  },
  'sio-packet': {
    good: [
      [['2/x,12["a",{"b":1}]\n'], { type: 'event', namespace: '/x', attachments: 0, ack: 12 }, (r) => assert.deepEqual(r.json, ['a', { b: 1 }])],
      [['0'], { type: 'connect', namespace: '/' }, (r) => assert.equal(r.json, undefined)],
      [['51-["a",{"_placeholder":true,"num":0}]'], { type: 'binaryEvent', attachments: 1 }],
    ],
    bad: [
      [['4{"message":"x"}'], 'VALIDATION_ERROR', 400],
      [['2["connect"]'], 'VALIDATION_ERROR', 400, (r) => assert.equal(r.type, 'event')],
      [['2["a"'], 'MALFORMED_JSON', 400],
      [['51-["a",{"_placeholder":true,"num":1}]'], 'VALIDATION_ERROR', 400],
    ],
  },
};

// shows: CONF-13
test('every row of the table is tested here', () => {
  assert.deepEqual(Object.keys(table).sort(), list.map((row) => row.name).sort());
  for (const [name, { good, bad }] of Object.entries(table)) {
    assert.ok(bad.length > 0 && (good.length > 0 || name === 'api-key'), name);
  }
});

// shows: CONF-13
test('what is accepted is shown, with exit code 0', async () => {
  for (const [name, { good }] of Object.entries(table)) {
    for (const [call, members, look] of good) {
      const { exit, result, reason } = await answerOf(name, call);
      assert.equal(exit, 0, `${name}: ${reason}`);
      assert.deepEqual(Object.fromEntries(Object.keys(members).map((key) => [key, result[key]])), members, name);
      look?.(result);
    }
  }
});

// shows: CONF-13
test('what is refused has its reason, its code and its status, with exit code 1', async () => {
  for (const [name, { bad }] of Object.entries(table)) {
    for (const [call, wanted, status, look] of bad) {
      const { exit, code, status: was, reason, result } = await answerOf(name, call);
      assert.deepEqual([exit, code, was], [1, wanted, status], `${name}: ${reason}`);
      assert.ok(reason.length > 5, name);
      look?.(result);
    }
  }
});

// shows: CONF-13
test('bytes that mean nothing are accepted or refused by every row, and never more than that', async () => {
  const noise = (seed, size) => {
    const parts = [];
    for (let i = 0; i * 32 < size; i++) parts.push(createHash('sha256').update(`${seed} ${i}`).digest());
    return Buffer.concat(parts).subarray(0, size);
  };
  const garbage = [
    '', '\0', '\r\n\r\n', '"', '{', '[1', '-', Buffer.alloc(70_000), Buffer.alloc(5000, 0xff), '['.repeat(100_000), '<a>'.repeat(30_000),
    '> '.repeat(50_000), 'data:\n\n'.repeat(50_000), noise(1, 100), noise(2, 70_000),
  ];
  const tries = list.flatMap(({ name }) => garbage.map((bytes) => [name, [bytes, name === 'multipart' ? multipart : []]]));
  const one = async () => {
    for (let next; (next = tries.pop()); ) await answerOf(...next);
  };
  await Promise.all([one(), one(), one()]);
});

test('the seeds of the fuzz targets are accepted or refused', async () => {
  const corpus = new URL('../fuzz/corpus/', import.meta.url);
  const rows = { http_head: 'http-head', http_server_bytes: 'http-request', json: 'json', jwt: 'jwt', apikey: 'api-key', guard_url: 'url', sse: 'sse', eio_payload: 'eio-payload', sio_packet: 'sio-packet', extract_html: 'html', extract_markdown: 'markdown', chunk: 'chunks', query: 'query', llm_frame: 'llm-frame', markers: 'markers', conf_file: 'conf', ws_frame: 'ws-frames' };
  for (const [target, name] of Object.entries(rows)) {
    const seeds = (await readdir(new URL(target, corpus))).slice(0, 20);
    assert.ok(seeds.length > 0, target);
    for (const seed of seeds) {
      const { code, signal, stderr } = await probe([name, new URL(`${target}/${seed}`, corpus).pathname]);
      assert.ok(signal === null && (code === 0 || code === 1) && stderr === '', `${target}/${seed}: ${code} ${signal} ${stderr}`);
    }
  }
});

test('a key is shown by its prefix only; a token is verified with the keys of a data folder', async (t) => {
  const mc = await Metachat.start(t, { args: ['demo'] });
  const { key } = await mc.tenant('Probe');
  const { exit, result } = await answerOf('api-key', [`${key}\n`]);
  assert.deepEqual([exit, result], [0, { prefix: key.slice(0, 16), signs: 44 }]);
  const changed = key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a');
  assert.equal((await answerOf('api-key', [changed])).accepted, false);
  const token = await demoToken(mc);
  const verified = await answerOf('jwt', [token, ['--data', mc.data]]);
  assert.deepEqual([verified.accepted, verified.result.verified, verified.result.payload.iss], [true, true, 'metachat']);
  const [header, payload] = token.split('.');
  const forged = await answerOf('jwt', [`${header}.${payload}.${mac}`, ['--data', mc.data]]);
  assert.equal(forged.accepted, false);
  const elsewhere = await answerOf('jwt', [token, ['--data', join(folder, 'nothing')]]);
  assert.equal(elsewhere.accepted, false);
});

test('a file is read like standard input, and by its name', async () => {
  const file = join(folder, 'hours.md');
  await writeFile(file, '# Hours\n\nOpen at nine.\n');
  const { code, stdout } = await probe(['extract', file]);
  assert.deepEqual([code, JSON.parse(stdout).result.type], [0, 'text/markdown']);
  assert.equal(JSON.parse((await probe(['extract', '-'], 'text')).stdout).result.type, 'text/plain');
});

test('what cannot be read says why; wrong words are 2', async () => {
  await mkdir(join(folder, 'sub'));
  for (const file of ['nothing', 'sub']) {
    const { code, stdout, stderr } = await probe(['json', file]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /cannot be read/);
  }
  const wrong = [['nobody'], ['json', '--language', 'en'], ['json', '--nobody'], ['json', 'a', 'b'], ['extract', '--name']];
  for (const args of wrong) assert.equal((await probe(args)).code, 2, args.join(' '));
  const { code, stdout } = await probe([]);
  assert.equal(code, 0);
  for (const { name, reads } of list) assert.ok(stdout.includes(name) && stdout.includes(reads), name);
});

test('more than the largest document is not read', async () => {
  const file = join(folder, 'large');
  await writeFile(file, Buffer.alloc((16 << 20) + 1, 0x61));
  for (const name of ['text', 'json', 'sse', 'terms', 'http-request']) {
    const { code, stdout } = await probe([name, file], '', { METACHAT_DOCUMENT_MAX_BYTES: '1048576' });
    assert.deepEqual([code, JSON.parse(stdout).code], [1, 'PAYLOAD_TOO_LARGE'], name);
  }
});
