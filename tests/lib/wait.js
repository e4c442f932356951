/* Waiting for something to become true, and nothing else: no test sleeps a fixed time.
 * Environment: TEST_PATIENCE (1), by which every wait is longer under slow builds. */

const patience = Number(process.env.TEST_PATIENCE ?? 1);

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again and again until probe() gives something truthy, and gives that back. */
export async function waitFor(what, probe, { withinMs = 15_000, everyMs = 20 } = {}) {
  const end = Date.now() + withinMs * patience;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${withinMs * patience} ms in vain for ${what}`);
    await pause(everyMs);
  }
}
