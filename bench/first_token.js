/* How much later than the model says it, the client sees the first word of an answer: AT streams at once, each again and
 * again for SECONDS. The model stands in this process, so both ends read one clock; what this process itself takes is in
 * the figure. AT (64), SECONDS (8), DELAY of the model (50 ms). */
import { createServer, request as ask, Agent } from 'node:http';
import { Metachat } from '../tests/lib/metachat.js';
import { scope, table } from './lib.js';

const streams = Number(process.env.AT ?? 64);
const seconds = Number(process.env.SECONDS ?? 8);
const delay = Number(process.env.DELAY ?? 50);
const ends = scope();
const said = new Map(); // name of a turn → when the model said its first word
const frame = (content, finish = null) =>
  `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

/* The word that the customer wrote comes back as the first word of the answer. */
const model = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (part) => (body += part));
  request.on('end', () => {
    const name = /turn-[0-9]+-[0-9]+(?!.*turn-[0-9]+-[0-9]+)/s.exec(body)[0];
    setTimeout(() => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      said.set(name, performance.now());
      response.write(frame('Returns '));
      setTimeout(() => response.end(`${frame('are accepted within 30 days.', 'stop')}data: [DONE]\n\n`), 20);
    }, delay);
  });
});
model.keepAliveTimeout = 600_000;
await new Promise((ready) => model.listen(0, '127.0.0.1', 4096, ready));
ends.after(() => new Promise((done) => (model.closeAllConnections(), model.close(done))));

const mc = await Metachat.start(ends, {
  env: {
    METACHAT_OPENAI_BASE_URL: `http://127.0.0.1:${model.address().port}/v1`,
    METACHAT_OPENAI_API_KEY: 'x',
    METACHAT_DB_CHECK_PLANS: '0',
    METACHAT_LOG_LEVEL: 'warn',
  },
});
const shop = await mc.tenant('Bench');
await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'bench' });
await shop.addDocument('returns.md', '# Returns\n\nReturns are accepted within 30 days of delivery.');
const agent = new Agent({ keepAlive: true, maxSockets: streams });
ends.after(() => agent.destroy());

/** One streamed turn; how much later than the model the first delta came, ms. */
function once(name) {
  return new Promise((resolve, reject) => {
    let text = '';
    let late = null;
    const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream', Authorization: `Bearer ${shop.key}` };
    const request = ask(`${mc.url}/api/v1/chat`, { method: 'POST', agent, headers }, (response) => {
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
        if (late === null && text.includes('event: delta')) {
          late = performance.now() - said.get(name);
        }
      });
      response.on('end', () => (late === null ? reject(new Error(`no delta: ${text.slice(0, 400)}`)) : resolve(late)));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ message: `Are returns accepted? turn ${name}` }));
  });
}

const late = [];
const until = performance.now() + seconds * 1000;
async function follow(i) {
  for (let n = 0; performance.now() < until; n++) {
    const name = `turn-${i}-${n}`;
    late.push(await once(name));
    said.delete(name);
  }
}
await Promise.all(Array.from({ length: streams }, (_, i) => follow(i)));
late.sort((a, b) => a - b);
const at = (share) => late[Math.min(late.length - 1, Math.floor(late.length * share))].toFixed(1);
table(`First word of an answer after the model's, ${streams} streams at once`, [
  { turns: late.length, 'turns/s': (late.length / seconds).toFixed(0), 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'slowest ms': at(1) },
]);
await ends.end();
