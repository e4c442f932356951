/* What the operator of an installation sees and does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { assertError } from '../lib/api.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { binary, Metachat, ownEnvironment } from '../lib/metachat.js';
import { exchange, headFaults } from '../lib/probe.js';
import { fileScope, freePort, scratchFolder } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const operatorToken = 'operator-token-of-the-operations-test';
let mc, model, operator, shop;

before(async () => {
  model = await FakeOpenAI.start(scope, { answer: 'The lamp costs nine pounds. [1]' });
  mc = await Metachat.start(scope, { env: { METACHAT_OPERATOR_TOKEN: operatorToken, METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-test' } });
  operator = mc.api(operatorToken);
  shop = await mc.tenant('Operations');
  await shop.addDocument('prices.md', '# Prices\n\nThe lamp costs nine pounds.\n');
});

/** Runs the program with settings of its own only; gives {code, stdout, stderr}. */
function run(args, env = {}, cwd = tmpdir()) {
  return new Promise((done) => {
    const options = { env: { ...ownEnvironment(), ...env }, cwd, timeout: 30_000 };
    execFile(binary, args, options, (error, stdout, stderr) => done({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }));
  });
}

// shows: OBS-5, EVT-6
test('a stranger sees the overall state, the operator the parts', async () => {
  const stranger = await mc.api().get('//health');
  assert.equal(stranger.status, 200);
  assert.deepEqual(stranger.body, { status: 'ok' });
  assert.deepEqual((await shop.get('/health')).body, { status: 'ok' }, 'a tenant is a stranger here');
  const { body } = await operator.get('//health');
  for (const name of ['database', 'migrations', 'workers']) {
    assert.equal(body.parts.find((p) => p.name === name)?.ok, true, name);
  }
  for (const path of ['//health/live', '/health/live', '//health/ready', '/health/ready']) {
    const answer = await mc.api().get(path);
    assert.deepEqual([answer.status, answer.body], [200, { status: 'ok' }], path);
  }
  assert.deepEqual((await mc.api('wrong-token').get('//health')).body, { status: 'ok' });
});

// shows: OBS-4
test('metrics are the operator\'s, or those of a local peer without a proxy', async () => {
  const get = (headers) => exchange(mc.url, 'GET', '/metrics', { headers });
  assert.equal((await get({})).status, 200);
  assert.equal((await get({ authorization: `Bearer ${operatorToken}` })).status, 200);
  for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip', 'x-forwarded-proto', 'x-forwarded-host']) {
    const refused = await get({ [name]: '127.0.0.1' });
    assertError(refused, 401, 'UNAUTHORIZED');
    assert.deepEqual(headFaults(refused), []);
    assert.equal((await get({ [name]: '127.0.0.1', authorization: `Bearer ${operatorToken}` })).status, 200, name);
    assertError(await get({ [name]: '', authorization: `Bearer ${shop.key}` }), 401);
  }
});

// shows: OBS-4, RES-4
test('the metrics are Prometheus text, and the required ones are there', async () => {
  await shop.chat('What does the lamp cost?');
  const answer = await operator.get('//metrics');
  assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const figures = new Map();
  for (const line of answer.text.split('\n').filter((l) => l && !l.startsWith('#'))) {
    const m = /^([a-z_:][a-z0-9_:]*)(\{[^}]*\})? (-?[\d.e+-]+|NaN|[+-]Inf)$/i.exec(line);
    assert.ok(m, line);
    figures.set(m[1] + (m[2] ?? ''), Number(m[3]));
  }
  const names = [...figures.keys()];
  const wanted = [
    'chat_requests_total', 'chat_request_duration_seconds', 'rag_context_used', 'document_processing_duration_seconds',
    'conversations_active', 'messages_total', 'db_pool_size', 'db_pool_used', 'db_pool_waiting', 'lane_queue_length',
    'jobs_total', 'job_wait_seconds', 'rate_limited_total', 'http_requests_total', 'key_checks_total', 'breaker_open',
  ];
  const declared = answer.text.split('\n').filter((l) => l.startsWith('# TYPE ')).map((l) => l.split(' ')[2]);
  for (const name of wanted) assert.ok(declared.includes(name), name);
  for (const name of ['chat_requests_total', 'rag_context_used', 'messages_total', 'jobs_total', 'http_requests_total']) {
    assert.ok(names.some((n) => n.startsWith(name) && figures.get(n) > 0), `${name} counts`);
  }
  assert.doesNotMatch(answer.text, new RegExp(shop.tenantId));
});

// shows: OBS-1, ASST-10
test('one request id goes from the edge to the turn, the model and back', async () => {
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai' });
  const id = 'my-own.request_id-1';
  const answer = await shop.post('/chat', { message: 'What does the lamp cost?' }, { headers: { 'X-Request-Id': id } });
  assert.equal(answer.headers.get('x-request-id'), id);
  const { turnId, conversationId, messageId } = answer.body.data;
  const line = await waitFor('the line of the turn', () => mc.events('turn').find((l) => l.turnId === turnId));
  assert.deepEqual([line.requestId, line.tenantId, line.conversationId, line.messageId], [id, shop.tenantId, conversationId, messageId]);
  for (const name of ['ms', 'promptTokens', 'completionTokens']) assert.equal(typeof line[name], 'number', name);
  assert.doesNotMatch(JSON.stringify(line), /lamp|pounds/);
  assert.equal((await shop.data('GET', `/turns/${turnId}`)).requestId, id);
  assert.equal(model.requests.at(-1).headers['x-request-id'] ?? model.requests.at(-1).headers['x-client-request-id'], id);
  assert.ok(mc.events('request').some((l) => l.requestId === id && l.route === '/api/v1/chat'));
  await shop.data('PUT', '/tenant/assistant', { provider: 'extractive' });
});

// shows: OBS-1
test('a request id that could do harm is replaced, one that is missing is made', async () => {
  for (const given of [undefined, '', 'a b', 'x'.repeat(129), 'a"b', '../x', 'ä']) {
    const headers = given === undefined ? {} : { 'x-request-id': Buffer.from(given).toString('latin1') };
    const answer = await exchange(mc.url, 'GET', '/api/v1/tenant', { headers });
    const id = answer.headers.get('x-request-id');
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(assertError(answer, 401).requestId, id);
  }
});

// shows: RATE-2, RATE-7
test('every limited answer shows its budget, and 429 says when to come again', async (t) => {
  const env = { METACHAT_RATE_READ_PER_MIN: '4', METACHAT_RATE_WRITE_PER_MIN: '3', METACHAT_RATE_PUBLIC_PER_MIN: '5', METACHAT_RATE_AUTH_PER_MIN: '4', METACHAT_RATE_TENANT_FACTOR: '2' };
  const own = await Metachat.start(t, { env });
  const tenant = await own.tenant('Limits');
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await tenant.get('/tenant'));
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200, 429, 429]);
  assert.deepEqual(answers.slice(0, 4).map((a) => a.headers.get('x-ratelimit-remaining')), ['3', '2', '1', '0']);
  assert.equal(answers[0].headers.get('x-ratelimit-limit'), '4');
  assertError(answers[4], 429, 'RATE_LIMITED');
  assert.ok(Number(answers[4].headers.get('retry-after')) >= 1);
  assert.match(answers[4].headers.get('ratelimit'), /"read";r=0/);
  assert.equal((await tenant.patch('/tenant', { name: 'Still writes' })).status, 200, 'each class has its own');
  const second = tenant.as(await own.apiKey(tenant.tenantId));
  const third = tenant.as(await own.apiKey(tenant.tenantId));
  const shared = [];
  for (let n = 0; n < 6; n++) shared.push((await (n % 2 ? second : third).get('/tenant')).status);
  assert.ok(shared.includes(200) && shared.includes(429), `two keys share the tenant's budget: ${shared}`);
  assert.equal((await (await own.tenant('Another')).get('/tenant')).status, 200);
  const open = [];
  for (let n = 0; n < 7; n++) open.push((await own.api().get('/openapi.json')).status);
  assert.deepEqual(open, [200, 200, 200, 200, 200, 429, 429]);
  const wrong = [];
  for (let n = 0; n < 6; n++) wrong.push((await own.api(`mc_live_wrong${n}`).get('/tenant')).status);
  assert.deepEqual(wrong, [401, 401, 401, 401, 429, 429]);
  assert.equal((await own.api().get('//health')).status, 200, 'probes are never limited');
});

// shows: CONF-2
test('settings that are wrong are all named at once, with exit code 3', async (t) => {
  const env = { METACHAT_LISTEN: 'x', METACHAT_API_THREADS: '0', METACHAT_LOG_LEVEL: 'loud', METACHAT_HTTP_MAX_HEAD: '12k', METACHAT_SEARCH_MIN_COVERAGE: '2' };
  for (const command of [['config', 'check'], ['serve']]) {
    const { code, stderr } = await run(command, env);
    assert.equal(code, 3, stderr);
    for (const name of Object.keys(env)) assert.match(stderr, new RegExp(name), `${command}: ${name}`);
  }
  assert.equal((await run(['config', 'check'])).code, 0);
  const folder = await scratchFolder(t);
  await writeFile(join(folder, 'metachat.env'), 'METACHAT_NO_SUCH_SETTING=1\nno setting at all\nMETACHAT_API_QUEUE=0\n');
  const { code, stderr } = await run(['config', 'check'], {}, folder);
  assert.equal(code, 3);
  for (const form of [/metachat\.env:1:.*METACHAT_NO_SUCH_SETTING/, /metachat\.env:2:/, /METACHAT_API_QUEUE/]) assert.match(stderr, form);
});

// shows: CONF-10
test('config print shows what holds and where from, and no secret', async (t) => {
  const folder = await scratchFolder(t);
  await writeFile(join(folder, 'metachat.env'), 'METACHAT_API_THREADS=7\nMETACHAT_OPENAI_API_KEY=sk-from-the-file\n');
  const { code, stdout } = await run(['config', 'print'], { METACHAT_OPERATOR_TOKEN: 'a-secret-from-outside-1234567890' }, folder);
  assert.equal(code, 0);
  assert.match(stdout, /METACHAT_API_THREADS\b.*7/);
  assert.doesNotMatch(stdout, /sk-from-the-file|a-secret-from-outside/);
});

// shows: AUTH-7
test('production wants what it needs', async () => {
  const { code, stderr } = await run(['config', 'check'], { METACHAT_ENV: 'production', METACHAT_OPERATOR_TOKEN: 'changeme' });
  assert.equal(code, 3);
  assert.match(stderr, /METACHAT_OPERATOR_TOKEN/);
  assert.doesNotMatch(stderr, /changeme/);
});

test('wrong words are exit code 2, with a sentence', async () => {
  for (const args of [[], ['nonsense'], ['serve', '--nonsense'], ['serve', 'word'], ['migrate'], ['migrate', 'down'], ['migrate', 'down', 'x'], ['tenant', 'create'], ['apikey', 'create'], ['apikey', 'create', '--tenant', 'x'], ['replay'], ['document', 'add', '--tenant']]) {
    const { code, stderr, stdout } = await mc.run(...args);
    assert.equal(code, 2, `${args}: ${stderr}${stdout}`);
    assert.ok(stderr.length > 10, args.join(' '));
  }
});

test('every command explains itself', async () => {
  const { code, stdout } = await run(['--help']);
  assert.equal(code, 0);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}\S/gm)].map((m) => m[1]);
  assert.ok(commands.length >= 15, commands.join());
  for (const command of commands) {
    const help = await run([...command.split(' '), '--help']);
    assert.equal(help.code, 0, command);
    assert.match(help.stdout, new RegExp(`^usage: metachat ${command}`), command);
    assert.equal(help.stderr, '', command);
  }
  assert.match((await run(['version'])).stdout, /\d+\.\d+/);
  assert.equal((await run(['--version'])).code, 0);
});

test('commands name what is not there', async () => {
  const nobody = '01900000-0000-7000-8000-000000000000';
  for (const args of [['apikey', 'create', '--tenant', nobody], ['replay', nobody], ['apikey', 'create', '--tenant', shop.tenantId, '--scopes', 'nonsense']]) {
    const { code, stderr } = await mc.run(...args);
    assert.equal(code, 1, `${args}: ${stderr}`);
    assert.match(stderr, /^metachat: /);
  }
  const { stdout } = await mc.run('tenant', 'list');
  assert.match(stdout, new RegExp(shop.tenantId));
});

test('tenant widget tells what to put into a page, and sets whose page', async () => {
  const fresh = await mc.run('tenant', 'widget', shop.tenantId);
  assert.equal(fresh.code, 0, fresh.stderr);
  assert.match(fresh.stdout, /no page may show it/);
  const set = await mc.runJson('tenant', 'widget', shop.tenantId, '--origins', 'https://shop.example http://localhost:*');
  assert.deepEqual(set.origins, ['https://shop.example', 'http://localhost:*']);
  assert.equal(set.snippet, `<script src="${mc.url}/widget.js" data-key="${set.widgetKey}" async></script>`);
  assert.ok(fresh.stdout.includes(set.snippet));
  const { code, stderr } = await mc.run('tenant', 'widget', shop.tenantId, '--origins', 'shop.example');
  assert.equal(code, 1);
  assert.match(stderr, /https:\/\/shop\.example/);
  assert.equal((await mc.run('tenant', 'widget', '01900000-0000-7000-8000-000000000000')).code, 1);
});

test('a second server on the same data is refused with exit code 5', async () => {
  const port = await freePort();
  const { code, stderr } = await run(['serve'], { ...mc.env, METACHAT_LISTEN: `127.0.0.1:${port}` });
  assert.equal(code, 5, stderr);
  assert.match(stderr, /in use|another metachat/);
  const migrate = await mc.run('migrate', 'up');
  assert.equal(migrate.code, 5, migrate.stderr);
});

test('a port that is taken is told', async (t) => {
  const folder = await scratchFolder(t);
  const { code, stderr } = await run(['serve', '--migrate'], { METACHAT_DATA: join(folder, 'data'), METACHAT_LISTEN: `127.0.0.1:${mc.port}` });
  assert.equal(code, 5, stderr);
  assert.match(stderr, new RegExp(String(mc.port)));
});

// shows: DB-17, TEST-8
test('migrations: pending is refused with exit code 4; up, status and down', async (t) => {
  const folder = await scratchFolder(t);
  const env = { METACHAT_DATA: join(folder, 'data'), METACHAT_LISTEN: `127.0.0.1:${await freePort()}` };
  const pending = await run(['serve'], env);
  assert.equal(pending.code, 4, pending.stderr);
  assert.match(pending.stderr, /metachat migrate up/);
  const before = await run(['migrate', 'status'], env);
  assert.equal(before.code, 4);
  assert.match(before.stdout, /pending/);
  const up = await run(['migrate', 'up'], env);
  assert.equal(up.code, 0, up.stderr);
  const status = await run(['migrate', 'status'], env);
  assert.equal(status.code, 0, status.stdout);
  assert.match(status.stdout, /0 pending.*\nno drift/);
  const down = await run(['migrate', 'down', '1'], env);
  assert.equal(down.code, 0, down.stderr);
  assert.equal((await run(['migrate', 'status'], env)).code, 4);
  assert.equal((await run(['migrate', 'down', '99'], env)).code, 0);
  assert.equal((await run(['migrate', 'up'], env)).code, 0);
  assert.equal((await run(['migrate', 'status'], env)).code, 0);
});

test('a database without its keys refuses to start', async (t) => {
  const own = await Metachat.start(t);
  await own.tenant('Keyless');
  await own.stop();
  const keys = join(own.data, 'keys');
  const kept = await readFile(keys).catch(() => null);
  await rm(keys, { recursive: true });
  const { code, stderr } = await own.run('serve');
  assert.equal(code, 1, stderr);
  assert.match(stderr, /key/);
  if (kept) {
    await writeFile(keys, kept, { mode: 0o600 });
    await own.start();
  }
});

// shows: RES-10
test('a stop finishes the turn that runs, and tells that it is not ready', async (t) => {
  const own = await Metachat.start(t, { env: { METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-test' } });
  const tenant = await own.tenant('Drain');
  await tenant.addDocument('prices.md', '# Prices\n\nThe lamp costs nine pounds.\n');
  await tenant.data('PUT', '/tenant/assistant', { provider: 'openai' });
  const asked = model.requests.length;
  model.next({ delayMs: 1000 }, { delayMs: 1000 });
  const running = tenant.post('/chat', { message: 'What does the lamp cost?', clientMessageId: 'drain' });
  const streaming = tenant.chatStreamed('What does the lamp cost, please?');
  await waitFor('the model to be asked', () => model.requests.length >= asked + 2);
  const stopped = own.stop();
  await waitFor('the stop to begin', () => own.log.some((line) => line.event === 'stopping'));
  const later = await Promise.race([own.api().get('//health/ready').catch(() => null), stopped.then(() => null)]);
  if (later) assert.equal(later.status, 503, later.text);
  const answer = await running;
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.body.data.reply, /nine pounds/);
  assert.match((await streaming).done.reply, /nine pounds/);
  assert.deepEqual(await stopped, { code: 0, signal: null });

  await own.start();
  const again = await tenant.chat('What does the lamp cost?', { clientMessageId: 'drain' });
  assert.equal(again.turnId, answer.body.data.turnId);
  assert.equal((await tenant.all('/documents')).length, 1);
  assert.equal((await tenant.all(`/conversations/${again.conversationId}/messages`)).length, 2);
});

// shows: RES-10
test('a stop ends streams that only follow', async (t) => {
  const own = await Metachat.start(t);
  const tenant = await own.tenant('Followers');
  await tenant.chat('Hello');
  let frames = 0;
  const following = (async () => {
    for await (const frame of tenant.stream('GET', '/events?since=0')) frames += Boolean(frame.id);
  })();
  await waitFor('the first events', () => frames >= 3);
  const begun = Date.now();
  assert.deepEqual(await own.stop(), { code: 0, signal: null });
  await following.catch(() => {});
  assert.ok(Date.now() - begun < 5000, 'at once');
});

test('demo --json prints one line, and the second start finds it all', async (t) => {
  const own = await Metachat.start(t, { args: ['demo', '--json'] });
  const first = await waitFor('the line', () => own.output.includes('\n') && JSON.parse(own.output));
  for (const name of ['url', 'tenantId', 'apiKey', 'widgetKey', 'demoUrl']) assert.equal(typeof first[name], 'string', name);
  const api = own.api(first.apiKey);
  const { conversationId } = await api.chat('When does the shop open on Saturday?');
  const documents = (await api.all('/documents')).map((d) => d.id);
  assert.ok(documents.length >= 12);
  await own.stop();
  own.output = '';
  await own.start(['demo', '--json']);
  const second = await waitFor('the line', () => own.output.includes('\n') && JSON.parse(own.output));
  assert.deepEqual(second, first);
  assert.deepEqual((await api.all('/documents')).map((d) => d.id), documents);
  assert.equal((await api.all(`/conversations/${conversationId}/messages`)).length, 2);
});

// shows: API-1
test('old addresses without a version answer with their end announced', async () => {
  const answer = await exchange(mc.url, 'GET', '/api/tenant', { headers: { authorization: `Bearer ${shop.key}` } });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('deprecation'), /^@\d+$/);
  assert.ok(Date.parse(answer.headers.get('sunset')) > 0);
  assert.match(answer.headers.get('link'), /<\/api\/v1\/tenant>; rel="successor-version"/);
});

test('pages of the binary are cached by their tag', async () => {
  const first = await exchange(mc.url, 'GET', '/docs/main.js');
  assert.equal(first.status, 200);
  const tag = first.headers.get('etag');
  assert.ok(tag);
  const again = await exchange(mc.url, 'GET', '/docs/main.js', { headers: { 'if-none-match': tag } });
  assert.deepEqual([again.status, again.text], [304, '']);
  assert.equal((await exchange(mc.url, 'GET', '/demo')).status, 404, 'the demo page is there only under metachat demo');
});
