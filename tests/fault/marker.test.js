/* Behind every route the database, the disk, then whatever is outside fails with words that nobody
 * outside may read. Every answer is a legal one, without these words; the log has them; the process
 * lives, and when the fault is over all is well. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Faults } from '../lib/faults.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { bodyOf, errorFaults, exchange, fill, furnish, headFaults, routeTable, Verdict } from '../lib/probe.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const operatorToken = 'operator-token-of-the-marker-test';
const words = 'wombat in the engine room';
const faults = new Faults(scope, { marker: words });
const legal = ['DATABASE_ERROR', 'INTERNAL_ERROR', 'EXTERNAL_SERVICE_ERROR', 'RERUN', 'DEADLINE_EXCEEDED'];
let mc, rows, shop, things, secrets;

before(async () => {
  const model = await FakeOpenAI.start(scope);
  mc = await Metachat.start(scope, {
    env: {
      ...faults.env,
      METACHAT_OPERATOR_TOKEN: operatorToken,
      METACHAT_OPENAI_BASE_URL: model.url,
      METACHAT_OPENAI_API_KEY: 'sk-secret-of-the-marker-test',
      METACHAT_LLM_BACKOFF_MS: '1',
      METACHAT_JOB_BACKOFF_MS: '50',
      METACHAT_JOB_BACKOFF_MAX_MS: '200',
      METACHAT_JOB_MAX_ATTEMPTS: '100',
      METACHAT_API_KEY_CACHE_S: '3600', // so that a known key comes past the door, to the handler
      METACHAT_REQUEST_TIMEOUT_MS: '5000',
      METACHAT_TURN_TIMEOUT_MS: '5000',
    },
  });
  for (const event of ['request', 'job', 'job_claim', 'job_renew', 'cron', 'stream']) mc.expectError(event);
  rows = await routeTable(mc);
  shop = await mc.tenant('Shop');
  things = await furnish(shop, 'kettle');
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  await quiet(mc);
  // What no answer may hold: the words of the fault, where the data lies, where the model is.
  secrets = [words, 'wombat', mc.data, mc.folder, new URL(model.url).host, 'sk-secret', 'SQLITE', 'errno', 'I/O error'];
});

const stream = { accept: 'text/event-stream' };
const variants = (row) => (/\/(chat|events)$/.test(row.path) ? [{}, stream] : [{}]);
const destroys = (row) => row.method === 'DELETE' || row.path.endsWith('/suspend');

/* A stream of events has no end: what came of it in a moment. */
async function followed(path) {
  const stop = new AbortController();
  const answer = await shop.fetch('GET', path.replace('/api/v1', ''), { headers: stream, signal: stop.signal });
  let text = '';
  const enough = setTimeout(() => stop.abort(), 300);
  try {
    for await (const part of answer.body) text += Buffer.from(part).toString();
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  clearTimeout(enough);
  return { status: answer.status, headers: answer.headers, text };
}

async function call(row, more) {
  const body = row.method === 'GET' || row.method === 'DELETE' ? undefined : JSON.stringify(bodyOf(row) ?? {});
  if (row.path === '/api/v1/events' && more.accept) return followed(row.path);
  const token = row.who === 'public' ? null : row.who === 'platform' ? operatorToken : shop.key;
  return exchange(mc.url, row.method, fill(row.path, things), {
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}),
      ...more,
    },
    body,
  });
}

function faultsIn(answer) {
  const all = JSON.stringify([...answer.headers]) + answer.text;
  const found = secrets.filter((secret) => all.includes(secret)).map((secret) => `says ${secret}: ${answer.text.slice(0, 200)}`);
  if (answer.status < 500) return [...found, ...headFaults(answer)];
  const health = answer.status === 503 && answer.body?.status === 'down';
  return health ? found : [...found, ...errorFaults(answer, [500, 502, 503, 504], legal)];
}

/** Every row while this fails for ever; how many answers were refusals of ours. */
async function behindEveryRoute(name, order, among = rows) {
  const verdict = new Verdict();
  const refused = [];
  for (const row of among) {
    for (const more of variants(row)) {
      faults.arm(name, { ...order, forEver: true });
      const answer = await call(row, more);
      const fired = faults.fired(name);
      faults.clear();
      const wrong = faultsIn(answer);
      if (answer.status >= 500 && !answer.body?.status) refused.push({ row, answer });
      const follows = row.path === '/api/v1/events' && more.accept; // and goes on when it can
      if (fired && name === 'db' && !order.filter && answer.status < 500 && row.who !== 'public' && !follows) wrong.push(`${answer.status} although the database failed`);
      verdict.add(`${row.name} ${more.accept ?? ''}`, wrong);
    }
  }
  verdict.done();
  return refused;
}

/** The log has a line for each of these answers, and the line says why. */
async function assertLogged(refused, why) {
  for (const { row, answer } of refused) {
    const id = answer.body.error.requestId;
    const line = await waitFor(`the log of ${row.name}`, () => mc.log.find((l) => l.requestId === id && l.detail));
    assert.match(line.detail, why, row.name);
  }
}

async function assertWell() {
  const fresh = await mc.tenant('Fresh');
  assert.equal((await fresh.addDocument('a.md', '# Hours\n\nThe shop opens at nine on Saturday.\n')).status, 'ready');
  assert.equal((await fresh.chat('When does the shop open on Saturday?')).action, 'answer');
  assert.equal((await shop.get(`/documents/${things.document}/content`)).status, 200);
  assert.equal((await mc.api().get('/health')).status, 200);
}

// shows: API-4, RES-5
test('the database fails', { timeout: 120_000 }, async () => {
  const refused = await behindEveryRoute('db', {});
  assert.ok(refused.length > rows.filter((row) => row.who !== 'public').length / 2, `${refused.length} rows need the database`);
  await assertLogged(refused, new RegExp(words));
  await assertWell();
});

// shows: API-4, RES-5
test('only commits fail', { timeout: 120_000 }, async () => {
  const refused = await behindEveryRoute('db', { filter: 'COMMIT' });
  assert.ok(refused.length > 5, `${refused.length} rows write`);
  await assertLogged(refused, new RegExp(words));
  await assertWell();
});

// shows: API-4, RES-5, RES-6
test('the disk fails', { timeout: 120_000 }, async () => {
  const refused = await behindEveryRoute('file', { code: 'EIO' });
  assert.ok(refused.length > 5, `${refused.length} rows need the disk`);
  await assertWell();
});

// shows: API-4, RES-5
test('the outside cannot be reached', { timeout: 120_000 }, async () => {
  await behindEveryRoute('net-out', {}, rows.filter((row) => !destroys(row)));
  await assertWell();
});

test('an unknown key while the database fails is no 401', async () => {
  const key = await mc.apiKey(shop.tenantId);
  faults.arm('db', { forEver: true });
  const answer = await mc.api(key).get('/tenant');
  faults.clear();
  assert.deepEqual(errorFaults(answer, 503, 'DATABASE_ERROR'), []);
  assert.equal((await mc.api(key).get('/tenant')).status, 200);
});
