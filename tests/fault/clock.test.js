/* The wall clock jumps a day forward, and a day back, while the program serves (libfaketime). What is
 * running goes on under its lease, what waits keeps its pause, nothing is thrown away for its age,
 * ids go on rising, and health tells. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { healthPart, healthStatus, metric, operatorEnv } from '../lib/health.js';
import { assertSound } from '../lib/invariants.js';
import { Metachat } from '../lib/metachat.js';
import { laterLook, value } from '../lib/rows.js';
import { scratchFolder } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const question = 'When does the shop open on Saturday?';
const dayUs = 86_400_000_000;
const library = readdirSync('/usr/lib')
  .map((folder) => `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

/* A clock that is told how far it is off. */
async function fakeClock(t) {
  const file = join(await scratchFolder(t), 'clock');
  const set = (offset) => {
    writeFileSync(`${file}.new`, `${offset}\n`);
    renameSync(`${file}.new`, file);
  };
  set('+0');
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { set, env };
}

/* A shop whose model answers when it is let to, a document that will be looked after in two hours. */
async function furnished(t) {
  const clock = await fakeClock(t);
  const gate = { open: () => {}, wait: Promise.resolve() };
  const model = await FakeOpenAI.start(t, {
    answer: async () => {
      await gate.wait;
      return 'At nine. [1: "On Saturday the shop opens at nine."]';
    },
  });
  const mc = await Metachat.start(t, {
    env: { ...operatorEnv, ...clock.env, METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-fake', METACHAT_JOB_LEASE_MS: '2000' },
  });
  const shop = await mc.tenant('Shop');
  await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at nine.\n');
  const gone = await shop.addDocument('gone.md', '# Gone\n\nSoon.\n');
  await shop.delete(`/documents/${gone.id}`);
  await waitFor('the later look', async () => (await value(mc, `SELECT count(*) FROM jobs WHERE ${laterLook}`)) === 1);
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  assert.equal((await healthPart(mc, 'clock')).ok, true);
  const shut = () => (gate.wait = new Promise((done) => (gate.open = done)));
  return { mc, clock, model, shop, gate: { shut, open: () => gate.open() } };
}

const lastSweep = (mc) => value(mc, "SELECT started_us FROM cron_runs WHERE name = 'lease_sweep'");
const laterDue = (mc) => value(mc, "SELECT due_us FROM jobs WHERE kind = 'document.purge'");

/* Jumps in the middle of a turn, and waits until the leases have been looked at since. */
async function jumpInTheMiddle({ mc, clock, model, shop, gate }, offset, stepUs) {
  const before = model.requests.length;
  const due = await laterDue(mc);
  gate.shut();
  const turn = shop.chat(question);
  await waitFor('the model to be asked', () => model.requests.length > before);
  const was = await lastSweep(mc);
  clock.set(offset);
  await waitFor('the jump to be seen', () => mc.events('clock_jumped').some((line) => Math.sign(line.stepMs) === Math.sign(stepUs)));
  await waitFor('a look at the leases', async () => Math.abs((await lastSweep(mc)) - was - stepUs) < 60_000_000 && (await lastSweep(mc)) !== was, { withinMs: 25_000 });
  gate.open();
  const answer = await turn;
  assert.equal(answer.action, 'answer');
  assert.equal(model.requests.length, before + 1, 'the turn was not run a second time');
  const moved = (await laterDue(mc)) - due - stepUs;
  assert.ok(Math.abs(moved) < 10_000_000, `what was to come in two hours still does, but for ${moved} us`);
  return answer;
}

// shows: RES-5
test('a clock that jumps', { timeout: 240_000, skip: !library && 'needs the package faketime' }, async (t) => {
  const house = await furnished(t);
  const { mc, clock, shop } = house;
  const key = { headers: { 'Idempotency-Key': 'before-the-jump' } };
  const upload = { name: 'once.md', text: '# Once\n\nOnly once.\n' };
  const once = await shop.data('POST', '/documents', upload, key);

  await t.test('forward by a day', async () => {
    await jumpInTheMiddle(house, '+1d', dayUs);
    assert.equal((await shop.data('POST', '/documents', upload, key)).id, once.id, 'the key is remembered');
    const part = await healthPart(mc, 'clock');
    assert.equal(part.ok, false);
    assert.match(part.detail, /^jumped forward by 8\d{4} s, \d+ s ago$/);
    assert.equal(await healthStatus(mc), 'degraded');
    assert.ok((await metric(mc, 'clock_jumps_total')) >= 1);
  });

  let conversation;
  await t.test('and back', async () => {
    conversation = (await jumpInTheMiddle(house, '+0', -dayUs)).conversationId;
    assert.match((await healthPart(mc, 'clock')).detail, /^was set back by 8\d{4} s/);
  });

  await t.test('back by a day while it is stopped', async () => {
    await mc.stop();
    const due = await laterDue(mc);
    clock.set('-1d');
    await mc.start();
    assert.ok(due - (await laterDue(mc)) > dayUs / 2, 'what waits has moved with it');
    await shop.data('POST', `/chat`, { message: 'And on Sunday?', conversationId: conversation });
    const messages = await shop.all(`/conversations/${conversation}/messages`);
    const times = messages.map((m) => m.content);
    assert.ok(times.includes('And on Sunday?'));
    const newest = [...messages].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(-2).map((m) => m.content);
    assert.ok(newest.includes('And on Sunday?'), 'ids go on rising over the restart');
    await waitFor('a look at the leases', async () => Date.now() * 1000 - (await lastSweep(mc)) > dayUs / 2);
  });

  await mc.stop();
  // The later look moved with the clock, and so is no longer two hours after its making.
  await assertSound(mc, { except: ['no job is left'] });
});
