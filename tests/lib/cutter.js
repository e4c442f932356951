/* A way to the server that breaks: a TCP proxy that cuts its connections where it is told to, and
 * randomness that can be had again.
 *
 *     const way = await Cutter.start(t, mc.port, randomness(seed));
 *     … clients go to way.url …
 *     way.cut();      some connection, somewhere: at once, within the next bytes, or silently
 *     way.done        how many were cut */
import { connect, createServer } from 'node:net';

/** Numbers from 0 to 1 that follow from the seed (mulberry32), with pick(list) and below(n). */
export function randomness(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  next.below = (n) => Math.floor(next() * n);
  next.pick = (list) => list[next.below(list.length)];
  return next;
}

/* One connection through it: two sockets, and what of each direction still passes. */
class Pair {
  constructor(cutter, near, far) {
    this.cutter = cutter;
    this.sockets = { up: near, down: far }; // by the direction that it is read in
    this.left = { up: Infinity, down: Infinity }; // bytes until the cut
    this.mute = { up: false, down: false };
    this.#pass('up', near, far);
    this.#pass('down', far, near);
  }

  #pass(direction, from, to) {
    from.on('data', (bytes) => {
      if (this.mute[direction]) return;
      const left = this.left[direction];
      to.write(bytes.subarray(0, left));
      this.left[direction] -= bytes.length;
      if (this.left[direction] <= 0) this.destroy(true);
    });
    from.on('end', () => to.end());
    from.on('close', () => this.destroy(false));
    from.on('error', () => {});
  }

  destroy(isCut) {
    if (!this.cutter.pairs.delete(this)) return;
    if (isCut) this.cutter.done += 1;
    for (const socket of Object.values(this.sockets)) {
      if (isCut && this.cutter.random() < 0.5) socket.resetAndDestroy();
      else socket.destroySoon();
    }
  }
}

export class Cutter {
  static async start(scope, port, random) {
    const cutter = new Cutter(port, random);
    await new Promise((done) => cutter.server.listen(0, '127.0.0.1', done));
    cutter.url = `http://127.0.0.1:${cutter.server.address().port}`;
    scope.after(() => {
      for (const pair of cutter.pairs) pair.destroy(false);
      cutter.server.close();
    });
    return cutter;
  }

  constructor(port, random) {
    this.random = random;
    this.pairs = new Set();
    this.done = 0;
    this.waiting = []; // what is to be done to the next connections
    this.server = createServer({ allowHalfOpen: true }, (near) => {
      const pair = new Pair(this, near, connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
      this.pairs.add(pair);
      this.waiting.shift()?.(pair);
    });
  }

  /** Cuts a connection that there is, or the next one. */
  cut() {
    const { random } = this;
    const direction = random.pick(['up', 'down']);
    const ways = {
      atOnce: (pair) => pair.destroy(true),
      soon: (pair) => (pair.left[direction] = 1 + random.below(600)),
      silently: (pair) => {
        for (const d of random() < 0.5 ? ['up', 'down'] : [direction]) pair.mute[d] = true;
        this.done += 1;
      },
    };
    const way = ways[random.pick(['atOnce', 'atOnce', 'soon', 'soon', 'soon', 'silently'])];
    const pairs = [...this.pairs].filter((pair) => !pair.mute.up && !pair.mute.down);
    if (!pairs.length || random() < 0.3) this.waiting.push(way);
    else way(random.pick(pairs));
  }

  /** From now on everything passes. What was silenced stays so until its ends notice. */
  spare() {
    this.waiting = [];
    for (const pair of this.pairs) pair.left = { up: Infinity, down: Infinity };
  }
}
