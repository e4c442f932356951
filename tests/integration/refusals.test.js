/* A body that is too large is refused so that the client sees why: each of these sends 101 MB to a
 * route that takes less, in its own way, and must get the answer and no reset. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Metachat } from '../lib/metachat.js';
import { fileScope, scratchFolder } from '../lib/scratch.js';

const scope = fileScope();
const size = 101 * 1024 * 1024;
let mc;
let shop;
let path;

before(async () => {
  mc = await Metachat.start(scope);
  shop = await mc.tenant('Refusals');
  path = join(await scratchFolder(scope), 'large');
  const file = await open(path, 'w');
  await file.truncate(size);
  await file.close();
});

const headers = () => ({ Authorization: `Bearer ${shop.key}`, 'Content-Type': 'application/json' });

function check(status, text) {
  assert.equal(status, 413);
  assert.equal(JSON.parse(text).error.code, 'PAYLOAD_TOO_LARGE');
}

function run(program, ...args) {
  return new Promise((done) => {
    execFile(program, args, { timeout: 60_000 }, (error, stdout, stderr) => done({ error, stdout, stderr }));
  });
}

// shows: HTTP-2
test('fetch sees 413', async () => {
  for (let i = 0; i < 3; i++) {
    const body = Buffer.alloc(size);
    const answer = await fetch(`${mc.url}/api/v1/chat`, { method: 'POST', headers: headers(), body });
    check(answer.status, await answer.text());
  }
});

// shows: HTTP-2
test('a chunked upload whose length nobody knows sees 413', async () => {
  async function* zeros() {
    for (let sent = 0; sent < size; sent += 1 << 20) yield Buffer.alloc(1 << 20);
  }
  const answer = await fetch(`${mc.url}/api/v1/chat`, {
    method: 'POST',
    headers: headers(),
    body: zeros(),
    duplex: 'half',
  });
  check(answer.status, await answer.text());
});

// shows: HTTP-2
test("Node's http client sees 413", async () => {
  const { status, text } = await new Promise((done, fail) => {
    const request = http.request(`${mc.url}/api/v1/chat`, {
      method: 'POST',
      headers: { ...headers(), 'Content-Length': size },
    });
    request.on('error', fail);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => done({ status: response.statusCode, text }));
      response.on('error', fail);
    });
    request.end(Buffer.alloc(size));
  });
  check(status, text);
});

// shows: HTTP-2, HTTP-3
test('curl sees 413, with and without asking first', async () => {
  for (const expect of ['Expect:', 'Expect: 100-continue']) {
    const { error, stdout, stderr } = await run(
      'curl', '-sS', '-w', '\n%{http_code}', '-H', expect, '-H', `Authorization: Bearer ${shop.key}`,
      '-H', 'Content-Type: application/json', '--data-binary', `@${path}`, `${mc.url}/api/v1/chat`,
    );
    assert.equal(error, null, stderr);
    const [text, status] = stdout.trim().split('\n');
    check(Number(status), text);
  }
});

// shows: HTTP-2
test("Python's http.client sees 413 after it has sent everything", async () => {
  const script = `
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', ${mc.port})
with open(sys.argv[1], 'rb') as f:
    c.request('POST', '/api/v1/chat', body=f, headers={'Authorization': 'Bearer ' + sys.argv[2],
              'Content-Type': 'application/json', 'Content-Length': '${size}'})
r = c.getresponse()
print(r.status)
print(r.read().decode())
`;
  const { error, stdout, stderr } = await run('python3', '-c', script, path, shop.key);
  assert.equal(error, null, stderr);
  const [status, text] = stdout.trim().split('\n');
  check(Number(status), text);
});
