/* How much later than the model says them, visitors see the words of their answers on their sockets: AT of them at once,
 * each asking again and again. In turns with as many clients that ask the model (model.c) themselves: what they see is
 * the model, the kernel and this process, which reads the same clock; what is above it is the program's.
 * AT (64), SECONDS (6) of a round, ROUNDS (5), DELAY of the model (50 ms), GAP between its words (20 ms). */
import { Agent, request as ask } from 'node:http';
import { Metachat } from '../tests/lib/metachat.js';
import { frame, RawSocket, TEXT } from '../tests/lib/websocket.js';
import { asking, keep, median, model, scope, table } from './lib.js';
import { holding, visitors } from './socket_common.js';

const streams = Number(process.env.AT ?? 64);
const seconds = Number(process.env.SECONDS ?? 6);
const rounds = Number(process.env.ROUNDS ?? 5);
const ends = scope();
const url = await model(ends, Number(process.env.DELAY ?? 50), Number(process.env.GAP ?? 20));
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** How late, ms, each time is that stands in a text that has just come. */
function lateness(text, late) {
  const now = nowUs();
  for (const time of text.match(/\d{6,}/g) ?? []) late.push((now - Number(time)) / 1000);
}

/** A client of the model: one streamed answer. */
function askModel(agent, late) {
  return new Promise((resolve, reject) => {
    const request = ask(`${url}/chat/completions`, { method: 'POST', agent, headers: { 'Content-Type': 'application/json' } }, (response) => {
      response.setEncoding('utf8').on('data', (part) => {
        for (const [, said] of part.matchAll(/"content":"([^"]*)"/g)) lateness(said, late);
      });
      response.on('end', resolve);
    });
    request.on('error', reject);
    request.end(JSON.stringify({ model: 'bench', stream: true, messages: [{ role: 'user', content: 'Are returns accepted?' }] }));
  });
}

/** A visitor's socket: send(name, data), and next(): the next event, as [name, data]. */
async function connect(mc, auth) {
  const socket = await RawSocket.open(mc.port, { path: '/socket.io/?EIO=4&transport=websocket' });
  const say = (text) => socket.send(frame(TEXT, text));
  const next = async () => {
    for (;;) {
      const { payload } = await socket.frame();
      const text = payload.toString();
      if (text === '2') say('3');
      else if (text.startsWith('0')) say(`40${auth}`);
      else if (text.startsWith('44')) throw new Error(text);
      else if (text.startsWith('42')) return JSON.parse(text.slice(2));
    }
  };
  ends.after(() => socket.destroy());
  await next(); // how its conversation stands
  return { next, send: (name, data) => say(`42${JSON.stringify([name, data])}`) };
}

let asked = 0;
/** One turn of a visitor, until the turn has ended. */
async function askProgram(visitor, late) {
  visitor.send('message', { id: `m${asked++}`, text: 'Are returns accepted?' });
  for (;;) {
    const [name, data] = await visitor.next();
    if (name === 'delta') lateness(data.text, late);
    if (name === 'error') throw new Error(JSON.stringify(data));
    if (name === 'turn' && ['completed', 'failed'].includes(data.state)) return;
  }
}

async function round(everybody, once) {
  const late = [];
  const until = performance.now() + seconds * 1000;
  const follow = async (one) => {
    while (performance.now() < until) await once(one, late);
  };
  await Promise.all(everybody.map(follow));
  return late.sort((a, b) => a - b);
}

const mc = await Metachat.start(ends, { env: { ...holding(streams), ...asking(url) } });
const shop = await mc.tenant('Bench');
await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'bench' });
await shop.addDocument('returns.md', '# Returns\n\nReturns are accepted within 30 days of delivery.');
const everybody = await Promise.all((await visitors(mc, shop, streams)).map((auth) => connect(mc, auth)));
const agent = new Agent({ keepAlive: true, maxSockets: streams });
ends.after(() => agent.destroy());

const seen = { direct: [], sockets: [] };
for (let i = -1; i < rounds; i++) {
  const direct = await round(Array(streams).fill(agent), askModel);
  const sockets = await round(everybody, askProgram);
  if (i >= 0) {
    seen.direct.push(direct);
    seen.sockets.push(sockets);
  }
}

const at = (late, share) => late[Math.min(late.length - 1, Math.floor(late.length * share))];
const spread = (values) => `${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)}`;
const row = (what, rounds) => {
  const [p50, p99] = [0.5, 0.99].map((share) => rounds.map((late) => at(late, share)));
  return { what, words: rounds.reduce((n, late) => n + late.length, 0), p50, p99 };
};
const direct = row('a client of the model itself', seen.direct);
const sockets = row("visitors' sockets", seen.sockets);
const over = (a, b) => a.map((value, i) => value - b[i]);
const added = { what: 'added', words: '', p50: over(sockets.p50, direct.p50), p99: over(sockets.p99, direct.p99) };
const rows = [direct, sockets, added];
table(
  `Words after the model's, ${streams} streams at once, median of ${rounds} rounds in turns of ${seconds} s`,
  rows.map((r) => ({ what: r.what, words: r.words, 'p50 ms': median(r.p50).toFixed(2), 'p99 ms': median(r.p99).toFixed(2), 'p99, rounds': spread(r.p99) })),
);
keep(
  'delta',
  rows.map((r) => ({ what: r.what, p50: median(r.p50), p99: median(r.p99) })),
);
await ends.end();
