/* The conformance peer (tests/peers), which the build leaves beside the program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { binary } from './binary.js';

/** Starts one on a free port, with these arguments; gives {port, pid}. It ends with the scope. */
export async function startPeer(scope, ...args) {
  const program = join(dirname(realpathSync(binary)), '../../tests/peers/conformance');
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  scope.after(async () => {
    child.kill('SIGTERM');
    const [code, signal] = await ended;
    if (code !== 0) throw new Error(`the peer ended with ${signal ?? code}`);
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  return { port: Number(line.split(':').at(-1)), pid: child.pid };
}
