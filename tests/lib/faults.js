/* Makes calls of the real program fail, through tests/fault/faults.c.
 *
 *     const faults = new Faults(t);
 *     const mc = await Metachat.start(t, { env: faults.env });
 *     faults.arm('file', { nth: 3, code: 'ENOSPC' });           the third call from now fails
 *     faults.arm('db', { forEver: true, filter: 'COMMIT' });    all that have COMMIT in their SQL
 *     faults.clear();
 *     faults.seen('db'), faults.fired('db')                     since it was armed
 *
 * Classes are db, file, net-in and net-out. Of files, those are meant whose path has the filter in
 * it. ops: some of open, read, write, sync, name (rename, unlink, mkdir, ftruncate); without it: all. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { binary } from './binary.js';

const classes = ['db', 'file', 'net-in', 'net-out'];
const ops = { open: 1, read: 2, write: 4, sync: 8, name: 16 };
const sqlite = { SQLITE_BUSY: 5, SQLITE_NOMEM: 7, SQLITE_IOERR: 10, SQLITE_CORRUPT: 11, SQLITE_FULL: 13 };
const usual = { db: 'SQLITE_IOERR', file: 'EIO', 'net-in': 'ECONNRESET', 'net-out': 'ECONNRESET' };
const at = { nth: 0, forEver: 8, code: 16, ops: 24, seen: 32, fired: 40, filter: 48 };
const orderBytes = 128;
const filterBytes = orderBytes - at.filter;
const markerBytes = 64;

export class Faults {
  #fd;

  constructor(scope, { marker = 'made to fail' } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'metachat-faults-'));
    const path = join(folder, 'control');
    this.#fd = openSync(path, 'w+');
    ftruncateSync(this.#fd, classes.length * orderBytes + markerBytes);
    writeSync(this.#fd, Buffer.from(marker.slice(0, markerBytes - 1)), 0, undefined, classes.length * orderBytes);
    const library = join(dirname(realpathSync(binary)), '../../tests/fault/libfaults.so');
    this.env = { LD_PRELOAD: library, FAULTS_CONTROL: path };
    scope.after(() => {
      closeSync(this.#fd);
      rmSync(folder, { recursive: true, force: true });
    });
  }

  /** What was armed before in this class is forgotten. */
  arm(name, { nth = 1, forEver = false, code = usual[name], filter = name === 'file' ? '/data' : '', ops: which = Object.keys(ops) } = {}) {
    this.#write(name, 'nth', 0);
    this.#write(name, 'seen', 0);
    this.#write(name, 'fired', 0);
    this.#write(name, 'forEver', Number(forEver));
    this.#write(name, 'code', sqlite[code] ?? constants.errno[code]);
    this.#write(name, 'ops', which.reduce((mask, op) => mask | ops[op], 0));
    const text = Buffer.alloc(filterBytes);
    text.write(filter.slice(0, filterBytes - 1));
    writeSync(this.#fd, text, 0, filterBytes, this.#place(name, 'filter'));
    this.#write(name, 'nth', nth);
  }

  /** Nothing fails any more. */
  clear() {
    for (const name of classes) this.#write(name, 'nth', 0);
  }

  seen(name) {
    return this.#read(name, 'seen');
  }

  fired(name) {
    return this.#read(name, 'fired');
  }

  #place(name, member) {
    return classes.indexOf(name) * orderBytes + at[member];
  }

  #write(name, member, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.#fd, bytes, 0, 8, this.#place(name, member));
  }

  #read(name, member) {
    const bytes = Buffer.alloc(8);
    readSync(this.#fd, bytes, 0, 8, this.#place(name, member));
    return Number(bytes.readBigInt64LE());
  }
}
