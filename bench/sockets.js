/* Many clients of Socket.IO that are connected and silent: what each of them takes of the server's memory, and whether
 * requests beside them are as fast as without. Visitors with a ticket each, on the program itself; the same number on
 * the socket.io server of PEERS. The server that holds them was started anew before they came (their sessions and
 * tickets are older), so nothing that was freed before is there for them; beside it runs one that holds none.
 * CLIENTS (5000), SECONDS (2), ROUNDS (5), PEERS. */
import { Metachat } from '../tests/lib/metachat.js';
import { cpuSeconds, keep, median, resident, run, scope, table } from './lib.js';
import { clients, holding, peers, socketIoServers, visitors } from './socket_common.js';

const count = Number(process.env.CLIENTS ?? 5000);
const seconds = Number(process.env.SECONDS ?? 2);
const rounds = Number(process.env.ROUNDS ?? 5);
const settleMs = 35_000; // threads that have nothing to do end after 30 s
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function answersPerSecond({ url, key }) {
  const headers = key ? ['-H', `Authorization: Bearer ${key}`] : [];
  const { stdout } = await run('wrk', ['-t1', '-c64', `-d${seconds}s`, ...headers, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]);
}

/** Connects all of them; how many a second. */
async function join(ends, { full, auths }) {
  const began = performance.now();
  await clients(ends, full.port, auths);
  return (auths.length / (performance.now() - began)) * 1000;
}

/** Resident memory when all is silent, and the share of a core that it took meanwhile. */
async function silent(sides) {
  const [before, began] = [sides.map(({ full }) => cpuSeconds(full.pid)), performance.now()];
  await sleep(settleMs);
  const seconds = (performance.now() - began) / 1000;
  return sides.map(({ full }, i) => ({ bytes: resident(full.pid), busy: (cpuSeconds(full.pid) - before[i]) / seconds }));
}

async function metachats(ends) {
  const env = holding(count);
  const [full, empty] = [await Metachat.start(ends, { env }), await Metachat.start(ends, { env })];
  const shop = await full.tenant('Bench');
  const auths = await visitors(full, shop, count);
  await full.stop();
  await full.start();
  const key = (await empty.tenant('Bench')).key;
  return {
    name: 'metachat',
    auths,
    paths: [{ path: '/health/live' }, { path: '/api/v1/tenant', key: true }],
    full: { pid: full.pid, port: full.port, url: full.url, key: shop.key },
    empty: { url: empty.url, key },
  };
}

async function socketIo(ends) {
  const [full, empty] = await socketIoServers(ends, 2);
  return { name: 'socket.io', auths: Array(count).fill('{}'), paths: [{ path: '/' }], full, empty };
}

const ends = scope();
const sides = [await metachats(ends), ...(peers ? [await socketIo(ends)] : [])];
if (!peers) console.log('\nsockets: no peer; PEERS names no folder with socketio/');
const rates = sides.flatMap((side) => side.paths.map((path) => ({ side, path, with: [], without: [] })));
const ask = ({ url, key }, { path, key: known }) => answersPerSecond({ url: url + path, key: known && key });
for (const { side, path } of rates) await ask(side.full, path); // so that it has served before
const before = await silent(sides);
const joined = [];
for (const side of sides) joined.push(await join(ends, side));
const after = await silent(sides);
const held = sides.map((side, i) => ({ name: side.name, before: before[i].bytes, after: after[i].bytes, busy: after[i].busy, joined: joined[i], bytesEach: (after[i].bytes - before[i].bytes) / count }));

for (let i = 0; i < rounds; i++) {
  for (const rate of rates) {
    rate.without.push(await ask(rate.side.empty, rate.path));
    rate.with.push(await ask(rate.side.full, rate.path));
  }
}

table(
  `${count.toLocaleString('en')} silent clients`,
  held.map((h) => ({
    server: h.name,
    'before MB': (h.before / 1e6).toFixed(1),
    'with them MB': (h.after / 1e6).toFixed(1),
    'KB a client': (h.bytesEach / 1024).toFixed(2),
    'joined/s': h.joined.toFixed(0),
    'of a core while silent': `${(h.busy * 100).toFixed(1)} %`,
  })),
);
const spread = (values) => `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
table(
  `Requests beside them, 64 connections, ${rounds} rounds in turns of ${seconds} s`,
  rates.map((r) => {
    const ratios = r.with.map((value, i) => value / r.without[i]);
    return {
      request: `${r.side.name}, GET ${r.path.path}`,
      'answers/s without': median(r.without).toFixed(0),
      'answers/s with': median(r.with).toFixed(0),
      ratio: median(ratios).toFixed(2),
      rounds: spread(ratios),
    };
  }),
);
keep(
  'sockets',
  held.map(({ name, bytesEach }) => ({ name, bytesEach })),
);
await ends.end();
