/* metachat and a small reference in Node beside each other: the same model, the same question over a thousand
 * passages, in turn, ROUNDS times. The reference (Express, PostgreSQL, Redis) is not part of this repository:
 * PEERS names the folder that has it as node_ref/; without it there is nothing to compare with.
 * PEERS, AT (64 512), SECONDS (6), ROUNDS (3), DELAY (50 ms), PGBIN. */
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Metachat } from '../tests/lib/metachat.js';
import { freePort } from '../tests/lib/scratch.js';
import { asking, chatBodies, cpuSecondsOfAll, keep, median, model, scope, shopWithPassages, start, table, wrk } from './lib.js';

const run = promisify(execFile);
const peers = process.env.PEERS;
if (!peers || !existsSync(join(peers, 'node_ref'))) {
  console.log('\npeers: left out; PEERS names no folder with node_ref/');
  process.exit(0);
}
const levels = (process.env.AT ?? '64 512').split(' ').map(Number);
const seconds = Number(process.env.SECONDS ?? 6);
const rounds = Number(process.env.ROUNDS ?? 3);
const delay = Number(process.env.DELAY ?? 50);

function postgresPrograms() {
  const root = '/usr/lib/postgresql';
  return process.env.PGBIN ?? (existsSync(root) ? join(root, readdirSync(root).at(-1), 'bin') : '/usr/bin');
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
async function startPostgres(ends, folder, port) {
  const bin = postgresPrograms();
  const root = process.getuid() === 0;
  const as = (program, args) => (root ? ['runuser', ['-u', 'postgres', '--', join(bin, program), ...args]] : [join(bin, program), args]);
  const data = join(folder, 'postgres');
  if (root) {
    chmodSync(folder, 0o777);
  }
  const [initdb, initArgs] = as('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust']);
  await run(initdb, initArgs, { cwd: folder });
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data, '-c', 'shared_buffers=256MB'];
  const [postgres, startArgs] = as('postgres', args);
  return start(ends, postgres, startArgs, { cwd: folder }, /ready to accept connections/);
}

/** The reference with its database; says how to load it, and which processes are its. */
async function startReference(ends, modelUrl) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-peers-'));
  ends.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'node_ref');
  cpSync(resolve(peers, 'node_ref'), home, { recursive: true });
  chmodSync(home, 0o755);
  for (const name of readdirSync(home)) {
    if (name !== 'node_modules') chmodSync(join(home, name), 0o644);
  }
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: home });
  const [pgPort, redisPort, port] = [await freePort(), await freePort(), await freePort()];
  const postgres = await startPostgres(ends, folder, pgPort);
  const redisArgs = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const redis = await start(ends, 'redis-server', redisArgs, {}, /Ready to accept connections/);
  const pgUrl = `postgresql://postgres@127.0.0.1:${pgPort}`;
  await run(process.execPath, ['seed.js'], { cwd: home, env: { ...process.env, PGURL: pgUrl } });
  const env = { ...process.env, DATABASE_URL: `${pgUrl}/noderef`, REDIS_URL: `redis://127.0.0.1:${redisPort}`, LLM: modelUrl, PORT: String(port) };
  const server = await start(ends, process.execPath, ['server.js'], { cwd: home, env }, /node_ref/);
  const lines = readFileSync(join(home, 'chats_trag.txt'), 'utf8').trim().split('\n').map((line) => line.split('\t'));
  const bodies = join(folder, 'bodies.txt');
  writeFileSync(bodies, `${lines.map(([, , body]) => body).join('\n')}\n`);
  return {
    name: 'node_ref',
    url: `http://127.0.0.1:${port}`,
    env: { BODIES: bodies, KEY_HEADER: lines[0][0], KEY: lines[0][1], PATHP: '/api/chat' },
    pids: [server.pid, postgres.pid, redis.pid],
  };
}

async function startMetachat(ends, modelUrl) {
  const mc = await Metachat.start(ends, { env: asking(modelUrl) });
  mc.expectError('request'); /* what is refused is counted */
  const shop = await shopWithPassages(mc);
  const bodies = await chatBodies(mc, shop, 512);
  return { name: 'metachat', url: mc.url, env: { BODIES: bodies, KEY: shop.key, PATHP: '/api/v1/chat' }, pids: [mc.pid] };
}

async function load(side, connections, howLong) {
  const cpu = () => side.pids.reduce((sum, pid) => sum + cpuSecondsOfAll(pid), 0);
  const before = cpu();
  const r = await wrk(side.url, { connections, seconds: howLong, env: side.env });
  return { ...r, cpuMs: ((cpu() - before) / Math.max(1, r.requests)) * 1000, bad: r.refused + r.broken };
}

const ends = scope();
const modelUrl = await model(ends, delay);
const sides = [await startMetachat(ends, modelUrl), await startReference(ends, modelUrl)];
for (const side of sides) await load(side, 16, 2);
const rows = [];
for (const connections of levels) {
  const seen = new Map(sides.map((side) => [side.name, []]));
  for (let i = 0; i < rounds; i++) {
    for (const side of sides) seen.get(side.name).push(await load(side, connections, seconds));
  }
  for (const [name, all] of seen) {
    const of = (what) => median(all.map((r) => r[what]));
    rows.push({ name, connections, perSecond: of('perSecond'), p50: of('p50'), p99: of('p99'), cpuMs: of('cpuMs'), bad: all.reduce((n, r) => n + r.bad, 0) });
  }
}
const reference = (row) => rows.find((r) => r.name === 'node_ref' && r.connections === row.connections);
table(
  `Beside the reference (a model of ${delay} ms, median of ${rounds} rounds of ${seconds} s in turn)`,
  rows.map((r) => ({
    'at once': r.connections,
    what: r.name,
    'turns/s': r.perSecond.toFixed(0),
    'times the reference': (r.perSecond / reference(r).perSecond).toFixed(2),
    'p50 ms': r.p50.toFixed(0),
    'p99 ms': r.p99.toFixed(0),
    'processor ms/turn': r.cpuMs.toFixed(2),
    'of the reference': (r.cpuMs / reference(r).cpuMs).toFixed(2),
    'refused or broken': r.bad,
  })),
);
keep('peers', rows);
await ends.end();
