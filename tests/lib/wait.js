/* Waiting for something to become true, and nothing else: no test sleeps a fixed time. */

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again and again until probe() gives something truthy, and gives that back. */
export async function waitFor(what, probe, { withinMs = 15_000, everyMs = 20 } = {}) {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await pause(everyMs);
  }
}
