/* Memory of a running turn: what the process holds while AT turns wait for a model, above what it held before.
 * AT (64 512). */
import { Metachat } from '../tests/lib/metachat.js';
import { asking, model, question, resident, scope, shopWithPassages, table } from './lib.js';

const levels = (process.env.AT ?? '64 512').split(' ').map(Number);
const delay = 4000;
const ends = scope();
const url = await model(ends, delay);
const mc = await Metachat.start(ends, { env: asking(url) });
const shop = await shopWithPassages(mc);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

const rows = [];
for (const n of levels) {
  const before = resident(mc.pid);
  const turns = Array.from({ length: n }, () => shop.data('POST', '/chat', { message: question }));
  await sleep(delay - 1000);
  const during = resident(mc.pid);
  await Promise.all(turns);
  rows.push({
    'running turns': n,
    'before MB': (before / 1e6).toFixed(1),
    'while they wait MB': (during / 1e6).toFixed(1),
    'KB a turn': ((during - before) / n / 1000).toFixed(0),
  });
}
table('Memory of running turns', rows);
await ends.end();
