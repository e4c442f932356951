/* Memory of a running turn: what the process holds while AT turns wait for a model, above what it held before.
 * AT (64 512). */
import { Metachat } from '../tests/lib/metachat.js';
import { model, resident, scope, table } from './lib.js';

const levels = (process.env.AT ?? '64 512').split(' ').map(Number);
const delay = 4000;
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
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

const rows = [];
for (const n of levels) {
  const before = resident(mc.pid);
  const turns = Array.from({ length: n }, () => shop.data('POST', '/chat', { message: 'How do I return an item? I bought it last week.' }));
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
