/* Whether what was measured stayed flat. Pure: samples go in, sentences come out.
 *
 * A sample: {at: s since the start, rss, anon, db, wal: bytes, fds, threads, count, p50, p99: ms}. */

/** The bounds, in one place. */
export const bounds = {
  cached: 128 << 20, // bytes: while the database is smaller, its caches (64 MB, 2 MB a reader) still fill
  ceiling: 192 << 20, // bytes of memory when that is so at half time
  growth: 0.05, // when not: of the mean, over the second half, by the line through its samples
  growthFloor: 2 << 20, // bytes that are no growth, whatever the mean is
  walFactor: 1.5, // last fifth against the highest of the first half
  walFloor: 8 << 20,
  latencyFactor: 3, // p99 of the last fifth against the first
  latencyFloor: 25, // ms: below that it is noise of the machine
  spareFds: 4, // descriptors and threads, after a rest, above what they were before the load
  spareThreads: 2,
};

const part = (samples, from, to) => samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Slope of the line through the points, by least squares. */
export function slope(xs, ys) {
  const mx = mean(xs);
  const my = mean(ys);
  const square = xs.reduce((sum, x) => sum + (x - mx) ** 2, 0);
  return square ? xs.reduce((sum, x, i) => sum + (x - mx) * (ys[i] - my), 0) / square : 0;
}

const mb = (bytes) => (bytes / 2 ** 20).toFixed(1);

function ceilingVerdict(samples, name) {
  const highest = Math.max(...samples.map((s) => s[name]));
  return { fine: highest <= bounds.ceiling, what: `${name} reaches ${mb(highest)} MB, at most ${mb(bounds.ceiling)} while the caches fill` };
}

function memoryVerdict(samples, name) {
  const half = part(samples, 0.5, 1);
  if (half[0].db < bounds.cached) return ceilingVerdict(samples, name);
  const xs = half.map((s) => s.at);
  const ys = half.map((s) => s[name]);
  const grown = slope(xs, ys) * (xs.at(-1) - xs[0]);
  const allowed = Math.max(bounds.growth * mean(ys), bounds.growthFloor);
  return { fine: grown <= allowed, what: `${name} grows by ${mb(grown)} MB in the second half, at most ${mb(allowed)} (mean ${mb(mean(ys))})` };
}

function walVerdict(samples) {
  const before = Math.max(...part(samples, 0, 0.5).map((s) => s.wal));
  const after = Math.max(...part(samples, 0.8, 1).map((s) => s.wal));
  const allowed = Math.max(bounds.walFactor * before, bounds.walFloor);
  return { fine: after <= allowed, what: `the write-ahead log has ${after} bytes at the end, at most ${Math.round(allowed)}` };
}

function latencyVerdict(samples) {
  const first = median(part(samples, 0, 0.2).map((s) => s.p99));
  const last = median(part(samples, 0.8, 1).map((s) => s.p99));
  const allowed = Math.max(bounds.latencyFactor * first, bounds.latencyFloor);
  return { fine: last <= allowed, what: `p99 is ${last.toFixed(1)} ms at the end and was ${first.toFixed(1)}, at most ${allowed.toFixed(1)}` };
}

function restVerdict(before, after, name, spare) {
  return { fine: after[name] <= before[name] + spare, what: `${after[name]} ${name} after a rest, ${before[name]} before the load, at most ${spare} more` };
}

/** Verdicts {fine, what}. before, after: samples at rest, before the load and after it. */
export function judge(samples, before, after) {
  const served = samples.filter((s) => s.count > 0).length;
  return [
    { fine: samples.length >= 10 && served === samples.length, what: `${samples.length} samples, in ${served} of them requests were answered` },
    memoryVerdict(samples, 'anon'),
    memoryVerdict(samples, 'rss'),
    walVerdict(samples),
    latencyVerdict(samples),
    restVerdict(before, after, 'fds', bounds.spareFds),
    restVerdict(before, after, 'threads', bounds.spareThreads),
  ];
}
