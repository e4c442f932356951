/* The database file as an onlooker reads it, beside the server or without one. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from './wait.js';

/** Rows of a SELECT, as objects; blobs come as hex() makes them. */
export function query(mc, sql) {
  return new Promise((done, fail) => {
    const args = ['-readonly', '-json', '-cmd', '.timeout 5000', join(mc.data, 'metachat.db'), sql];
    execFile('sqlite3', args, { maxBuffer: 64 << 20 }, (error, stdout) => {
      if (error) fail(error);
      else done(stdout.trim() ? JSON.parse(stdout) : []);
    });
  });
}

/** The only value of a SELECT. */
export async function value(mc, sql) {
  const [row] = await query(mc, sql);
  return row && Object.values(row)[0];
}

export const hex = (id) => `x'${id.replaceAll('-', '')}'`;

const ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'chunks_fts%'";

/** How many rows each table has. */
export async function rowCounts(mc) {
  const tables = (await query(mc, ours)).map((row) => row.name);
  const counts = tables.map((name) => `SELECT '${name}' AS name, count(*) AS n FROM ${name}`);
  const rows = await query(mc, counts.join(' UNION ALL '));
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
}

/** Of a job: that hours later the files of a deleted document are looked at again, and nothing else. */
export const laterLook =
  "(kind = 'document.purge' AND state = 'pending' AND failures = 0 AND due_us > created_us + 3600000000)";

/** Waits until no job is running or about to; what is due later than in some seconds may stay. */
export function quiet(mc, { withinMs = 15_000 } = {}) {
  const soon = "state = 'running' OR (state = 'pending' AND due_us < (unixepoch() + 10) * 1000000)";
  const open = `SELECT count(*) FROM jobs WHERE ${soon}`;
  return waitFor('the jobs to be done', async () => (await value(mc, open)) === 0, { withinMs });
}
