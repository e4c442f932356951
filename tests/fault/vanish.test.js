/* Files that vanish under the running program: the database, its log, the lock, the keys, the admin
 * socket, an uploaded file. Nothing is written where nobody would find it, reads go on, health says
 * which, and when the file is back all is well without a restart. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertError } from '../lib/api.js';
import { healthPart, healthStatus, metric, operatorEnv } from '../lib/health.js';
import { assertSound } from '../lib/invariants.js';
import { Metachat } from '../lib/metachat.js';
import { quiet } from '../lib/rows.js';
import { waitFor } from '../lib/wait.js';

const question = 'When does the shop open on Saturday?';

async function furnished(t) {
  const mc = await Metachat.start(t, { env: { ...operatorEnv, METACHAT_JOB_LEASE_MS: '1500', METACHAT_JOB_BACKOFF_MS: '100' } });
  for (const event of ['request', 'job', 'job_claim', 'job_renew']) mc.expectError(event);
  const shop = await mc.tenant('Shop');
  const { id } = await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at nine.\n');
  await quiet(mc);
  return { mc, shop, id, path: (name) => join(mc.data, name) };
}

async function assertRefuses({ mc, shop, id }, words) {
  assertError(await shop.post('/chat', { message: question }), 503, 'DATABASE_ERROR');
  assertError(await shop.post('/documents', { name: 'new.md', text: 'New.' }), 503, 'DATABASE_ERROR');
  assert.equal((await shop.get(`/documents/${id}`)).status, 200);
  assert.match((await shop.get(`/documents/${id}/content`)).text, /nine/);
  assert.equal(await healthStatus(mc), 'down');
  const part = await healthPart(mc, 'database');
  assert.equal(part.ok, false);
  assert.match(part.detail, words);
  assert.equal(await metric(mc, 'health_part_ok', '"database"'), 0);
}

async function assertHealed({ mc, shop }) {
  await waitFor('a chat', async () => (await shop.post('/chat', { message: question })).status === 200);
  await waitFor('health', async () => (await healthStatus(mc)) === 'ok');
  assert.equal((await shop.addDocument(`later-${Date.now()}.md`, '# Later\n\nAll is well.\n')).status, 'ready');
}

// shows: RES-5, RES-11
test('the database', { timeout: 120_000 }, async (t) => {
  const house = await furnished(t);
  const { mc, path } = house;
  for (const [name, words] of [['metachat.db', /^the database file is gone/], ['metachat.db-wal', /^the log of the database is gone/]]) {
    await t.test(`${name} is moved away, and back`, async () => {
      renameSync(path(name), path('elsewhere'));
      await assertRefuses(house, words);
      assert.equal(existsSync(path(name)), false, 'and nothing is made in its place');
      renameSync(path('elsewhere'), path(name));
      await assertHealed(house);
    });
    await t.test(`a copy takes the place of ${name}`, async () => {
      renameSync(path(name), path('elsewhere'));
      copyFileSync(path('elsewhere'), path(name));
      await assertRefuses(house, words);
      renameSync(path('elsewhere'), path(name));
      await assertHealed(house);
    });
  }
  await t.test('the log is deleted: an orderly stop keeps what was in it', async () => {
    const { conversationId } = await house.shop.chat(question);
    rmSync(path('metachat.db-wal'));
    await assertRefuses(house, /^the log of the database is gone/);
    await mc.stop();
    await mc.start();
    assert.equal((await house.shop.get(`/conversations/${conversationId}`)).status, 200);
    await assertHealed(house);
  });
  await quiet(mc);
  await mc.stop();
  await assertSound(mc);
});

test('the lock', { timeout: 60_000 }, async (t) => {
  const house = await furnished(t);
  rmSync(house.path('lock'));
  await assertHealed(house);
  const { code, stderr } = await house.mc.run('serve');
  assert.equal(code, 5, stderr);
  assert.match(stderr, /in use by another metachat \(pid \d+\)/);
});

test('keys and admin socket', { timeout: 60_000 }, async (t) => {
  const { mc, shop, path } = await furnished(t);
  for (const name of ['keys', 'admin.sock', 'blobs']) {
    renameSync(path(name), path('elsewhere'));
    const part = await healthPart(mc, 'files');
    assert.deepEqual([part.ok, part.detail], [false, `${name} is gone`]);
    assert.equal(await healthStatus(mc), 'degraded');
    assert.equal((await shop.post('/chat', { message: question })).status, 200);
    renameSync(path('elsewhere'), path(name));
    assert.equal((await healthPart(mc, 'files')).ok, true);
  }
});

// shows: RES-11
test('an uploaded file', { timeout: 60_000 }, async (t) => {
  const { mc, shop, id, path } = await furnished(t);
  const blobs = path('blobs');
  const stored = readdirSync(blobs, { recursive: true }).map(String).find((name) => /[0-9a-f]{62}$/.test(name));
  renameSync(join(blobs, stored), path('elsewhere'));
  const error = assertError(await shop.get(`/documents/${id}/content`), 404, 'NOT_FOUND');
  assert.match(error.message, /the stored file is gone/);
  const part = await healthPart(mc, 'files');
  assert.equal(part.ok, false);
  assert.match(part.detail, /uploaded files that are gone or damaged/);
  assert.equal(await metric(mc, 'blobs_lost_total', '"gone"'), 1);
  assert.equal((await shop.post(`/documents/${id}/reprocess`)).status < 300, true);
  const failed = await shop.documentSettled(id);
  assert.deepEqual([failed.status, failed.error], ['failed', 'the stored file is gone; upload it again']);
  assert.match((await shop.chat(question)).reply, /nine/, 'what was read before is still known');
  renameSync(path('elsewhere'), join(blobs, stored));
  assert.equal((await shop.post(`/documents/${id}/reprocess`)).status < 300, true);
  assert.equal((await shop.documentSettled(id)).status, 'ready');
});
