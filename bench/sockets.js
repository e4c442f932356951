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
const settleMs = 5000;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function answersPerSecond({ url, key }) {
  const headers = key ? ['-H', `Authorization: Bearer ${key}`] : [];
  const { stdout } = await run('wrk', ['-t1', '-c64', `-d${seconds}s`, ...headers, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]);
}

/** Connects a half of them, then all; bytes for each of all, and for each of the second half. */
async function hold(ends, server, auths) {
  for (const path of server.paths) await answersPerSecond({ url: server.url + path.path, key: path.key && server.key });
  await sleep(settleMs);
  const before = resident(server.pid);
  const half = Math.floor(auths.length / 2);
  const began = performance.now();
  await clients(ends, server.port, auths.slice(0, half));
  const firstMs = performance.now() - began;
  await sleep(settleMs);
  const middle = resident(server.pid);
  await clients(ends, server.port, auths.slice(half));
  await sleep(settleMs);
  const after = resident(server.pid);
  return {
    before,
    after,
    bytesEach: (after - before) / auths.length,
    bytesEachOfSecondHalf: (after - middle) / (auths.length - half),
    joinedPerSecond: (half / firstMs) * 1000,
  };
}

/** Processor time that holding them takes, share of one core. */
async function idleShare(pid) {
  const [before, began] = [cpuSeconds(pid), performance.now()];
  await sleep(30_000);
  return (cpuSeconds(pid) - before) / ((performance.now() - began) / 1000);
}

async function metachats(ends) {
  const env = holding(count);
  const [full, empty] = [await Metachat.start(ends, { env }), await Metachat.start(ends, { env })];
  const shop = await full.tenant('Bench');
  const auths = await visitors(full, shop, count);
  await full.stop();
  await full.start();
  const key = (await empty.tenant('Bench')).key;
  const paths = [{ path: '/health/live' }, { path: '/api/v1/tenant', key: true }];
  return {
    name: 'metachat',
    auths,
    paths,
    full: { pid: full.pid, port: full.port, url: full.url, key: shop.key, paths },
    empty: { url: empty.url, key },
  };
}

async function socketIo(ends) {
  const [full, empty] = await socketIoServers(ends, 2);
  const paths = [{ path: '/' }];
  return { name: 'socket.io', auths: Array(count).fill('{}'), paths, full: { ...full, paths }, empty };
}

const ends = scope();
const sides = [await metachats(ends), ...(peers ? [await socketIo(ends)] : [])];
if (!peers) console.log('\nsockets: no peer; PEERS names no folder with socketio/');
const held = [];
for (const side of sides) held.push({ name: side.name, ...(await hold(ends, side.full, side.auths)), idle: await idleShare(side.full.pid) });

const rates = sides.flatMap((side) => side.paths.map((path) => ({ side, path, with: [], without: [] })));
for (let i = 0; i < rounds; i++) {
  for (const rate of rates) {
    const ask = ({ url, key }) => answersPerSecond({ url: url + rate.path.path, key: rate.path.key && key });
    rate.without.push(await ask(rate.side.empty));
    rate.with.push(await ask(rate.side.full));
  }
}

table(
  `${count.toLocaleString('en')} silent clients`,
  held.map((h) => ({
    server: h.name,
    'before MB': (h.before / 1e6).toFixed(1),
    'with them MB': (h.after / 1e6).toFixed(1),
    'KB a client': (h.bytesEach / 1024).toFixed(2),
    'of the second half, KB': (h.bytesEachOfSecondHalf / 1024).toFixed(2),
    'joined/s': h.joinedPerSecond.toFixed(0),
    'of a core while silent': `${(h.idle * 100).toFixed(1)} %`,
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
