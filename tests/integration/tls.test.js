/* TLS by certificate files: serving, the files changing, and what is refused. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { connect } from 'node:tls';
import { makeCertificate } from '../lib/certificate.js';
import { Metachat, binary, root } from '../lib/metachat.js';
import { fileScope, scratchFolder } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const operator = 'an-operator-token-of-tests';
let mc;
let folder;
let first;
let used;

before(async () => {
  folder = await scratchFolder(scope);
  first = makeCertificate(folder, 'first');
  used = { cert: join(folder, 'used.pem'), key: join(folder, 'used.key') };
  use(first);
  mc = await Metachat.start(scope, {
    tls: used,
    env: { METACHAT_OPERATOR_TOKEN: operator },
  });
});

/* As tools that renew certificates do: each file is replaced whole. */
function use({ cert, key }) {
  for (const [from, to] of [[cert, used.cert], [key, used.key]]) {
    copyFileSync(from, `${to}.new`);
    renameSync(`${to}.new`, to);
  }
}

function get(path, { ca = readFileSync(used.cert), headers = {}, agent } = {}) {
  return new Promise((done, fail) => {
    const request = https.get({ host: '127.0.0.1', port: mc.port, path, ca, headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => done({ status: response.statusCode, text }));
    });
    request.on('error', fail);
  });
}

/* The name in the certificate that a new connection is shown. */
function shown() {
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port: mc.port, rejectUnauthorized: false }, () => {
      done(socket.getPeerCertificate().subject.CN);
      socket.end();
    });
    socket.on('error', fail);
  });
}

async function part() {
  const { text } = await get('/health', { headers: { Authorization: `Bearer ${operator}` }, ca: readFileSync(first.cert) });
  return JSON.parse(text).parts.find(({ name }) => name === 'tls');
}

// shows: HTTP-6
test('a client that trusts the certificate is served', async () => {
  const { status, text } = await get('/health/live');
  assert.equal(status, 200);
  assert.equal(JSON.parse(text).status, 'ok');
  assert.equal((await part()).ok, true);
  assert.equal(mc.events('serving')[0].scheme, 'https');
});

test('connections are kept alive, and many at once are served', async () => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 20 });
  const answers = await Promise.all(Array.from({ length: 400 }, () => get('/health/live', { agent })));
  assert.ok(answers.every(({ status }) => status === 200));
  agent.destroy();
});

test('plain HTTP on this port is told where to go', async () => {
  const text = await new Promise((done, fail) => {
    let heard = '';
    const socket = connectTcp(mc.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.setEncoding('utf8').on('data', (part) => (heard += part));
    socket.on('end', () => done(heard));
    socket.on('error', fail);
  });
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.match(text, /https:\/\//);
});

// shows: HTTP-6
test('a new certificate is taken when its files change, and at SIGHUP; a broken one is not', async () => {
  assert.equal(await shown(), 'first');
  use(makeCertificate(folder, 'second'));
  process.kill(mc.pid, 'SIGHUP');
  await waitFor('the second certificate', async () => (await shown()) === 'second');

  writeFileSync(used.cert, 'no certificate');
  mc.expectError('certificate_refused');
  await waitFor('the refusal', () => mc.events('certificate_refused').length > 0, { withinMs: 20_000 });
  assert.equal(await shown(), 'second');

  use(first);
  await waitFor('the first certificate again', async () => (await shown()) === 'first', { withinMs: 20_000 });
  await waitFor('health to be well again', async () => (await part()).ok);
});

// shows: HTTP-6
test('a certificate that expires soon, or files that cannot be used, make health degraded', async () => {
  writeFileSync(used.key, 'no key');
  mc.expectError('certificate_refused');
  process.kill(mc.pid, 'SIGHUP');
  await waitFor('the refusal to show', async () => !(await part()).ok);
  assert.match((await part()).detail, /refused/);
  const { text } = await get('/health', { ca: readFileSync(first.cert) });
  assert.equal(JSON.parse(text).status, 'degraded');

  const soon = makeCertificate(folder, 'soon', 10);
  use(soon);
  process.kill(mc.pid, 'SIGHUP');
  await waitFor('the third certificate', async () => (await shown()) === 'soon');
  const answer = await get('/health', { ca: readFileSync(soon.cert) });
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.text).status, 'degraded');
  use(first);
  process.kill(mc.pid, 'SIGHUP');
  await waitFor('the first certificate', async () => (await shown()) === 'first');
});

test('half a pair, and files that are none, are refused at start', async () => {
  const config = async (env) => {
    const { code, stderr } = await new Promise((done) => {
      execFile(binary, ['serve', '--migrate'],
        { env: { ...mc.env, METACHAT_DATA: join(folder, 'other'), METACHAT_TLS_CERT_FILE: '', METACHAT_TLS_KEY_FILE: '', ...env }, timeout: 20_000 },
        (error, stdout, stderr) => done({ code: error?.code, stderr }));
    });
    assert.equal(code, 3, stderr);
    return stderr;
  };
  assert.match(await config({ METACHAT_TLS_CERT_FILE: first.cert }), /give both, or neither/);
  assert.match(await config({ METACHAT_TLS_CERT_FILE: first.cert, METACHAT_TLS_KEY_FILE: first.cert }), /no key in PEM form/);
  const other = makeCertificate(folder, 'other');
  assert.match(await config({ METACHAT_TLS_CERT_FILE: first.cert, METACHAT_TLS_KEY_FILE: other.key }), /another certificate/);
});

// shows: HTTP-6
test('the main job from end to end runs over TLS', async () => {
  const { error, stdout } = await new Promise((done) => {
    execFile(process.execPath, ['--test', join(root, 'tests/integration/smoke.test.js')],
      {
        cwd: root,
        timeout: 120_000,
        env: {
          ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_'))),
          METACHAT_TEST_TLS_CERT: first.cert,
          METACHAT_TEST_TLS_KEY: first.key,
          NODE_EXTRA_CA_CERTS: first.cert,
        },
      },
      (error, stdout, stderr) => done({ error, stdout: stdout + stderr }));
  });
  assert.equal(error, null, stdout);
});
