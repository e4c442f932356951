/* What the benches share: things that end with the program, a model, a shop with passages, wrk, figures
 * of a process, and tables that are printed and kept for plot.js. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);
export const programs = process.env.BENCH_PROGRAMS ?? 'build-bench/bench';
export const results = process.env.BENCH_RESULTS ?? 'build-bench/results';
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

/** A program that is ready when its output says so. */
export function start(ends, command, args, options, ready) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const ended = new Promise((done) => child.on('close', done));
  ends.after(() => (child.kill(), ended));
  return new Promise((done, fail) => {
    let said = '';
    const look = (text) => (said = (said + text).slice(-10_000)).match(ready) && done(child);
    child.stdout.setEncoding('utf8').on('data', look);
    child.stderr.setEncoding('utf8').on('data', look);
    child.on('error', fail);
    child.on('close', () => fail(new Error(`${command} ended:\n${said}`)));
  });
}

/** A model with a fixed delay in a process of its own (model.c); gives its base URL. */
export async function model(ends, delayMs, gapMs = 0) {
  const child = spawn(join(programs, 'model'), [String(delayMs), String(gapMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise((ready) => child.stdout.once('data', ready));
  ends.after(() => child.kill());
  return `http://127.0.0.1:${Number(port)}/v1`;
}

/** Settings of a server under load: no statement is checked, no budget is met. */
export const measured = {
  METACHAT_DB_CHECK_PLANS: '0',
  METACHAT_LOG_LEVEL: 'warn',
  METACHAT_RATE_CHAT_PER_MIN: '100000000',
};

/** The same of one that asks that model. */
export const asking = (url) => ({
  ...measured,
  METACHAT_OPENAI_BASE_URL: url,
  METACHAT_OPENAI_API_KEY: 'x',
});

/** A tenant that asks the model, with a thousand passages in which every one has the same words. */
export async function shopWithPassages(mc) {
  const shop = await mc.tenant('Bench');
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'bench' });
  const words = 'Customers may return items within 30 days of delivery; refunds go to the original payment method. Shipping takes three to five business days. ';
  for (let d = 0; d < 10; d++) {
    const text = Array.from({ length: 100 }, (_, i) => `## Section ${i} of document ${d}\n\n${words.repeat(4)}`).join('\n\n');
    await shop.addDocument(`document-${d}.md`, text);
  }
  return shop;
}

export const question = 'How do I return an item? I bought it last week.';

/** A file with a body for each of so many conversations, for bodies.lua. */
export async function chatBodies(mc, shop, count) {
  const bodies = [];
  for (let i = 0; i < count; i++) {
    const c = await shop.data('POST', '/conversations', { channelType: 'api', externalId: `bench-${i}` });
    bodies.push(JSON.stringify({ message: question, conversationId: c.id }));
  }
  const file = join(mc.folder, 'bodies.txt');
  writeFileSync(file, `${bodies.join('\n')}\n`);
  return file;
}

/** One run of wrk with bodies.lua. */
export async function wrk(url, { connections, seconds, env }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', here('bodies.lua'), url];
  const { stdout } = await run('wrk', args, { env: { ...process.env, ...env }, maxBuffer: 1 << 24 });
  return JSON.parse(/RESULT (.*)/.exec(stdout)[1]);
}

/** Resident memory of a process, bytes. */
export function resident(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
}

const statOf = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').map(Number);

/** Processor time that a process has used, in seconds. */
export function cpuSeconds(pid) {
  const fields = statOf(pid);
  return (fields[11] + fields[12]) / 100;
}

/** The same of a process, all that descend from it, and those of them that have ended. */
export function cpuSecondsOfAll(root) {
  const all = new Map();
  for (const name of readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n))) {
    try {
      all.set(Number(name), statOf(name));
    } catch {
      /* it has just ended */
    }
  }
  const sum = (pid) => {
    const fields = all.get(pid);
    const own = fields ? fields.slice(11, 15).reduce((a, b) => a + b, 0) / 100 : 0;
    return [...all].filter(([, f]) => f[1] === pid).reduce((total, [child]) => total + sum(child), own);
  };
  return sum(root);
}

export const size = (path) => statSync(path).size;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Keeps what was measured for plot.js. */
export function keep(name, data) {
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(data, null, 1)}\n`);
}

/** Prints a table as docs/performance.md has them. */
export function table(title, rows) {
  console.log(`\n## ${title}\n`);
  const names = Object.keys(rows[0]);
  console.log(`| ${names.join(' | ')} |\n|${names.map(() => '---').join('|')}|`);
  for (const row of rows) console.log(`| ${names.map((n) => row[n]).join(' | ')} |`);
}
