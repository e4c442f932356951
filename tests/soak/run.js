/* Load on one running server for a long time, and the judgement whether it stayed flat.
 * shows: RES-9
 *
 *     node tests/soak/run.js MINUTES FOLDER      leaves soak.json and soak.svg in the folder
 *
 * A sample each ten seconds, or a thirtieth of a short run. Ends with "N passed, N failed". */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { query, quiet } from '../lib/rows.js';
import { pause, waitFor } from '../lib/wait.js';
import { Crowd, customer, editor, follower, leaver, reader, vandal } from './actors.js';
import { judge } from './judge.js';
import { plot } from './plot.js';

const minutes = Number(process.argv[2] ?? 60);
const folder = process.argv[3] ?? 'build/soak';
const everyMs = Math.min(10_000, (minutes * 60_000) / 30);
const hours = '# Opening hours\n\nOn Saturday the shop opens at 9:00.\n\n# Shipping\n\nShipping costs 4.90 EUR. You can return an item for 30 days.\n';

/* No limit of rates, and patience: how fast a busy machine is, is told by the latency. Connections
 * without work leave soon, so that what stays is what leaked. */
const settings = {
  ...Object.fromEntries(['READ', 'WRITE', 'CHAT', 'UPLOAD', 'AUTH', 'PUBLIC'].map((name) => [`METACHAT_RATE_${name}_PER_MIN`, '1000000'])),
  METACHAT_DB_WAIT_MS: '60000',
  METACHAT_DB_READERS: '2', // more would be opened one by one as the load goes on, two descriptors each
  METACHAT_REQUEST_TIMEOUT_MS: '120000',
  METACHAT_HTTP_IDLE_TIMEOUT_MS: '15000',
  METACHAT_OUTGOING_KEEP: '4',
};

function measure(mc) {
  const status = readFileSync(`/proc/${mc.pid}/status`, 'utf8');
  const size = (name) => statSync(join(mc.data, name), { throwIfNoEntry: false })?.size ?? 0;
  const figure = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
  return {
    rss: figure('VmRSS') * 1024,
    anon: figure('RssAnon') * 1024,
    threads: figure('Threads'),
    fds: readdirSync(`/proc/${mc.pid}/fd`).length,
    db: size('metachat.db'),
    wal: size('metachat.db-wal'),
  };
}

function withTimes(sample, times) {
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { ...sample, count: times.length, p50: at(0.5), p99: at(0.99) };
}

/** Tenants with and without a model, and everybody who is there. */
async function open(mc, crowd) {
  for (let n = 0; n < 3; n++) {
    const api = await mc.tenant(`Soak ${n}`);
    if (n) await api.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
    await api.addDocument('hours.md', hours);
    crowd.add('customer', customer(crowd, api, false));
    crowd.add('customer', customer(crowd, api, false));
    crowd.add('customer with a stream', customer(crowd, api, true));
    crowd.add('editor', editor(api), 300);
    crowd.add('follower', follower(api));
    crowd.add('leaver', leaver(api), 100);
    crowd.add('vandal', vandal(api), 100);
    crowd.add('reader', reader(api), 100);
  }
}

/* Makes what is made on demand and kept: read connections, connections to the model. */
async function warmUp(mc) {
  const api = await mc.tenant('Warm-up');
  await api.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  await api.addDocument('hours.md', hours);
  await Promise.all(Array.from({ length: 100 }, () => api.chat('When does the shop open on Saturday?')));
}

/* At rest: threads and connections that were made on demand have left. They do so after half a minute
 * without work, so what has not changed for longer will stay. */
async function rested(mc) {
  await quiet(mc, { withinMs: 60_000 });
  let last = measure(mc);
  let since = Date.now();
  await waitFor('threads and connections to leave', () => {
    const now = measure(mc);
    if (now.fds !== last.fds || now.threads !== last.threads) since = Date.now();
    last = now;
    return Date.now() - since > 35_000;
  }, { withinMs: 180_000, everyMs: 500 });
  return last;
}

/* The other invariants compare every row with every other: too much for an hour of them. */
function broken(mc) {
  return query(mc, "SELECT integrity_check AS what FROM pragma_integrity_check WHERE what <> 'ok' UNION ALL SELECT \"table\" FROM pragma_foreign_key_check");
}

async function soak(mc, crowd) {
  const samples = [];
  const begun = Date.now();
  while (Date.now() - begun < minutes * 60_000) {
    await pause(everyMs);
    const sample = { at: (Date.now() - begun) / 1000, ...withTimes(measure(mc), crowd.takeTimes()) };
    samples.push(sample);
    console.log(
      `${sample.at.toFixed(0).padStart(6)} s  ${(sample.rss / 2 ** 20).toFixed(1)} MB resident, ${(sample.anon / 2 ** 20).toFixed(1)} anonymous, ` +
        `${sample.fds} descriptors, ${sample.threads} threads, p50 ${sample.p50.toFixed(1)} ms, p99 ${sample.p99.toFixed(1)} ms, ${crowd.done} acts`,
    );
  }
  return samples;
}

let passed = 0;
let failed = 0;
function verdict(fine, what) {
  if (fine) passed += 1;
  else failed += 1;
  console.log(`${fine ? 'ok    ' : 'FAILED'} ${what}`);
}

const ends = [];
const scope = { after: (end) => ends.push(end) };
try {
  const model = await FakeOpenAI.start(scope, { delayMs: 20, answer: 'On Saturday the shop opens at 9:00. [1: "On Saturday the shop opens at 9:00."]' });
  const env = { ...settings, METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-fake' };
  const mc = await Metachat.start(scope, { env });
  const crowd = new Crowd();
  await warmUp(mc);
  const before = await rested(mc);
  await open(mc, crowd);
  const samples = await soak(mc, crowd);
  await crowd.end();
  const after = await rested(mc);
  model.requests.length = 0;

  for (const { fine, what } of judge(samples, before, after)) verdict(fine, what);
  verdict(crowd.done > 100 && !crowd.faults.length, `${crowd.done} acts, ${crowd.faults.length} wrong answers ${crowd.faults.slice(0, 3).join('; ')}`);
  const ended = await mc.stop();
  verdict(ended.code === 0, `the server ended with ${ended.signal ?? ended.code}`);
  verdict(!(await broken(mc)).length, 'the database is whole, and every reference leads somewhere');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'soak.json'), JSON.stringify({ minutes, before, after, acts: crowd.done, faults: crowd.faults.slice(0, 20), samples }, null, 1));
  writeFileSync(join(folder, 'soak.svg'), plot(samples));
} catch (error) {
  verdict(false, error.stack);
} finally {
  for (const end of ends.reverse()) await end().catch((error) => verdict(false, error.message));
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
