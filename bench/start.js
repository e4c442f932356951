/* Start to first answer on an existing database, idle memory, size of the program. */
import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { binary, Metachat } from '../tests/lib/metachat.js';
import { median, resident, scope, size, table } from './lib.js';

/** From the start of the process to the first answered request, ms. */
function startOnce(mc) {
  return new Promise((resolve, reject) => {
    const began = process.hrtime.bigint();
    const child = spawn(binary, ['serve'], { env: mc.env, cwd: mc.folder, stdio: ['ignore', 'ignore', 'ignore'] });
    const attempt = () => {
      const socket = createConnection(mc.port, '127.0.0.1');
      socket.on('connect', () => socket.write('GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'));
      socket.on('data', () => {
        const ms = Number(process.hrtime.bigint() - began) / 1e6;
        socket.destroy();
        resolve({ ms, child });
      });
      socket.on('error', () => setTimeout(attempt, 1));
    };
    child.on('error', reject);
    attempt();
  });
}

const ends = scope();
const mc = await Metachat.start(ends, { args: ['demo'], env: { METACHAT_DB_CHECK_PLANS: '0' } });
await mc.stop();
const times = [];
const memory = [];
for (let i = 0; i < 11; i++) {
  const { ms, child } = await startOnce(mc);
  await new Promise((r) => setTimeout(r, 500));
  times.push(ms);
  memory.push(resident(child.pid));
  await new Promise((r) => {
    child.on('close', r);
    child.kill('SIGTERM');
  });
}
table('Start, memory, size (11 starts on the demo database)', [
  {
    'start to first answer, median ms': median(times).toFixed(1),
    'slowest ms': Math.max(...times).toFixed(1),
    'idle resident, median MB': (median(memory) / 1e6).toFixed(1),
    'program MB': (size(binary) / 1e6).toFixed(2),
  },
]);
await ends.end();
