/* A constant reply beside nginx's: the same body and about the same headers, 64 keep-alive
 * connections, one loop each, in turns within one run. And a small row of the API through a worker.
 * SECONDS (2), ROUNDS (7). */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metachat } from '../tests/lib/metachat.js';
import { freePort } from '../tests/lib/scratch.js';
import { waitFor } from '../tests/lib/wait.js';
import { cpuSeconds, median, run, scope, table } from './lib.js';

const seconds = Number(process.env.SECONDS ?? 2);
const rounds = Number(process.env.ROUNDS ?? 7);

/** nginx with one process, answering every path with the status, headers and body of an answer. */
async function nginx(ends, answer) {
  const folder = mkdtempSync(join(tmpdir(), 'metachat-nginx-'));
  const port = await freePort();
  const own = ['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'server', 'transfer-encoding'];
  const headers = [...answer.headers].filter(([name]) => !own.includes(name)).map(([name, value]) => `add_header ${name} "${value}";`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 1024; }
    http {
      access_log off; keepalive_requests 1000000000; ${temporary.join(' ')}
      server {
        listen 127.0.0.1:${port};
        location / { default_type "${answer.headers.get('content-type')}"; ${headers.join(' ')} return 200 '${answer.text}'; }
      }
    }`,
  );
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((done) => child.on('close', done));
  ends.after(async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}/`;
  await waitFor('nginx', () => fetch(url).then((r) => r.ok, () => false));
  return { name: 'nginx, constant reply', url, pid: child.pid };
}

/** One run of wrk against a server: answers a second, and processor time of the server for each. */
async function measure({ url, pid, key }) {
  const before = cpuSeconds(pid);
  const headers = key ? ['-H', `Authorization: Bearer ${key}`] : [];
  const { stdout } = await run('wrk', ['-t1', '-c64', `-d${seconds}s`, ...headers, url]);
  const requests = Number(/(\d+) requests in/.exec(stdout)[1]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), cpu: ((cpuSeconds(pid) - before) * 1e6) / requests };
}

const ends = scope();
const mc = await Metachat.start(ends, { env: { METACHAT_LOG_LEVEL: 'warn', METACHAT_DB_CHECK_PLANS: '0', METACHAT_RATE_READ_PER_MIN: '100000000' } });
const shop = await mc.tenant('Bench');
const live = await mc.api().get('//health/live');
const servers = [
  await nginx(ends, live),
  { name: 'metachat, GET /health/live', url: `${mc.url}/health/live`, pid: mc.pid },
  { name: 'metachat, GET /api/v1/tenant', url: `${mc.url}/api/v1/tenant`, pid: mc.pid, key: shop.key },
];
for (const server of servers) server.seen = [];
for (let round = -1; round < rounds; round++) {
  for (const server of servers) {
    const figures = await measure(server);
    if (round >= 0) server.seen.push(figures);
  }
}
const ratios = (server, of) => server.seen.map((figures, i) => of(figures) / of(servers[0].seen[i]));
table(
  `A small answer, 64 connections, ${rounds} rounds in turns of ${seconds} s`,
  servers.map((server) => ({
    server: server.name,
    'answers/s, median': Math.round(median(server.seen.map((f) => f.perSecond))).toLocaleString('en'),
    'ratio to nginx': median(ratios(server, (f) => f.perSecond)).toFixed(2),
    'processor µs/answer': median(server.seen.map((f) => f.cpu)).toFixed(1),
    'processor, nginx over this': (1 / median(ratios(server, (f) => f.cpu))).toFixed(2),
  })),
);
await ends.end();
