/* Folders and ports of a test's own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A new empty folder, removed when the scope (anything with after(fn)) ends. */
export async function scratchFolder(scope) {
  const folder = await mkdtemp(join(tmpdir(), 'metachat-test-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A TCP port of 127.0.0.1 on which nobody listens at this moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** The scope of a whole file, for what before() makes: an after() that is called inside of before()
 * runs as soon as before() is over. Call it at the top of the file. */
export function fileScope() {
  const ends = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { after: (end) => ends.push(end) };
}
