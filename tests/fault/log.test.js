/* A log that nobody reads, that nobody holds any more, or that was never there: the program serves
 * on, lines are dropped and counted, and come again when somebody reads again. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, constants, readFileSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Api } from '../lib/api.js';
import { binary } from '../lib/binary.js';
import { healthPart, metric, operatorEnv, operatorToken } from '../lib/health.js';
import { freePort, scratchFolder } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

/* The program with this as its standard error; what asks it, and stop(), which gives how it ended. */
async function serve(t, stderr, { by = [binary] } = {}) {
  const folder = await scratchFolder(t);
  const port = await freePort();
  const env = { PATH: process.env.PATH, ...operatorEnv, METACHAT_DATA: join(folder, 'data'), METACHAT_LISTEN: `127.0.0.1:${port}` };
  const child = spawn(by[0], [...by.slice(1), 'serve', '--migrate'], { env, cwd: folder, stdio: ['ignore', 'ignore', stderr] });
  const ended = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal })));
  t.after(() => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  const mc = { child, folder, api: (key) => new Api(url, key), stop: () => (child.kill('SIGTERM'), ended) };
  await waitFor('an answer', async () => {
    try {
      return (await fetch(`${url}/health/live`)).status === 200;
    } catch {
      return false;
    }
  });
  return mc;
}

/* More lines than a pipe holds. */
async function talk(mc) {
  const api = mc.api(operatorToken);
  for (let n = 0; n < 30; n++) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.get('/tenants')));
    for (const answer of answers) assert.equal(answer.status, 200);
  }
}

// shows: RES-5, RES-11
test('nobody reads the log', { timeout: 60_000 }, async (t) => {
  const folder = await scratchFolder(t);
  const path = join(folder, 'log');
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  t.after(() => closeSync(fd));
  const mc = await serve(t, writer);
  closeSync(writer);
  await talk(mc);
  const part = await healthPart(mc, 'log');
  assert.equal(part.ok, false);
  assert.match(part.detail, /^\d+ lines were dropped since the start/);
  assert.ok((await metric(mc, 'log_lines_dropped_total')) > 0);

  const read = () => {
    const bytes = Buffer.alloc(1 << 20);
    let text = '';
    try {
      for (let n; (n = readSync(fd, bytes)) > 0; ) text += bytes.toString('utf8', 0, n);
    } catch (error) {
      assert.equal(error.code, 'EAGAIN');
    }
    return text;
  };
  for (const line of read().trimEnd().split('\n')) JSON.parse(line); // no half line
  await mc.api(operatorToken).get('/tenants', { headers: { 'X-Request-Id': 'read-again' } });
  await waitFor('a line', () => read().includes('"read-again"'));
  assert.deepEqual(await mc.stop(), { code: 0, signal: null });
});

test('the reader of the log is gone', { timeout: 60_000 }, async (t) => {
  const mc = await serve(t, 'pipe');
  mc.child.stderr.destroy();
  await talk(mc);
  assert.equal((await healthPart(mc, 'log')).ok, false);
  assert.deepEqual(await mc.stop(), { code: 0, signal: null });
});

test('there are no standard streams at all', { timeout: 60_000 }, async (t) => {
  const mc = await serve(t, 'ignore', { by: ['sh', '-c', 'exec "$0" "$@" <&- >&- 2>&-', binary] });
  for (const fd of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${mc.child.pid}/fd/${fd}`), '/dev/null');
  await talk(mc);
  assert.deepEqual(await mc.stop(), { code: 0, signal: null });
  assert.equal(readFileSync(join(mc.folder, 'data/metachat.db')).toString('latin1', 0, 15), 'SQLite format 3');
});
