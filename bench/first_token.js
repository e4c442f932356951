/* How much later than the model says them, the client sees the first word of an answer, and every word: AT
 * streams at once, each again and again for SECONDS. The model (model.c) says the time at which it speaks, and
 * this process reads the same clock; what this process itself takes is in the figure.
 * AT (64), SECONDS (8), DELAY of the model (50 ms), GAP between its words (20 ms). */
import { request as ask, Agent } from 'node:http';
import { Metachat } from '../tests/lib/metachat.js';
import { asking, keep, model, scope, table } from './lib.js';

const streams = Number(process.env.AT ?? 64);
const seconds = Number(process.env.SECONDS ?? 8);
const ends = scope();
const url = await model(ends, Number(process.env.DELAY ?? 50), Number(process.env.GAP ?? 20));
const mc = await Metachat.start(ends, { env: asking(url) });
const shop = await mc.tenant('Bench');
await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'bench' });
await shop.addDocument('returns.md', '# Returns\n\nReturns are accepted within 30 days of delivery.');
const agent = new Agent({ keepAlive: true, maxSockets: streams });
ends.after(() => agent.destroy());
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** Reads the deltas of an answer as they come; says how late each word is, ms. A delta holds words whole; the space
 * behind one may come with the next. */
function listener(onLate) {
  let text = '';
  return (part) => {
    const now = nowUs();
    text += part;
    const frames = text.split('\n\n');
    text = frames.pop();
    for (const frame of frames.filter((f) => f.includes('event: delta'))) {
      const said = JSON.parse(/^data: (.*)$/m.exec(frame)[1]).text.match(/\d+/g) ?? [];
      for (const time of said) onLate((now - Number(time)) / 1000);
    }
  };
}

/** One streamed turn. */
function once(onLate) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream', Authorization: `Bearer ${shop.key}` };
    const request = ask(`${mc.url}/api/v1/chat`, { method: 'POST', agent, headers }, (response) => {
      response.setEncoding('utf8').on('data', listener(onLate)).on('end', resolve);
    });
    request.on('error', reject);
    request.end(JSON.stringify({ message: 'Are returns accepted?' }));
  });
}

const first = [];
const every = [];
const until = performance.now() + seconds * 1000;
async function follow() {
  while (performance.now() < until) {
    const late = [];
    await once((ms) => late.push(ms));
    first.push(late[0]);
    every.push(...late);
  }
}
await Promise.all(Array.from({ length: streams }, follow));

function row(what, late) {
  late.sort((a, b) => a - b);
  const at = (share) => late[Math.min(late.length - 1, Math.floor(late.length * share))];
  return { what, count: late.length, p50: at(0.5), p99: at(0.99), slowest: at(1) };
}
const rows = [row('first word', first), row('every word', every)];
table(
  `Words of an answer after the model's, ${streams} streams at once`,
  rows.map((r) => ({ what: r.what, count: r.count, 'p50 ms': r.p50.toFixed(1), 'p99 ms': r.p99.toFixed(1), 'slowest ms': r.slowest.toFixed(1) })),
);
keep('first_token', rows);
await ends.end();
