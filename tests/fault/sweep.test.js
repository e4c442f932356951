/* The sweep: what people do, with the 1st, 2nd, 3rd … call to the database, the files or the network
 * failing, once or from there on. Whatever fails: every answer is legal, nothing hangs or crashes,
 * and when the fault is over everything is finished by itself, with the invariants of a database at
 * rest and no descriptor left open.
 * shows: RES-13
 *
 * make test takes a sample, of which SWEEP_SEED repeats one; SWEEP=all takes every number, as many as
 * there is time for (SWEEP_SECONDS). SWEEP_ONLY='chat/db/once/17' runs one case. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Faults } from '../lib/faults.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { faultsOf } from '../lib/invariants.js';
import { binary, Metachat } from '../lib/metachat.js';
import { errorFaults } from '../lib/probe.js';
import { quiet } from '../lib/rows.js';
import { fileScope, scratchFolder } from '../lib/scratch.js';
import { pause, waitFor } from '../lib/wait.js';

const all = process.env.SWEEP === 'all';
const seconds = Number(process.env.SWEEP_SECONDS ?? (all ? 300 : 60));
const seed = Number(process.env.SWEEP_SEED ?? Math.floor(Math.random() * 1e6));
const only = process.env.SWEEP_ONLY?.split('/');
const sample = 4; // numbers of each kind in a sample
const question = 'When does the shop open on Saturday?';
const page = '# Hours\n\nThe shop opens at nine on Saturday.\n';
const codes = {
  db: ['SQLITE_IOERR', 'SQLITE_FULL', 'SQLITE_BUSY', 'SQLITE_NOMEM'],
  file: ['EIO', 'ENOSPC', 'EMFILE'],
  'net-in': ['ECONNRESET', 'ENOBUFS'],
  'net-out': ['ECONNRESET', 'ENOBUFS'],
};

const scope = fileScope();
const faults = new Faults(scope);
let mc, shop, modelled, followed;

before(async () => {
  const model = await FakeOpenAI.start(scope, { answer: 'On Saturday at nine. [1: "The shop opens at nine on Saturday."]' });
  mc = await Metachat.start(scope, {
    env: {
      ...faults.env,
      METACHAT_DB_CHECK_PLANS: '0',
      METACHAT_OPENAI_BASE_URL: model.url,
      METACHAT_OPENAI_API_KEY: 'sk-fake',
      METACHAT_LLM_BACKOFF_MS: '1',
      METACHAT_BREAKER_FAILURES: '1000',
      METACHAT_JOB_BACKOFF_MS: '10',
      METACHAT_JOB_BACKOFF_MAX_MS: '200',
      METACHAT_JOB_MAX_ATTEMPTS: '100',
      METACHAT_JOB_LEASE_MS: '1000',
      METACHAT_REQUEST_TIMEOUT_MS: '3000',
      METACHAT_TURN_TIMEOUT_MS: '3000',
      METACHAT_TURN_RESERVE_MS: '1000',
      METACHAT_RATE_UPLOAD_PER_MIN: '1000000',
    },
  });
  for (const event of ['request', 'stream', 'job', 'job_claim', 'job_renew', 'cron', 'turn', 'hub']) mc.expectError(event);
  shop = await mc.tenant('Shop');
  modelled = await mc.tenant('Modelled');
  await modelled.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  followed = await mc.tenant('Followed');
  for (const api of [shop, modelled, followed]) assert.equal((await api.addDocument('hours.md', page)).status, 'ready');
  await quiet(mc);
});

/* --- what is done: act() under the fault gives answers, heal() afterwards must succeed --- */

const cut = { cut: true };

async function ask(api, method, path, body) {
  try {
    return await api.request(method, path, { body, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    if (error.name === 'AssertionError') throw error;
    return error.name === 'TimeoutError' ? { hung: true } : cut;
  }
}

const chatting = (whose) => ({
  prepare: () => ({ message: question, clientMessageId: randomUUID() }),
  act: async (body) => [await ask(whose(), 'POST', '/chat', body)],
  async heal(body) {
    const done = await waitFor('a turn', async () => {
      const answer = await whose().data('POST', '/chat', body);
      return answer.turnId && answer;
    }, { withinMs: 30_000 });
    assert.ok(done.reply, JSON.stringify(done));
  },
});

async function streamed(body) {
  const frames = [];
  try {
    for await (const frame of modelled.stream('POST', '/chat', { body, signal: AbortSignal.timeout(10_000) })) frames.push(frame.event);
  } catch (error) {
    if (error.name === 'TimeoutError') return { hung: true };
    if (error.name !== 'AssertionError') return cut;
    return ask(modelled, 'POST', '/chat', body); // it was no stream: what was it?
  }
  return ['done', 'error'].includes(frames.at(-1)) ? { status: 200 } : { unfinished: frames };
}

/* The worker has met the fault, or was done before. */
const settledOrMet = (api, id) =>
  waitFor('the document, or the fault', async () => {
    if (met()) return pause(30).then(() => true);
    const answer = await ask(api, 'GET', `/documents/${id}`);
    return ['ready', 'failed'].includes(answer.body?.data?.status);
  });

const scenarios = {
  chat: { on: ['db', 'file', 'net-in'], ...chatting(() => shop) },
  'chat with a model': { on: ['db', 'net-out'], ...chatting(() => modelled) },
  'streamed chat': { on: ['db', 'net-in', 'net-out'], ...chatting(() => modelled), act: async (body) => [await streamed(body)] },
  upload: {
    on: ['db', 'file', 'net-in'],
    prepare: () => ({ name: `${randomUUID()}.md`, text: `${page}\nNote ${randomUUID()}.\n` }),
    async act(body) {
      const answer = await ask(shop, 'POST', '/documents', body);
      if (answer.body?.data?.id) await settledOrMet(shop, answer.body.data.id);
      return [answer];
    },
    async heal(body) {
      const again = await shop.addDocument(body.name, body.text);
      assert.equal(again.status, 'ready', again.error);
    },
  },
  replace: {
    on: ['db', 'file'],
    prepare: async () => ({ id: (await shop.addDocument('page.md', page)).id, text: `${page}\nNew ${randomUUID()}.\n` }),
    async act({ id, text }) {
      const answer = await ask(shop, 'PUT', `/documents/${id}/content`, { name: 'page.md', text });
      if (answer.status < 300) await settledOrMet(shop, id);
      return [answer];
    },
    async heal({ id, text }) {
      assert.equal((await shop.documentSettled(id)).status, 'ready');
      await shop.data('PUT', `/documents/${id}/content`, { name: 'page.md', text });
      assert.equal((await shop.documentSettled(id)).status, 'ready');
      assert.equal((await shop.get(`/documents/${id}/content`)).text, text);
    },
  },
  delete: {
    on: ['db', 'file'],
    prepare: async () => ({ id: (await shop.addDocument('page.md', `${page}\n${randomUUID()}\n`)).id }),
    async act({ id }) {
      const answer = await ask(shop, 'DELETE', `/documents/${id}`);
      if (answer.status < 300) await waitFor('the purge, or the fault', () => met() || pause(60).then(() => true));
      return [answer];
    },
    async heal({ id }) {
      assert.match(String((await shop.delete(`/documents/${id}`)).status), /^(200|204|404)$/);
      assert.equal((await shop.get(`/documents/${id}`)).status, 404);
    },
  },
  'API keys': {
    on: ['db', 'file'],
    prepare: () => ({}),
    async act(done) {
      const made = await ask(shop, 'POST', '/api-keys', { name: 'sweep', scopes: 'search' });
      const key = (done.key = made.body?.data);
      if (!key) return [made];
      const used = await ask(shop.as(key.key ?? key.apiKey), 'POST', '/search', { query: question });
      return [made, used, await ask(shop, 'DELETE', `/api-keys/${key.id}`)];
    },
    async heal({ key }) {
      if (!key) return;
      assert.match(String((await shop.delete(`/api-keys/${key.id}`)).status), /^(200|204|404)$/);
      assert.equal((await shop.as(key.key ?? key.apiKey).post('/search', { query: question })).status, 401);
    },
  },
  'following events': {
    on: ['db', 'net-in'],
    prepare: async () => ({ since: (await followed.all('/events')).at(-1)?.seq ?? 0, message: { message: question, clientMessageId: randomUUID() } }),
    async act({ since, message }) {
      const stop = AbortSignal.timeout(500);
      const seen = follow(since, stop);
      const answer = await ask(followed, 'POST', '/chat', message);
      await Promise.race([seen, waitFor('the fault', met).catch(() => {})]);
      return [answer];
    },
    async heal({ since, message }) {
      await followed.data('POST', '/chat', message);
      assert.ok(await follow(since, AbortSignal.timeout(10_000)), 'the follower gets what it missed');
    },
  },
};

/* Whether an event came before the time. */
async function follow(since, signal) {
  try {
    for await (const frame of followed.stream('GET', `/events?since=${since}`, { signal })) if (frame.event) return true;
  } catch {
    // cut, refused or out of time
  }
  return false;
}

/* --- the sweep --- */

let armed;
const met = () => faults.fired(armed) > 0;

function arm(name, mode, n) {
  const forEver = mode === 'for ever';
  // Whom nobody accepts waits for ever, and rightly so.
  const ops = name === 'net-in' && forEver ? ['read', 'write'] : undefined;
  armed = name;
  faults.arm(name, { nth: n, forEver, ops, code: codes[name][n % codes[name].length] });
}

function illegal(answer, name) {
  if (answer.hung) return ['it hung'];
  if (answer.cut) return name === 'net-in' ? [] : ['the connection was cut'];
  if (answer.unfinished) return name === 'net-in' ? [] : [`the stream ended after ${answer.unfinished}`];
  if (answer.status < 500) return answer.status < 300 ? [] : [`status ${answer.status}: ${answer.text}`];
  return errorFaults(answer, [500, 502, 503, 504]);
}

/* Time for the cases of one class and mode; healing comes on top. */
const slice = (seconds * 1000) / (2 * Object.values(scenarios).reduce((n, s) => n + s.on.length, 0) + 12);

/* A number from the seed, so that a run can be repeated. */
let state = seed;
function random(below) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % below;
}

/* All numbers, in an order that is spread over them; or a few. */
function numbers(total) {
  if (only?.[3]) return [Number(only[3])];
  const list = Array.from({ length: total }, (_, i) => i + 1);
  for (let i = list.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return all ? list : list.slice(0, sample);
}

function descriptors() {
  const folder = `/proc/${mc.pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return !readlinkSync(join(folder, fd)).startsWith('socket:');
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

/* open gets what was begun, for heal(). */
async function sweep(title, { prepare, act }, name, mode, open) {
  const until = Date.now() + slice;
  const inPeace = async () => {
    const done = await prepare();
    open.push({ what: 'in peace', done });
    arm(name, 'once', 1e9);
    await act(done);
    faults.clear();
    return Math.max(1, faults.seen(name));
  };
  await inPeace(); // statements are prepared, connections made
  const total = await inPeace();
  const wrong = [];
  let fired = 0;
  let tried = 0;
  for (const n of numbers(total)) {
    if (Date.now() > until && tried) break;
    tried += 1;
    const what = `${title}/${name}/${mode}/${n}`;
    const done = await prepare();
    open.push({ what, done });
    arm(name, mode, n);
    const answers = await act(done);
    fired += met() ? 1 : 0;
    faults.clear();
    wrong.push(...answers.flatMap((answer) => illegal(answer, name)).map((w) => `${what}: ${w}`));
    assert.ok(mc.pid && (await ask(mc.api(), 'GET', '//health/live')).status === 200, `${what}: the process is gone\n${wrong.join('\n')}`);
  }
  assert.deepEqual(wrong, []);
  return { total, tried, fired };
}

for (const [title, scenario] of Object.entries(scenarios)) {
  if (only && only[0] !== title) continue;
  test(title, { timeout: 1_200_000 }, async (t) => {
    const opened = descriptors();
    const open = [];
    for (const name of scenario.on) {
      if (only && only[1] !== name) continue;
      for (const mode of ['once', 'for ever']) {
        if (only && only[2] !== mode) continue;
        const { total, tried, fired } = await sweep(title, scenario, name, mode, open);
        t.diagnostic(`${name}, ${mode}: ${total} calls, ${tried} cases, ${fired} met; SWEEP_SEED=${seed}`);
      }
    }
    for (const { what, done } of open) {
      await scenario.heal(done).catch((error) => {
        throw new Error(`${what} did not heal`, { cause: error });
      });
    }
    await quiet(mc, { withinMs: 60_000 });
    assert.deepEqual(await faultsOf(mc), []);
    assert.ok(descriptors() <= opened + 24, `${descriptors()} descriptors are open, ${opened} were`);
  });
}

/* --- commands and the start --- */

const env = () => ({ ...mc.env, METACHAT_DATA: undefined });

/* How a run of the program ended, or "serving" once it says so. */
function run(args, data, more = {}) {
  return new Promise((done) => {
    const child = spawn(binary, args, { env: { ...env(), METACHAT_DATA: data, METACHAT_LISTEN: '127.0.0.1:0', ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
    const tooLate = setTimeout(() => child.kill('SIGABRT'), 20_000);
    let text = '';
    let serving = false;
    child.stderr.setEncoding('utf8').on('data', (part) => {
      text += part;
      if (!serving && text.includes('"event":"serving"')) {
        serving = true;
        faults.clear();
        child.kill('SIGTERM');
      }
    });
    child.stdout.on('data', () => {});
    child.on('close', (code, signal) => {
      clearTimeout(tooLate);
      done({ code, signal, serving, text });
    });
  });
}

function badEnd({ code, signal, text, serving }) {
  const wrong = [];
  if (signal) wrong.push(`ended by ${signal}`);
  if (/Sanitizer|runtime error/.test(text)) wrong.push('the sanitizer complains');
  if (code !== 0 && !serving && !/^metachat: .+/m.test(text)) wrong.push(`ended with ${code} and no word why`);
  return wrong.length ? [`${wrong}: ${text.slice(-1500)}`] : [];
}

/* fresh() gives the folder in which it is tried; then it is tried again, in peace. */
async function sweepRuns(t, title, args, fresh) {
  for (const name of ['db', 'file']) {
    for (const mode of ['once', 'for ever']) {
      if (only && (only[1] !== name || only[2] !== mode)) continue;
      const until = Date.now() + slice;
      faults.arm(name, { nth: 1e9 });
      assert.deepEqual(badEnd(await run(args, fresh())), []);
      const total = faults.seen(name);
      faults.clear();
      let tried = 0;
      for (const n of numbers(total)) {
        if (Date.now() > until && tried) break;
        tried += 1;
        const data = fresh();
        arm(name, mode, n);
        const ended = await run(args, data);
        faults.clear();
        assert.deepEqual(badEnd(ended), [], `${title}/${name}/${mode}/${n}`);
        const again = await run(['serve', '--migrate'], data);
        assert.ok(again.serving && again.code === 0, `${title}/${name}/${mode}/${n}: ${again.code} ${again.text}`);
      }
      t.diagnostic(`${name}, ${mode}: ${total} calls, ${tried} cases; SWEEP_SEED=${seed}`);
    }
  }
}

for (const [title, args, made] of [
  ['a start', ['serve'], true],
  ['a first start', ['serve', '--migrate'], false],
  ['migrate up', ['migrate', 'up'], false],
]) {
  if (only && only[0] !== title) continue;
  test(title, { timeout: 1_200_000 }, async (t) => {
    const folder = await scratchFolder(t);
    const template = join(folder, 'template', 'data');
    mkdirSync(join(folder, 'template'));
    if (made) assert.equal((await run(['serve', '--migrate'], template)).code, 0);
    await sweepRuns(t, title, args, () => {
      const data = join(folder, 'now', 'data');
      rmSync(join(folder, 'now'), { recursive: true, force: true });
      mkdirSync(join(folder, 'now'));
      if (made) cpSync(template, data, { recursive: true });
      return data;
    });
  });
}
