/* What the benches of sockets share: many clients (socket_load.c), many visitors, and the socket.io server beside
 * which we are measured. It is not part of this repository: PEERS names the folder that has it as socketio/. */
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../tests/lib/scratch.js';
import { openWidget, visit } from '../tests/lib/visitor.js';
import { measured, programs, run, start } from './lib.js';

export const sources = 8; // addresses of loopback that clients come from
export const peers = process.env.PEERS && existsSync(join(process.env.PEERS, 'socketio')) ? resolve(process.env.PEERS) : null;

/** Settings of a server that is to hold so many sockets of one machine. */
export const holding = (sockets) => ({
  ...measured,
  METACHAT_HTTP_MAX_CONNECTIONS: String(2 * sockets + 1000),
  METACHAT_HTTP_MAX_CONNECTIONS_PER_ADDRESS: '0',
  METACHAT_SOCKETS_MAX: String(sockets + 1000),
  METACHAT_SOCKETS_PER_TENANT: String(sockets + 1000),
  METACHAT_SOCKETS_PER_ADDRESS: String(sockets + 1000),
  METACHAT_TICKET_S: '3600',
  ...Object.fromEntries(
    ['READ', 'PUBLIC', 'SESSION', 'SOCKET', 'VISITOR', 'VISITOR_CHAT', 'OPEN', 'WRITE'].map((name) => [`METACHAT_RATE_${name}_PER_MIN`, '100000000']),
  ),
});

async function inTurns(count, atOnce, make) {
  const made = [];
  const one = async () => {
    while (made.length < count) {
      const at = made.length;
      made.push(null);
      made[at] = await make(at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return made;
}

/** What each of so many visitors joins with, who all have a session and a ticket. */
export async function visitors(mc, shop, count) {
  const { key } = await openWidget(shop);
  return inTurns(count, 32, async () => {
    const visitor = await visit(mc, key);
    const { ticket } = await visitor.data('POST', '/realtime/ticket', {}, { headers: { Origin: visitor.origin } });
    return JSON.stringify({ token: ticket, protocol: 1 });
  });
}

/** What each of so many sockets of an agent joins with. */
export function agents(shop, count) {
  return inTurns(count, 32, async () => JSON.stringify({ token: (await shop.data('POST', '/realtime/ticket', {})).ticket, protocol: 1 }));
}

/** So many clients that have joined; count(n) gives what came when n events have. */
export async function clients(ends, port, auths) {
  const child = spawn(join(programs, 'socket_load'), [String(port), String(sources)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.on('close', done));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const stop = () => (child.stdin.end(), ended);
  ends.after(stop);
  child.stdin.write(`${auths.join('\n')}\n\n`);
  const { refused } = await next();
  if (refused) throw new Error(`${refused} clients were refused`);
  return { pid: child.pid, stop, count: (n) => (child.stdin.write(`${n}\n`), next()) };
}

/** A copy of the peer's folder with what it needs, as often as it is started. */
async function peerFolder(ends) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-socketio-'));
  ends.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'socketio');
  cpSync(join(peers, 'socketio'), home, { recursive: true });
  chmodSync(home, 0o755);
  for (const name of readdirSync(home)) {
    if (name !== 'node_modules') chmodSync(join(home, name), 0o644);
  }
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: home });
  return home;
}

/** So many socket.io servers: {pid, port, url}. */
export async function socketIoServers(ends, count) {
  const home = await peerFolder(ends);
  return Promise.all(
    Array.from({ length: count }, async () => {
      const port = await freePort();
      const child = await start(ends, process.execPath, ['server.js'], { cwd: home, env: { ...process.env, PORT: String(port) } }, /up \d+/);
      return { pid: child.pid, port, url: `http://127.0.0.1:${port}` };
    }),
  );
}
