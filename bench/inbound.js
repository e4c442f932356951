/* Durable inbound messages a second over HTTP (committed, fsynced, acknowledged), and the bare grouped commit of the same
 * statements in the same run. SECONDS (8), FOLDER (where the database goes; its disk decides). */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metachat } from '../tests/lib/metachat.js';
import { cpuSeconds, measured, programs, run, scope, table, wrk } from './lib.js';

const seconds = Number(process.env.SECONDS ?? 8);
const ends = scope();
const mc = await Metachat.start(ends, {
  args: ['serve', '--migrate', '--roles', 'api'],
  env: measured,
});
const shop = await mc.tenant('Bench');
const bodies = [];
for (let i = 0; i < 1000; i++) {
  const c = await shop.data('POST', '/conversations', { channelType: 'api', externalId: `bench-${i}` });
  bodies.push(JSON.stringify({ message: 'How do I return an item? I bought it last week.', conversationId: c.id, clientMessageId: '@' }));
}
const file = join(mc.folder, 'bodies.txt');
writeFileSync(file, `${bodies.join('\n')}\n`);

const rows = [];
for (const connections of [1, 64, 256]) {
  const before = cpuSeconds(mc.pid);
  const r = await wrk(mc.url, {
    connections,
    seconds,
    env: { BODIES: file, KEY: shop.key, PATHP: '/api/v1/chat', PREFER: 'respond-async', UNIQUE: '1' },
  });
  const cpu = cpuSeconds(mc.pid) - before;
  rows.push({
    what: `over HTTP, ${connections} at once`,
    'messages/s': r.perSecond,
    'p50 ms': r.p50.toFixed(2),
    'p99 ms': r.p99.toFixed(2),
    'processor us/message': ((cpu / r.requests) * 1e6).toFixed(0),
    refused: r.refused + r.broken,
  });
}
await mc.stop();
const bare = join(programs, 'inbound_bare');
if (existsSync(bare)) {
  for (const threads of [1, 64]) {
    const { stdout } = await run(bare, [String(threads), String(seconds), join(mc.folder, `bare-${threads}.db`)]);
    const r = JSON.parse(stdout);
    rows.push({
      what: `bare grouped commit, ${threads} threads`,
      'messages/s': r.perSecond,
      'p50 ms': r.p50.toFixed(2),
      'p99 ms': r.p99.toFixed(2),
      'processor us/message': r.cpuUs.toFixed(0),
      refused: 0,
    });
  }
}
table('Durable inbound messages', rows);
await ends.end();
