/* Who is let in when much comes: lanes, limits by address behind proxies, streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError } from '../lib/api.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { errorFaults, exchange } from '../lib/probe.js';
import { waitFor } from '../lib/wait.js';

const probes = ['/health', '/health/live', '/health/ready', '/metrics', '/docs'];

async function slowShop(t, env = {}) {
  const model = await FakeOpenAI.start(t, { silent: true });
  const mc = await Metachat.start(t, { env: { METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-test', ...env } });
  const shop = await mc.tenant('Slow');
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai' });
  return { model, mc, shop };
}

// shows: RES-2
test('while every turn waits for its model, more are refused at once and everything else is served', async (t) => {
  const { model, mc, shop } = await slowShop(t, { METACHAT_TURN_THREADS: '3', METACHAT_TURN_QUEUE: '2', METACHAT_LLM_STALL_TIMEOUT_MS: '60000' });
  const running = [];
  for (let n = 0; n < 3; n++) running.push(shop.post('/chat', { message: `Question ${n}?` }));
  await waitFor('the three turns at the model', () => model.requests.length === 3);
  for (let n = 3; n < 5; n++) running.push(shop.post('/chat', { message: `Question ${n}?` }));
  const queued = async () => /lane_queue_length\{lane="turn"\} 2\n/.test((await mc.api().get('//metrics')).text);
  await waitFor('two more in the queue', queued);
  for (let n = 0; n < 20; n++) {
    const began = performance.now();
    const refused = await exchange(mc.url, 'POST', '/api/v1/chat', {
      headers: { authorization: `Bearer ${shop.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'One more?' }),
    });
    assert.deepEqual(errorFaults(refused, 503, 'OVERLOADED'), []);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    assert.ok(performance.now() - began < 1000, 'refused at once');
  }
  for (const path of probes) assert.equal((await mc.api().get(`/${path}`)).status, 200, path);
  assert.equal((await shop.get('/tenant')).status, 200, 'the other lanes go on');
  model.always({ answer: 'Yes.' });
  model.clear();
  await model.stop();
  await model.restart();
  for (const answer of await Promise.all(running)) assert.equal(answer.status, 200);
  assert.equal((await shop.post('/chat', { message: 'And now?' })).status, 200);
  assert.equal(mc.events('request').filter((l) => l.code === 'OVERLOADED' && l.level === 'warn').length, 20);
});

// shows: RES-2, OBS-5
test('every lane full at once: refusals with 503, and health answers throughout', async (t) => {
  const env = { METACHAT_RATE_PUBLIC_PER_MIN: '1000000' };
  for (const lane of ['API', 'TURN', 'UPLOAD']) Object.assign(env, { [`METACHAT_${lane}_THREADS`]: '1', [`METACHAT_${lane}_QUEUE`]: '1' });
  const mc = await Metachat.start(t, { env });
  const shop = await mc.tenant('Flood');
  const refusals = { api: 0, turn: 0, upload: 0 };
  let over = false;
  const flood = async (lane, call) => {
    while (!over) {
      const answer = await call();
      if (answer.status !== 503) continue;
      assertError(answer, 503, 'OVERLOADED');
      assert.ok(Number(answer.headers.get('retry-after')) >= 1);
      refusals[lane] += 1;
    }
  };
  const page = Buffer.from('# Hours\n\nWe open at nine.\n');
  const floods = Array.from({ length: 8 }, () => [
    flood('api', () => shop.get('/conversations')),
    flood('turn', () => shop.post('/chat', { message: 'When do you open?' })),
    flood('upload', () => shop.upload('hours.md', page, 'text/markdown')),
  ]).flat();
  await waitFor('each lane to refuse', async () => {
    for (const path of probes) assert.equal((await exchange(mc.url, 'GET', path)).status, 200, path);
    return Object.values(refusals).every((n) => n >= 3);
  });
  over = true;
  await Promise.all(floods);
  assert.equal((await shop.get('/conversations')).status, 200);
  assert.equal((await shop.post('/chat', { message: 'When do you open?' })).status, 200);
  assert.equal((await shop.upload('more.md', page, 'text/markdown')).status, 201);
});

const proxied = { METACHAT_TRUSTED_PROXIES: '127.0.0.1, fd00::/8', METACHAT_RATE_PUBLIC_PER_MIN: '20', METACHAT_RATE_AUTH_PER_MIN: '20' };
const openRow = '/api/v1/openapi.json';
const from = (mc, address, path = openRow, headers = {}) => exchange(mc.url, 'GET', path, { headers: { 'x-forwarded-for': address, ...headers } });

async function allowed(count, call) {
  let n = 0;
  for (let i = 0; i < count; i++) n += (await call(i)).status === 429 ? 0 : 1;
  return n;
}

/* A budget of twenty a minute, and what grew back while we asked. */
async function limited(count, call, why) {
  const began = performance.now();
  const n = await allowed(count, call);
  const most = 20 + Math.ceil((performance.now() - began) / 3000);
  assert.ok(n >= 20 && n <= most, `${why ?? 'limited'}: ${n} of ${count}`);
}

// shows: RATE-4
test('a forwarded address counts from a listed proxy, and from nobody else', async (t) => {
  const open = await Metachat.start(t, { env: { ...proxied, METACHAT_TRUSTED_PROXIES: '' } });
  await limited(40, (i) => from(open, `203.0.113.${i}`), 'a made-up address buys nothing');
  const mc = await Metachat.start(t, { env: proxied });
  assert.equal(await allowed(40, (i) => from(mc, `203.0.113.${i}`)), 40, 'each client has its own budget');
  await limited(40, (i) => from(mc, `${i}.1.1.1, 203.0.113.77`), 'what the client wrote before it counts for nothing');
  assert.equal(await allowed(40, (i) => from(mc, `198.51.100.${i}, fd00::7`)), 40, 'a chain of listed proxies');
  await limited(40, (i) => from(mc, '198.51.100.200', openRow, { forwarded: `for=192.0.2.${i}` }), 'the other header is not looked at');
  await limited(40, () => exchange(mc.url, 'GET', openRow), 'the proxy itself has one budget');
  assert.equal((await from(mc, 'nonsense')).status, 429, 'what cannot be read is the proxy');
  assertError(await from(mc, '127.0.0.1', '/metrics'), 401);
  assertError(await exchange(mc.url, 'GET', '/metrics'), 401);
});

// shows: RATE-4
test('Forwarded counts instead, by a setting', async (t) => {
  const mc = await Metachat.start(t, { env: { ...proxied, METACHAT_FORWARDED_HEADER: 'Forwarded' } });
  const by = (value) => exchange(mc.url, 'GET', openRow, { headers: { forwarded: value, 'x-forwarded-for': '203.0.113.1' } });
  assert.equal(await allowed(40, (i) => by(`for="[2001:db8:${i}::1]:443";proto=https`)), 40);
  await limited(40, (i) => by(`for=1.1.1.${i}, for=203.0.113.9`));
});

// shows: RATE-3
test('a thousand addresses of one IPv6 network are one client, mapped IPv4 is IPv4', async (t) => {
  const mc = await Metachat.start(t, { env: proxied });
  await limited(1000, (i) => from(mc, `2001:db8:1:2:${i.toString(16)}::${i.toString(16)}`));
  assert.equal((await from(mc, '2001:db8:1:3::1')).status, 200, 'the next network is another');
  await limited(40, (i) => from(mc, i % 2 ? '::ffff:203.0.113.5' : '203.0.113.5'));
});

// shows: RATE-2
test('keys are limited by who they are, whatever address they come from', async (t) => {
  const mc = await Metachat.start(t, { env: { ...proxied, METACHAT_RATE_READ_PER_MIN: '20', METACHAT_RATE_TENANT_FACTOR: '100' } });
  const shop = await mc.tenant('Keys');
  const other = await mc.apiKey(shop.tenantId);
  const call = (key, address) => from(mc, address, '/api/v1/tenant', { authorization: `Bearer ${key}` });
  await limited(40, (i) => call(shop.key, `203.0.113.${i}`), 'one key over many addresses');
  assert.equal(await allowed(20, () => call(other, '203.0.113.1')), 20, 'two keys behind one address are two');
  const refused = await call(other, '203.0.113.1');
  assertError(refused, 429, 'RATE_LIMITED');
  for (const name of ['retry-after', 'ratelimit', 'ratelimit-policy', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']) {
    assert.ok(refused.headers.get(name), name);
  }
  await limited(40, (i) => call(`mc_live_wrong${i}`, '198.51.100.9'), 'guesses are counted by address');
  assertError(await call('mc_live_wrong', '198.51.100.10'), 401);
  await waitFor('the log to say who guesses', () => mc.events('request').some((l) => l.code === 'INVALID_TOKEN' && l.address === '198.51.100.10'));
});

test('a list of proxies that cannot be read stops the start, with a sentence', async (t) => {
  const mc = await Metachat.start(t);
  await mc.stop();
  for (const [name, value] of [['METACHAT_TRUSTED_PROXIES', '10.0.0.0/40'], ['METACHAT_FORWARDED_HEADER', 'X-Real-IP']]) {
    mc.env[name] = value;
    const { code, stderr } = await mc.run('serve');
    assert.equal(code, 3);
    assert.match(stderr, new RegExp(name));
    delete mc.env[name];
  }
});

const follow = (api, signal) => api.fetch('GET', '/events', { headers: { accept: 'text/event-stream' }, signal });

// shows: RT-7
test('open streams are bounded for each tenant and in all, and places come back', async (t) => {
  const { mc, shop, model } = await slowShop(t, { METACHAT_STREAMS_MAX: '4', METACHAT_STREAMS_PER_TENANT: '3' });
  const other = await mc.tenant('Other');
  const ends = Array.from({ length: 4 }, () => new AbortController());
  const open = [await follow(shop, ends[0].signal), await follow(shop, ends[1].signal)];
  const chat = shop.fetch('POST', '/chat', { body: { message: 'Slow?' }, headers: { accept: 'text/event-stream' }, signal: ends[2].signal });
  await waitFor('the streamed turn', () => model.requests.length === 1);
  assertError(await answer(await follow(shop)), 429, 'TOO_MANY_STREAMS');
  const before = (await shop.data('GET', '/conversations')).length;
  const refused = await answer(await shop.fetch('POST', '/chat', { body: { message: 'One more?' }, headers: { accept: 'text/event-stream' } }));
  assertError(refused, 429, 'TOO_MANY_STREAMS');
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.equal((await shop.data('GET', '/conversations')).length, before, 'what is refused is not stored');
  open.push(await follow(other, ends[3].signal));
  assert.deepEqual(open.map((r) => r.status), [200, 200, 200]);
  const full = await answer(await follow(other));
  assertError(full, 503, 'OVERLOADED');
  assert.ok(Number(full.headers.get('retry-after')) >= 1);
  const metrics = (await mc.api().get('//metrics')).text;
  assert.match(metrics, /streams_refused_total\{limit="tenant"\} 2\n/);
  assert.match(metrics, /streams_refused_total\{limit="all"\} 1\n/);
  assert.match(metrics, /streams_open 4\n/);
  for (const end of ends) end.abort();
  await chat.catch(() => {});
  model.always({ answer: 'Yes.' });
  await model.stop();
  await model.restart();
  for (const api of [shop, shop, shop, other]) {
    const again = new AbortController();
    t.after(() => again.abort());
    await waitFor('a place that came back', async () => {
      const response = await follow(api, again.signal);
      if (response.status === 200) return true;
      await response.text();
      return false;
    });
  }
});

async function answer(response) {
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}
