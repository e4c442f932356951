/* Broadcasts to many clients: the conformance peer (tests/peers/, Socket.IO on our own realtime library) beside the
 * socket.io server of PEERS, in turns, the same event of the same size, the same load client (PEERS/wsload.c).
 *   burst: as many broadcasts as the server makes by itself, as fast as it can
 *   each alone: every broadcast is a request of its own, and the next one is asked for when it was answered
 * Then the program itself: so many sockets of agents of one tenant, and what is delivered to them while messages arrive.
 * CLIENTS (1000), ROUNDS (5), BURST (2000 and a tenth of it for the peer), ALONE (100), MESSAGES (500), PEERS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metachat } from '../tests/lib/metachat.js';
import { freePort } from '../tests/lib/scratch.js';
import { cpuSeconds, keep, median, run, scope, start, table } from './lib.js';
import { agents, clients, holding, peers, socketIoServers } from './socket_common.js';

const count = Number(process.env.CLIENTS ?? 1000);
const rounds = Number(process.env.ROUNDS ?? 5);
const burst = Number(process.env.BURST ?? 2000);
const alone = Number(process.env.ALONE ?? 100);
const messages = Number(process.env.MESSAGES ?? 500);
const ends = scope();

async function conformance(ends) {
  const port = await freePort();
  const child = await start(ends, join(process.env.BUILD ?? 'build-bench', 'tests/peers/conformance'), ['--port', String(port)], {}, /listening on/);
  return { name: 'metachat', pid: child.pid, port };
}

/** wsload with so many clients; the server is asked for the broadcasts by the commands of the file. */
async function deliver(load, server, requests, each) {
  const urls = join(load.folder, 'urls');
  writeFileSync(urls, `url = "http://127.0.0.1:${server.port}/bcast?n=${each}"\noutput = "/dev/null"\n`.repeat(requests));
  const total = count * requests * each;
  const args = ['-p', server.port, '-n', count, '-P', server.pid, '-h', 1, '-T', total, '-x', `curl -s -K ${urls} &`];
  const { stdout } = await run(load.program, args.map(String));
  const figure = (name) => Number(new RegExp(`${name}=([\\d.]+)`).exec(stdout)[1]);
  if (figure('deliveries') !== total) throw new Error(`of ${total} deliveries not all came: ${stdout}`);
  return { perSecond: figure('rps'), serverUs: figure('srv_cpu_us_per_delivery'), clientUs: figure('cli_cpu_us_per_delivery') };
}

async function loadClient(ends) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-wsload-'));
  ends.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'wsload');
  await run('cc', ['-O2', '-w', '-o', program, join(peers, 'wsload.c')]);
  return { folder, program };
}

async function besidePeer() {
  const load = await loadClient(ends);
  const [peer] = await socketIoServers(ends, 1);
  const sides = [await conformance(ends), { name: 'socket.io', ...peer }];
  const kinds = [
    { kind: 'burst', of: (side) => [1, side.name === 'metachat' ? burst : burst / 10] },
    { kind: 'each alone', of: () => [alone, 1] },
  ];
  const rows = kinds.flatMap((k) => sides.map((side) => ({ ...k, side, seen: [] })));
  for (let i = -1; i < rounds; i++) {
    for (const row of rows) {
      const seen = await deliver(load, row.side, ...row.of(row.side));
      if (i >= 0) row.seen.push(seen);
    }
  }
  const peerOf = (row) => rows.find((r) => r.kind === row.kind && r.side.name === 'socket.io');
  const figures = rows.map((row) => {
    const ratios = row.seen.map((s, i) => s.perSecond / peerOf(row).seen[i].perSecond);
    const of = (name) => median(row.seen.map((s) => s[name]));
    return { kind: row.kind, name: row.side.name, perSecond: of('perSecond'), serverUs: of('serverUs'), clientUs: of('clientUs'), ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
  });
  table(
    `Deliveries to ${count.toLocaleString('en')} clients, median of ${rounds} rounds in turns`,
    figures.map((f) => ({
      broadcasts: f.kind,
      server: f.name,
      'deliveries/s': Math.round(f.perSecond).toLocaleString('en'),
      'times socket.io': f.ratio.toFixed(1),
      rounds: `${f.least.toFixed(1)} to ${f.most.toFixed(1)}`,
      'server us/delivery': f.serverUs.toFixed(2),
      'client us/delivery': f.clientUs.toFixed(2),
    })),
  );
  keep('broadcast', figures);
}

/** The conversation and every message that arrives are an event each, and each goes to every agent. */
async function program() {
  const mc = await Metachat.start(ends, { args: ['serve', '--migrate', '--roles', 'api'], env: { ...holding(count), METACHAT_SOCKETS_PER_CLIENT: String(count) } });
  const shop = await mc.tenant('Bench');
  const crowd = await clients(ends, mc.port, await agents(shop, count));
  const conversation = await shop.data('POST', '/conversations', { channelType: 'api', externalId: 'bench' });
  const cpu = cpuSeconds(mc.pid);
  const say = async (i) => shop.data('POST', '/chat', { message: `Message ${i}`, conversationId: conversation.id }, { headers: { Prefer: 'respond-async' } });
  const came = crowd.count(count * (messages + 1));
  const began = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (next < messages) await say(next++);
  }));
  const arrived = (performance.now() - began) / 1000;
  const { events, seconds, lost } = await came;
  table(`The program: ${count.toLocaleString('en')} agents of one tenant, ${messages} messages arrive, 16 at once`, [
    { 'messages/s': (messages / arrived).toFixed(0), deliveries: events.toLocaleString('en'), 'deliveries/s': Math.round(events / seconds).toLocaleString('en'), 'server us/delivery': (((cpuSeconds(mc.pid) - cpu) * 1e6) / events).toFixed(2), lost },
  ]);
}

if (peers) await besidePeer();
else console.log('\nbroadcast: no peer; PEERS names no folder with socketio/');
await program();
await ends.end();
