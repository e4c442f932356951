/** Milliseconds before the n-th try again (from 0): doubling from one second to half a minute, and of
 * that a random half, so that not all come back at once. */
export function backoff(n: number): number {
  const whole = Math.min(30_000, 1000 * 2 ** Math.min(n, 10));
  return whole / 2 + (Math.random() * whole) / 2;
}

/** A random id (UUID 4), also where crypto.randomUUID is missing: on pages without TLS. */
export function newId(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...b].map((v) => v.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
