/* Connections that break anywhere, CUTS times (60): in the middle of a frame, of a poll, of the change
 * from one to the other, on both sides or silently on one. Visitors go on writing and coming back; in
 * the end each page shows what the server has, every message once and in order. SEED: that of an
 * earlier run. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Cutter, randomness } from '../lib/cutter.js';
import { assertSound } from '../lib/invariants.js';
import { Metachat } from '../lib/metachat.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { assertWhole, tally, Talker } from '../lib/talker.js';
import { openWidget, visit } from '../lib/visitor.js';
import { pause } from '../lib/wait.js';

const cuts = Number(process.env.CUTS ?? 60);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const random = randomness(seed);
const scope = fileScope();
const ways = [['websocket'], ['polling', 'websocket'], ['polling'], ['polling', 'websocket'], ['websocket'], ['polling', 'websocket']];
let mc, way;
const talkers = [];

before(async () => {
  mc = await Metachat.start(scope, { env: {
    METACHAT_RATE_SESSION_PER_MIN: '100000', METACHAT_RATE_OPEN_PER_MIN: '100000', METACHAT_RATE_VISITOR_CHAT_PER_MIN: '1000000', METACHAT_RATE_VISITOR_PER_MIN: '1000000',
    METACHAT_RATE_ADDRESS_FACTOR: '1000', METACHAT_RATE_SOCKET_PER_MIN: '10000000', METACHAT_FOLLOW_MAX_BEHIND: '3', METACHAT_SOCKETS_PER_CLIENT: '1000',
    METACHAT_SOCKET_PING_MS: '400', METACHAT_SOCKET_PING_TIMEOUT_MS: '600', METACHAT_SOCKET_CONNECT_TIMEOUT_MS: '1500',
  } });
  way = await Cutter.start(scope, mc.port, random);
  const shops = [await mc.tenant('Shop'), await mc.tenant('Other')];
  for (const shop of shops) {
    await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at nine.\n');
    shop.widgetKey = (await openWidget(shop)).key;
  }
  for (const [i, transports] of ways.entries()) {
    const visitor = await visit(mc, shops[i % shops.length].widgetKey);
    const ticket = async () => {
      const signal = AbortSignal.timeout(1000);
      const body = await fetch(`${way.url}/api/v1/realtime/ticket`, { method: 'POST', signal, headers: { Authorization: `Bearer ${visitor.token}` } });
      return (await body.json()).data.ticket;
    };
    talkers.push(new Talker(scope, visitor, { url: way.url, transports, random, ticket }));
  }
});

// shows: RT-5, CONV-8, CHAN-11
test(`${cuts} cuts while visitors write`, { timeout: 900_000 }, async (t) => {
  t.diagnostic(`note: seed ${seed}`);
  const talking = Promise.all(talkers.map((talker) => talker.talk({ until: () => way.done >= cuts })));
  while (way.done < cuts) {
    way.cut();
    await pause(30 + random() * 150);
  }
  way.spare();
  await talking;
  await quiet(mc, { withinMs: 60_000 });
  t.diagnostic(`note: ${way.done} cuts, ${tally(talkers)}`);
  assert.ok(talkers.some((talker) => talker.client.ends.length));
  await assertWhole(talkers);
});

test('and the database is sound', async () => {
  for (const talker of talkers) talker.close();
  await mc.stop();
  await assertSound(mc);
});
