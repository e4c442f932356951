/* Turns a second, and our own time of a turn over the model's, with passages from a thousand chunks.
 * DELAYS (50 500 ms), SECONDS (8), AT (1 64 512). */
import { Metachat } from '../tests/lib/metachat.js';
import { asking, chatBodies, cpuSeconds, keep, model, resident, scope, shopWithPassages, table, wrk } from './lib.js';

const delays = (process.env.DELAYS ?? '50 500').split(' ').map(Number);
const seconds = Number(process.env.SECONDS ?? 8);
const levels = (process.env.AT ?? '1 64 512').split(' ').map(Number);

async function measure(mc, env, delay, connections) {
  const before = cpuSeconds(mc.pid);
  const r = await wrk(mc.url, { connections, seconds, env });
  return {
    delay,
    connections,
    perSecond: r.perSecond,
    share: r.perSecond / ((connections / delay) * 1000),
    ownP50: r.p50 - delay,
    ownP99: r.p99 - delay,
    cpuMs: ((cpuSeconds(mc.pid) - before) / r.requests) * 1000,
    residentMB: resident(mc.pid) / 1e6,
    refused: r.refused,
    broken: r.broken,
  };
}

const rows = [];
for (const delay of delays) {
  const ends = scope();
  const mc = await Metachat.start(ends, { env: asking(await model(ends, delay)) });
  mc.expectError('request'); /* what is refused is counted */
  const shop = await shopWithPassages(mc);
  const env = { BODIES: await chatBodies(mc, shop, 512), KEY: shop.key, PATHP: '/api/v1/chat' };
  await wrk(mc.url, { connections: 16, seconds: 1, env });
  for (const connections of levels) rows.push(await measure(mc, env, delay, connections));
  await ends.end();
}
table(
  `Turns (${seconds} s each)`,
  rows.map((r) => ({
    'model ms': r.delay,
    'at once': r.connections,
    'turns/s': r.perSecond.toFixed(0),
    'of what the delay allows': r.share.toFixed(2),
    'own p50 ms': r.ownP50.toFixed(1),
    'own p99 ms': r.ownP99.toFixed(1),
    'processor ms/turn': r.cpuMs.toFixed(2),
    'resident MB': r.residentMB.toFixed(0),
    'refused or broken': r.refused + r.broken,
  })),
);
keep('turns', rows);
