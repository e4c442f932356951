/* Too few descriptors: the limit of the running process is lowered and connections take what is left.
 * What needs a file is refused, nothing crashes, health tells on a connection that is open already,
 * and when the connections go all is well. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { healthPart, metric, operatorEnv, operatorToken } from '../lib/health.js';
import { Metachat } from '../lib/metachat.js';
import { waitFor } from '../lib/wait.js';

const question = 'When does the shop open on Saturday?';

/* One connection that stays open, and what is asked on it. */
function caller(t, mc, key) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  return (method, path, body, token = key) =>
    new Promise((done, fail) => {
      const text = body && JSON.stringify(body);
      const headers = { authorization: `Bearer ${token}`, ...(text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }) };
      const req = request(`${mc.url}${path}`, { method, agent, headers }, (res) => {
        let all = '';
        res.setEncoding('utf8').on('data', (part) => (all += part));
        res.on('end', () => done({ status: res.statusCode, text: all, body: JSON.parse(all) }));
      });
      req.on('error', fail).end(text);
    });
}

// shows: RES-5, RES-11
test('too few descriptors', { timeout: 120_000 }, async (t) => {
  const mc = await Metachat.start(t, { env: { ...operatorEnv, METACHAT_HTTP_IDLE_TIMEOUT_MS: '600000', METACHAT_HTTP_HEAD_TIMEOUT_MS: '600000' } });
  for (const event of ['request', 'job', 'job_claim', 'job_renew']) mc.expectError(event);
  const shop = await mc.tenant('Shop');
  await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at nine.\n');
  const call = caller(t, mc, shop.key);
  assert.equal((await call('POST', '/api/v1/chat', { message: question })).status, 200);
  const parts = async () => (await call('GET', '/api/v1/health', undefined, operatorToken)).body.parts;
  const descriptors = async () => (await parts()).find((p) => p.name === 'descriptors');
  assert.equal((await descriptors()).ok, true);

  const used = readdirSync(`/proc/${mc.pid}/fd`).length;
  const limit = used + 20;
  execFileSync('prlimit', ['--pid', String(mc.pid), `--nofile=${limit}:${limit}`]);
  const flood = Array.from({ length: 60 }, () => connect(mc.port, '127.0.0.1').on('error', () => {}));
  await waitFor('the descriptors to run out', () => readdirSync(`/proc/${mc.pid}/fd`).length >= limit);

  const full = await descriptors();
  assert.equal(full.ok, false);
  assert.match(full.detail, new RegExp(`of ${limit} open`));
  const refused = await call('POST', '/api/v1/documents', { name: 'new.md', text: '# New\n\nNo room.\n' });
  assert.equal(refused.status, 503, refused.text);
  assert.equal(refused.body.error.code, 'DATABASE_ERROR');
  assert.doesNotMatch(refused.text, /Too many|descriptor/i);
  const chat = await call('POST', '/api/v1/chat', { message: question });
  assert.ok([200, 503].includes(chat.status), chat.text);

  for (const socket of flood) socket.destroy();
  await waitFor('the descriptors to come back', async () => (await descriptors()).ok);
  assert.equal((await shop.addDocument('new.md', '# New\n\nThere is room.\n')).status, 'ready');
  assert.match((await shop.chat(question)).reply, /nine/);
  assert.equal((await healthPart(mc, 'database')).ok, true);
  assert.equal(await metric(mc, 'process_max_fds'), limit);
});
