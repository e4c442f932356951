/* The judge of the soak: what is flat passes, each kind of growth does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, slope } from './judge.js';

const rest = { fds: 30, threads: 12 };
const noise = (i) => ((i * 7919) % 13) / 13; // 0 to 1, the same in every run

/** Samples of an hour, each changed by change(sample, i). */
function hour(change = () => {}) {
  return Array.from({ length: 360 }, (_, i) => {
    const sample = { at: i * 10, rss: (60 + noise(i)) * 2 ** 20, anon: (40 + noise(i)) * 2 ** 20, db: (1 + i) << 20, wal: 4 << 20, fds: 80, threads: 30, count: 500, p50: 3, p99: 12 + 5 * noise(i) };
    change(sample, i);
    return sample;
  });
}

const refused = (samples, after = rest) => judge(samples, rest, after).filter((v) => !v.fine).map((v) => v.what.split(' ')[0]);

test('what is flat passes, also with a warm-up', () => {
  assert.deepEqual(refused(hour()), []);
  assert.deepEqual(refused(hour((s, i) => (s.anon -= Math.max(0, 60 - i) * 2 ** 19))), []);
});

test('each kind of growth is refused', () => {
  assert.deepEqual(refused(hour((s, i) => (s.anon += i * 20_000))), ['anon']);
  assert.deepEqual(refused(hour((s, i) => (s.rss += i * 30_000))), ['rss']);
  assert.deepEqual(refused(hour((s, i) => (s.wal += i * 100_000))), ['the']);
  assert.deepEqual(refused(hour((s, i) => (s.p99 += i * 0.2))), ['p99']);
  assert.deepEqual(refused(hour(), { fds: 40, threads: 12 }), ['40']);
  assert.deepEqual(refused(hour(), { fds: 30, threads: 20 }), ['20']);
  assert.deepEqual(refused(hour((s, i) => i === 200 && (s.count = 0))), ['360']);
  assert.deepEqual(refused(hour().slice(0, 5)), ['5']);
});

test('while the caches fill there is a ceiling', () => {
  const short = (anon) => hour((s, i) => (s.anon = anon(i))).slice(0, 240);
  assert.deepEqual(refused(short((i) => (30 + i / 3) * 2 ** 20)), [], 'caches fill');
  assert.deepEqual(refused(short((i) => (30 + i) * 2 ** 20)), ['anon']);
});

test('the slope is that of the line', () => {
  assert.equal(slope([0, 1, 2, 3], [5, 7, 9, 11]), 2);
  assert.equal(slope([4], [1]), 0);
});
