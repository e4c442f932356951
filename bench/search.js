/* Time of a question in text search: one tenant with CHUNKS (100000) passages, and TENANTS (1000) that share as
 * many. QUESTIONS (300) each. */
import { join } from 'node:path';
import { keep, programs, run, table } from './lib.js';

const chunks = process.env.CHUNKS ?? '100000';
const questions = process.env.QUESTIONS ?? '300';
const rows = [];
for (const tenants of ['1', process.env.TENANTS ?? '1000']) {
  const { stdout } = await run(join(programs, 'search_text'), [chunks, questions, tenants], { maxBuffer: 1 << 24 });
  rows.push(JSON.parse(stdout));
}
table(
  'Text search',
  rows.map((r) => ({
    tenants: r.tenants,
    'passages in all': r.passages,
    'p50 ms': r.ms[50].toFixed(2),
    'p95 ms': r.ms[95].toFixed(2),
    'p99 ms': r.ms[99].toFixed(2),
    'first ten as exhaustive': `${(r.sameTop * 100).toFixed(1)} % of ${r.questions}`,
    'passages written/s': (r.passages / r.writtenSeconds).toFixed(0),
  })),
);
keep('search', rows);
