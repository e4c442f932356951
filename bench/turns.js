/* Turns a second, and our own time of a turn over the model's, with passages from a thousand chunks.
 * DELAY (50 ms), SECONDS (8), AT (1 64 512). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metachat } from '../tests/lib/metachat.js';
import { cpuSeconds, model, resident, scope, table, wrk } from './lib.js';

const delay = Number(process.env.DELAY ?? 50);
const seconds = Number(process.env.SECONDS ?? 8);
const levels = (process.env.AT ?? '1 64 512').split(' ').map(Number);

const ends = scope();
const url = await model(ends, delay);
const mc = await Metachat.start(ends, {
  env: { METACHAT_OPENAI_BASE_URL: url, METACHAT_OPENAI_API_KEY: 'x', METACHAT_DB_CHECK_PLANS: '0', METACHAT_LOG_LEVEL: 'warn' },
});
const shop = await mc.tenant('Bench');
await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'bench' });
const words = 'Customers may return items within 30 days of delivery; refunds go to the original payment method. Shipping takes three to five business days. ';
for (let d = 0; d < 10; d++) {
  const text = Array.from({ length: 100 }, (_, i) => `## Section ${i} of document ${d}\n\n${words.repeat(4)}`).join('\n\n');
  await shop.addDocument(`document-${d}.md`, text);
}
const bodies = [];
for (let i = 0; i < 512; i++) {
  const c = await shop.data('POST', '/conversations', { channelType: 'api', externalId: `bench-${i}` });
  bodies.push(JSON.stringify({ message: 'How do I return an item? I bought it last week.', conversationId: c.id }));
}
const file = join(mc.folder, 'bodies.txt');
writeFileSync(file, `${bodies.join('\n')}\n`);

const rows = [];
for (const connections of levels) {
  const before = cpuSeconds(mc.pid);
  const r = await wrk(mc.url, { connections, seconds, env: { BODIES: file, KEY: shop.key, PATHP: '/api/v1/chat' } });
  const cpu = cpuSeconds(mc.pid) - before;
  rows.push({
    'at once': connections,
    'turns/s': r.perSecond,
    'p50 ms': r.p50.toFixed(1),
    'p99 ms': r.p99.toFixed(1),
    'own p50 ms': (r.p50 - delay).toFixed(1),
    'own p99 ms': (r.p99 - delay).toFixed(1),
    'processor ms/turn': ((cpu / r.requests) * 1000).toFixed(2),
    'resident MB': (resident(mc.pid) / 1e6).toFixed(0),
    refused: r.refused,
    broken: r.broken,
  });
}
table(`Assistant turns over a model of ${delay} ms (${seconds} s each)`, rows);
await ends.end();
