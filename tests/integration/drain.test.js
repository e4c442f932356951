/* A stop under load: readiness says so first, everything is served meanwhile, then the doors close; what was
 * acknowledged is there afterwards. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { Metachat } from '../lib/metachat.js';
import { waitFor } from '../lib/wait.js';

/* One request on a connection of its own: {status, body, sent}; error when there was no answer. */
function once(mc, method, path, { key, body } = {}) {
  const text = body && JSON.stringify(body);
  return new Promise((done) => {
    const headers = {
      ...(key ? { Authorization: `Bearer ${key}` } : {}),
      ...(text ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) } : {}),
    };
    const request = http.request({ host: '127.0.0.1', port: mc.port, path, method, headers, agent: false }, (response) => {
      let got = '';
      response.setEncoding('utf8').on('data', (part) => (got += part));
      response.on('end', () => done({ status: response.statusCode, text: got, headers: response.headers }));
      response.on('error', (error) => done({ error }));
    });
    request.on('error', (error) => done({ error }));
    request.end(text);
  });
}

const delayMs = 1500;
const stopping = (mc) => mc.events('stopping').length > 0;

for (const loops of ['1', '3']) {
  // shows: RES-10
  test(`a stop under load refuses nobody before its time and loses nothing (${loops} loops)`, async (t) => {
    const mc = await Metachat.start(t, { env: { METACHAT_DRAIN_DELAY_MS: String(delayMs), METACHAT_HTTP_LOOPS: loops } });
    const shop = await mc.tenant('Drain');
    const acknowledged = [];
    const refused = [];
    let over = false;
    let afterAnnounced = 0;

    const client = async (name) => {
      for (let i = 0; !over; i++) {
        const externalId = `${name}-${i}`;
        const announced = mc.events('stop_announced').length > 0;
        const { status, error } = await once(mc, 'POST', '/api/v1/conversations', {
          key: shop.key,
          body: { channelType: 'webchat', externalId },
        });
        if (status === 201) {
          acknowledged.push(externalId);
          afterAnnounced += announced;
        } else {
          refused.push({ at: Date.now(), externalId, status, error });
          break;
        }
      }
    };
    const clients = Array.from({ length: 8 }, (_, i) => client(`c${i}`));
    await waitFor('some requests', () => acknowledged.length > 20);
    process.kill(mc.pid, 'SIGTERM');
    await waitFor('readiness to say so', async () => (await once(mc, 'GET', '/health/ready')).status === 503);
    assert.equal((await once(mc, 'GET', '/health/live')).status, 200);
    assert.equal(stopping(mc), false, 'the doors are still open');
    const { code } = await mc.ended();
    over = true;
    await Promise.all(clients);
    assert.equal(code, 0);
    const doorsClosed = Date.parse(mc.events('stop_announced')[0].time) + delayMs - 20;
    assert.ok(doorsClosed > 0);
    assert.deepEqual(refused.filter(({ at }) => at < doorsClosed), []);
    assert.ok(afterAnnounced > 0, 'requests are served between the announcement and the stop');

    mc.env.METACHAT_DRAIN_DELAY_MS = '0';
    await mc.start();
    const kept = new Set((await shop.all('/conversations')).map((c) => c.externalId));
    assert.deepEqual(acknowledged.filter((id) => !kept.has(id)), []);
  });
}

// shows: RES-10
test('a second signal ends the wait', async (t) => {
  const mc = await Metachat.start(t, { env: { METACHAT_DRAIN_DELAY_MS: '600000' } });
  process.kill(mc.pid, 'SIGTERM');
  await waitFor('the announcement', () => mc.events('stop_announced').length > 0);
  assert.equal((await once(mc, 'GET', '/health/ready')).status, 503);
  const { code } = await mc.signal('SIGINT');
  assert.equal(code, 0);
  assert.equal(mc.events('stopping')[0].graceMs, 0);
});

// shows: RES-10
test('an open stream of events is ended by the stop, and its connection with it', async (t) => {
  const mc = await Metachat.start(t);
  const shop = await mc.tenant('Drain streams');
  const response = await shop.fetch('GET', '/events', { headers: { Accept: 'text/event-stream' } });
  assert.equal(response.status, 200);
  const ended = mc.stop();
  await response.text();
  assert.equal((await ended).code, 0);
});
