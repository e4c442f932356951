/* Clients that mean no good, and one that does.
 *
 * Every client may come from an address of its own (127.0.1.1, 127.0.1.2 …), so that a bound on
 * connections of one address does not stand in the way of what is tested. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { pause, waitFor } from './wait.js';

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const addressOf = (i) => `127.0.${1 + Math.floor(i / 200)}.${1 + (i % 200)}`;

/** A connection that remembers what came: {socket, text(), bytes, ready, closed}; it never throws.
 * A paused one reads nothing until read() is called. */
export function open(mc, { from = 0, paused = false } = {}) {
  const socket = connect({ port: mc.port, host: '127.0.0.1', localAddress: addressOf(from), allowHalfOpen: true });
  const parts = [];
  const client = { socket, opened: Date.now(), text: () => Buffer.concat(parts).toString('latin1'), bytes: 0, done: false };
  socket.on('error', () => {});
  client.read = () => {
    socket.on('data', (part) => {
      client.bytes += part.length;
      parts.push(part);
    });
    socket.on('end', () => socket.end());
  };
  if (!paused) client.read();
  client.ready = new Promise((done) => socket.on('connect', done).on('close', done));
  client.closed = new Promise((done) => {
    socket.on('close', () => {
      client.done = true;
      client.lasted = Date.now() - client.opened;
      done(client);
    });
  });
  return client;
}

/** Sends bytes and waits for the server to close; gives all that came. */
export async function send(mc, bytes, { from = 0, end = false, withinMs = 15_000 } = {}) {
  const client = open(mc, { from });
  if (end) client.socket.end(bytes);
  else client.socket.write(bytes);
  await within(`the end of a connection that sent ${String(bytes).slice(0, 60)}`, client.closed, withinMs);
  return client.text();
}

export function within(what, promise, ms) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`waited ${ms} ms in vain for ${what}`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Sends a byte each everyMs for as long as the connection stands. */
export async function trickle(client, bytes, everyMs) {
  for (const byte of Buffer.from(bytes)) {
    if (client.done || client.socket.destroyed) return;
    client.socket.write(Buffer.from([byte]));
    await Promise.race([client.closed, pause(everyMs)]);
  }
}

/** Cuts what came on one connection into answers {status, headers, body}. */
export function answersIn(text) {
  const answers = [];
  while (text) {
    const end = text.indexOf('\r\n\r\n');
    assert.ok(end > 0, `no whole head: ${JSON.stringify(text.slice(0, 100))}`);
    const [line, ...lines] = text.slice(0, end).split('\r\n');
    const headers = new Headers(lines.map((l) => l.split(/:\s*(.*)/s).slice(0, 2)));
    const length = Number(headers.get('content-length'));
    assert.ok(Number.isInteger(length), `an answer without length: ${line}`);
    answers.push({ status: Number(line.split(' ')[1]), headers, body: text.slice(end + 4, end + 4 + length) });
    text = text.slice(end + 4 + length);
  }
  return answers;
}

/** One request of a well-behaved client, on a connection of its own; gives {status, ms}. */
export function politely(mc, path, headers = {}, from = 9) {
  const started = Date.now();
  return new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port: mc.port, path, headers, agent: false, localAddress: `127.0.0.${from}` };
    const req = request(options, (res) => {
      res.resume();
      res.on('end', () => done({ status: res.statusCode, ms: Date.now() - started }));
      res.on('error', fail);
    });
    req.on('error', fail);
    req.setTimeout(20_000, () => req.destroy(new Error(`no answer to ${path} within 20 s`)));
    req.end();
  });
}

/** Serves an honest client until the work is done: each of its requests must be answered with 200
 * within boundMs. Gives how many there were, and the longest wait. */
export async function besides(mc, key, work, boundMs) {
  let over = false;
  const ended = work.finally(() => (over = true));
  ended.catch(() => {});
  const waits = [];
  do {
    for (const [path, headers] of [['/health/live', {}], ['/api/v1/documents', { authorization: `Bearer ${key}` }]]) {
      const { status, ms } = await politely(mc, path, headers);
      assert.equal(status, 200, path);
      waits.push(ms);
    }
    await pause(10);
  } while (!over);
  await ended;
  const longest = Math.max(...waits);
  assert.ok(longest <= boundMs, `an honest client waited ${longest} ms; at most ${boundMs} ms are fine`);
  return { requests: waits.length, longest };
}

/** Open descriptors but those of the database's connections for reading, which are opened when many
 * read at once, and stay. */
function descriptors(mc) {
  const folder = `/proc/${mc.pid}/fd`;
  const isOfDatabase = (fd) => {
    try {
      return /\/metachat\.db(-wal|-shm)?$/.test(readlinkSync(`${folder}/${fd}`));
    } catch {
      return false; // closed in between
    }
  };
  return readdirSync(folder).filter((fd) => !isOfDatabase(fd)).length;
}

/** Memory that the process has in hand, in MB. */
export function residentMb(mc) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${mc.pid}/status`, 'utf8'))[1]) / 1024;
}

async function connections(mc) {
  const text = await (await fetch(`${mc.url}/metrics`)).text();
  return Number(/^metachat_http_connections (\d+)/m.exec(text)?.[1] ?? /^http_connections (\d+)/m.exec(text)[1]);
}

/** Waits until all connections but those of the asking itself are gone, and their descriptors. */
export async function settled(mc, before) {
  await waitFor('connections to go', async () => (await connections(mc)) <= 3);
  await waitFor('descriptors to go', () => descriptors(mc) <= before + 3);
}

export { descriptors };
