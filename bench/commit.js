/* The grouped commit by itself (db_commit.c), by the number of threads. SECONDS (5). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep, programs, run, table } from './lib.js';

const folder = mkdtempSync(join(tmpdir(), 'bench-commit-'));
const rows = [];
for (const threads of [1, 8, 64]) {
  const args = [String(threads), process.env.SECONDS ?? '5', join(folder, `${threads}.db`)];
  const { stdout } = await run(join(programs, 'db_commit'), args);
  rows.push({ threads, ...JSON.parse(stdout) });
}
rmSync(folder, { recursive: true });
table(
  'Grouped commit by itself',
  rows.map((r) => ({
    threads: r.threads,
    'durable transactions/s': r.perSecond,
    'p50 ms': r.p50Ms.toFixed(2),
    'p99 ms': r.p99Ms.toFixed(2),
    'in a commit': r.batch,
    'least and most served thread': `${r.least} and ${r.most}`,
    'bare fsync ms': (r.fsyncUs / 1000).toFixed(2),
  })),
);
keep('commit', rows);
