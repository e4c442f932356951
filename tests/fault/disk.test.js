/* A disk that takes no more: full (a small tmpfs, when root may mount one), limited (RLIMIT_FSIZE,
 * which fails every write) or read-only (every call that writes fails as it does then). Writes are refused plainly, reads go on, health tells, and when there is
 * room again everything heals by itself, with nothing lost of what was promised. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertError } from '../lib/api.js';
import { Faults } from '../lib/faults.js';
import { assertSound } from '../lib/invariants.js';
import { Customers, Editor } from '../lib/load.js';
import { Metachat } from '../lib/metachat.js';
import { query, quiet } from '../lib/rows.js';
import { waitFor } from '../lib/wait.js';

const operatorToken = 'operator-token-of-the-disk-test';
const env = {
  METACHAT_OPERATOR_TOKEN: operatorToken,
  METACHAT_TURN_TIMEOUT_MS: '2000',
  METACHAT_JOB_LEASE_MS: '1500',
  METACHAT_JOB_BACKOFF_MS: '100',
  METACHAT_RATE_UPLOAD_PER_MIN: '1000000',
};
const question = 'When does the shop open on Saturday?';

/* A disk of 12 MB; null where we may not mount. Whoever uses it calls end() last of all. */
function smallDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'metachat-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    rmdirSync(folder);
    return null;
  }
  const filler = join(folder, 'filler');
  return {
    data: join(folder, 'data'),
    fill() {
      const fd = openSync(filler, 'a');
      for (const size of [1 << 20, 1 << 12, 1]) {
        try {
          for (;;) writeSync(fd, Buffer.alloc(size));
        } catch (error) {
          assert.equal(error.code, 'ENOSPC');
        }
      }
      closeSync(fd);
    },
    free: () => rmSync(filler, { force: true }),
    readOnly: (on) => execFileSync('mount', ['-o', `remount,${on ? 'ro' : 'rw'}`, folder]),
    end() {
      execFileSync('umount', ['-l', folder]);
      rmdirSync(folder);
    },
  };
}

/* No file of the process may grow, or be written beyond its first byte. */
function limit(mc) {
  const set = (size) => execFileSync('prlimit', ['--pid', String(mc.pid), `--fsize=${size}:unlimited`]);
  return { fill: () => set(1), free: () => set('unlimited') };
}

function announce(mc) {
  for (const event of ['request', 'job', 'job_claim', 'job_renew', 'cron', 'api_key_use', 'lease_sweep']) mc.expectError(event);
}

async function furnished(mc) {
  const shop = await mc.tenant('Shop');
  const { id } = await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at 9:00.\n');
  return { shop, id };
}

const parts = async (mc) => (await mc.api(operatorToken).get('/health')).body;

/* What has to be true while nothing can be written. */
async function assertRefuses(mc, { shop, id }) {
  const conversations = (await shop.all('/conversations')).length;
  for (const [method, path, body] of [
    ['POST', '/chat', { message: question }],
    ['POST', '/documents', { name: 'new.md', text: '# New\n\nNothing.\n' }],
    ['PUT', `/documents/${id}/content`, { name: 'hours.md', text: '# Hours\n\nNever.\n' }],
    ['PUT', '/tenant/assistant', { topK: 2 }],
    ['POST', '/api-keys', { name: 'x', scopes: 'chat' }],
  ]) {
    assertError(await shop.request(method, path, { body }), 503, 'DATABASE_ERROR');
  }
  const streamed = await shop.fetch('POST', '/chat', { body: { message: question }, headers: { Accept: 'text/event-stream' } });
  assert.equal(streamed.status, 503);
  await streamed.text();
  assert.equal((await shop.get(`/documents/${id}`)).status, 200);
  assert.match((await shop.get(`/documents/${id}/content`)).text, /9:00/);
  assert.equal((await shop.data('POST', '/search', { query: question })).known, true);
  assert.equal((await shop.all('/conversations')).length, conversations, 'nothing was stored');
  assert.equal((await mc.api().get('//health/live')).status, 200);
  const health = await mc.api().get('/health');
  assert.equal(health.status, 503);
  assert.doesNotMatch(health.text, /database/);
  const database = (await parts(mc)).parts.find((p) => p.name === 'database');
  assert.equal(database.ok, false);
  assert.match(database.detail, /write failed/);
}

async function assertHealed(mc, { shop }) {
  assert.match((await shop.chat(question)).reply, /9:00/);
  assert.equal((await shop.addDocument('later.md', '# Later\n\nThere is room again.\n')).status, 'ready');
  await waitFor('health', async () => (await mc.api().get('/health')).status === 200);
}

/* Load, in the midst of which the disk fills up and is freed again. */
async function underLoad(mc, disk) {
  const crowd = new Customers(await mc.tenant('Crowd'), { handovers: 0 });
  await crowd.api.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at 9:00.\n');
  const editor = new Editor(await mc.tenant('Editor'));
  let over = false;
  const keepActing = async (someone) => {
    while (!over) await someone.act();
  };
  const all = Promise.all([crowd, crowd, crowd, crowd, editor].map(keepActing));
  for (let n = 0; n < 3; n++) {
    const before = crowd.faults.length;
    await waitFor('the load to go on', () => crowd.inDoubt.length < crowd.said.length);
    disk.fill();
    await waitFor('a refusal', () => crowd.faults.length > before + 3);
    disk.free();
    await waitFor('a promise again', async () => (await crowd.api.post('/chat', { message: question })).status === 200);
  }
  over = true;
  await all;
  return { crowd, editor };
}

async function assertKept(mc, { crowd, editor }) {
  for (const fault of [...crowd.faults, ...editor.faults]) assert.match(fault, /: 503 .*"DATABASE_ERROR"/);
  await quiet(mc, { withinMs: 60_000 });
  assert.deepEqual(await editor.wrongPages(), []);
  await mc.stop();
  await assertSound(mc);
  const stored = new Set((await query(mc, "SELECT content FROM messages WHERE direction = 'inbound'")).map((m) => m.content));
  const lost = crowd.said.filter((said) => said.promised && !stored.has(said.text));
  assert.deepEqual(lost, []);
  const { code, stdout } = await mc.run('replay', '--all');
  assert.equal(code, 0, stdout.split('\n').filter((line) => !line.includes('byte for byte')).slice(0, 3).join('\n'));
}

async function throughout(t, mc, disk) {
  announce(mc);
  const shop = await furnished(mc);
  // shows: RES-6
  await t.test('writes are refused, reads go on, health tells', async () => {
    disk.fill();
    await assertRefuses(mc, shop);
  });
  // shows: RES-11
  await t.test('it heals without a restart', async () => {
    disk.free();
    await assertHealed(mc, shop);
  });
  let load;
  await t.test('again and again under load', async () => {
    load = await underLoad(mc, disk);
  });
  // shows: RES-6
  await t.test('what was promised is there, and nothing is broken', () => assertKept(mc, load));
}

/* A server whose data stands on a small disk; without the disk, when the test was skipped. */
async function onSmallDisk(t) {
  const disk = smallDisk();
  if (!disk) {
    t.skip('a disk that can be filled or made read-only is a tmpfs, which only root may mount; the same faults are brought about without one by the limit on file sizes and the failing calls in this file');
    return {};
  }
  // In the order in which they are told: the server ends before its disk.
  const ends = [];
  t.after(async () => {
    for (const end of [...ends, disk.end]) await end();
  });
  return { disk, mc: await Metachat.start({ after: (end) => ends.push(end) }, { data: disk.data, env }) };
}

test('a full disk', { timeout: 120_000 }, async (t) => {
  const { disk, mc } = await onSmallDisk(t);
  if (!disk) return;
  await throughout(t, mc, disk);
  await t.test('a start on a full disk fails or serves, and the next one is as before', async () => {
    disk.fill();
    await mc.start().then(() => mc.kill(), () => {});
    mc.noise.length = 0; // the reason, in words
    disk.free();
    await mc.start();
    const shop = await mc.tenant('After');
    assert.equal((await shop.chat('Is anybody there?')).action, 'disclaimer');
    await mc.stop();
    await assertSound(mc);
  });
});

/* A file system that becomes read-only because it is broken does so under open files, which mount
 * does not; so the calls fail as they would. */
// shows: RES-6
test('a disk that becomes read-only', { timeout: 120_000 }, async (t) => {
  const faults = new Faults(t);
  const mc = await Metachat.start(t, { env: { ...env, ...faults.env } });
  await throughout(t, mc, {
    fill: () => faults.arm('file', { forEver: true, code: 'EROFS', ops: ['write', 'sync', 'name'] }),
    free: () => faults.clear(),
  });
});

test('a start on a read-only disk says so, and the next one is as before', { timeout: 60_000 }, async (t) => {
  const { disk, mc } = await onSmallDisk(t);
  if (!disk) return;
  const shop = await mc.tenant('Shop');
  await mc.stop();
  disk.readOnly(true);
  const { code, stderr } = await mc.run('serve');
  assert.equal(code, 1);
  assert.match(stderr, /^metachat: cannot open .*: Read-only file system; is the folder there and writable\?$/m);
  disk.readOnly(false);
  await mc.start();
  assert.equal((await shop.chat('Is anybody there?')).action, 'disclaimer');
});

test('a limit on the size of files', { timeout: 120_000 }, async (t) => {
  const mc = await Metachat.start(t, { env });
  await throughout(t, mc, limit(mc));
});
