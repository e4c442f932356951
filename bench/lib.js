/* What the benches share: things that end with the program, wrk, and figures of a process. */
import { execFile, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../tests/lib/scratch.js';

export const run = promisify(execFile);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** after(fn), as the test harness wants it; end() runs them, newest first. */
export function scope() {
  const fns = [];
  return {
    after: (fn) => fns.push(fn),
    end: async () => {
      while (fns.length) await fns.pop()();
    },
  };
}

/** A model with a fixed delay in a process of its own; gives its base URL. */
export async function model(ends, delayMs) {
  const port = await freePort();
  const child = spawn(process.execPath, [here('model.js'), port, delayMs], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((ready) => child.stdout.once('data', ready));
  ends.after(() => child.kill());
  return `http://127.0.0.1:${port}/v1`;
}

/** One run of wrk with bodies.lua. */
export async function wrk(url, { connections, seconds, env }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', here('bodies.lua'), url];
  const { stdout } = await run('wrk', args, { env: { ...process.env, ...env }, maxBuffer: 1 << 24 });
  return JSON.parse(/RESULT (.*)/.exec(stdout)[1]);
}

/** Resident memory of a process, bytes; without the pages of its files when anonymous. */
export function resident(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
}

/** Processor time that a process has used, in seconds. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export const size = (path) => statSync(path).size;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export function table(title, rows) {
  console.log(`\n## ${title}\n`);
  const names = Object.keys(rows[0]);
  console.log(`| ${names.join(' | ')} |\n|${names.map(() => '---').join('|')}|`);
  for (const row of rows) console.log(`| ${names.map((n) => row[n]).join(' | ')} |`);
}
