/* The program under test: each instance has a data folder and a port of its own.
 *
 *     const mc = await Metachat.start(t);            stopped, and its log looked at, when t ends
 *     const shop = await mc.tenant('Shop');          an Api with a key of that tenant
 *     const answer = await shop.chat('When do you open?');
 *
 * scope is anything with after(fn): a test's context, or fileScope() for a whole file.
 * Environment: METACHAT_BIN (build/metachat); METACHAT_TEST_TLS_CERT and METACHAT_TEST_TLS_KEY: serve
 * over TLS with these files, which NODE_EXTRA_CA_CERTS must make Node trust. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Api } from './api.js';
import { binary, root } from './binary.js';
import { freePort } from './scratch.js';
import { waitFor } from './wait.js';

export { binary, root };

/* Only these of our own environment reach the program: a developer's settings must not. */
const inherited = [
  'PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS', 'LLVM_PROFILE_FILE',
];

/** What the program gets of our environment. */
export function ownEnvironment() {
  return Object.fromEntries(inherited.filter((name) => name in process.env).map((name) => [name, process.env[name]]));
}

export class Metachat {
  #announced = [];
  #child = null;
  #ended = null;

  constructor(data, port, env, tls) {
    this.data = data;
    this.port = port;
    this.url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
    this.env = {
      ...ownEnvironment(),
      METACHAT_LISTEN: `127.0.0.1:${port}`,
      METACHAT_DATA: data,
      METACHAT_DB_CHECK_PLANS: process.env.METACHAT_DB_CHECK_PLANS ?? '1',
      ...(tls ? { METACHAT_TLS_CERT_FILE: tls.cert, METACHAT_TLS_KEY_FILE: tls.key } : {}),
      ...env,
    };
    this.log = []; // every line of the log, parsed
    this.noise = []; // every line of standard error that is no log line
    this.output = ''; // standard output
  }

  /** args: how to start it. env: settings on top of the test's own. data: a folder to take over. tls:
   * {cert, key}, files to serve with. */
  static async start(scope, { args = ['serve', '--migrate'], env = {}, data, tls = tlsOfEnvironment() } = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'metachat-test-'));
    const mc = new Metachat(data ?? join(folder, 'data'), await freePort(), env, tls);
    mc.folder = folder;
    scope.after(() => mc.#finish().finally(() => rm(folder, { recursive: true, force: true })));
    await mc.start(args);
    return mc;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** Starts it again in the same folder and on the same port, after stop or kill. */
  async start(args = ['serve', '--migrate']) {
    const child = spawn(binary, args, { env: this.env, cwd: this.folder ?? root, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })));
    child.on('error', (error) => this.noise.push(String(error)));
    child.stdout.setEncoding('utf8').on('data', (text) => (this.output += text));
    readLines(child.stderr, (line) => this.#line(line));
    const ended = this.#ended.then(({ code, signal }) => {
      throw new Error(`metachat ended at its start (${signal ?? code}):\n${this.#tail()}`);
    });
    ended.catch(() => {});
    await Promise.race([ended, this.answers()]);
  }

  /** Waits until it answers. */
  answers() {
    return waitFor(`an answer of ${this.url}`, () => isLive(this.url));
  }

  /** Ends it in good order; gives {code, signal}. */
  stop() {
    return this.signal('SIGTERM');
  }

  /** Ends it at once, as a power cut would. */
  kill() {
    return this.signal('SIGKILL');
  }

  async signal(name) {
    this.#child.kill(name);
    return this.ended();
  }

  async ended() {
    const how = await this.#ended;
    this.#child = null;
    return how;
  }

  /** Runs a command of the program beside the server; never throws for a refusal. */
  run(...args) {
    return new Promise((done) => {
      const options = { env: this.env, cwd: this.folder ?? root, timeout: 60_000, maxBuffer: 64 << 20 };
      execFile(binary, args, options, (error, stdout, stderr) => {
        done({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr });
      });
    });
  }

  /** The one JSON object that a command with --json prints; the command must succeed. */
  async runJson(...args) {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    assert.equal(code, 0, `metachat ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A new tenant: an Api that holds a key of it, with tenantId. */
  async tenant(name, { scopes } = {}) {
    const { tenantId } = await this.runJson('tenant', 'create', name);
    const api = this.api(await this.apiKey(tenantId, { scopes }));
    api.tenantId = tenantId;
    return api;
  }

  async apiKey(tenantId, { scopes } = {}) {
    const chosen = scopes ? ['--scopes', scopes.join(' ')] : [];
    return (await this.runJson('apikey', 'create', '--tenant', tenantId, ...chosen)).apiKey;
  }

  api(key = null) {
    return new Api(this.url, key);
  }

  /** Lines of the log with this event name. */
  events(name) {
    return this.log.filter((line) => line.event === name);
  }

  /** Announces that lines with this event may come at error level; any other one fails the test. */
  expectError(event) {
    this.#announced.push(event);
  }

  unannounced() {
    return this.log.filter((line) => line.level === 'error' && !this.#announced.includes(line.event));
  }

  #line(line) {
    try {
      const parsed = JSON.parse(line);
      assert.equal(typeof parsed.event, 'string');
      this.log.push(parsed);
    } catch {
      this.noise.push(line);
    }
  }

  async #finish() {
    if (this.#child) {
      const stuck = setTimeout(() => this.#child?.kill('SIGKILL'), 40_000);
      const { code, signal } = await this.stop();
      clearTimeout(stuck);
      assert.equal(signal ?? code, 0, `metachat ended with ${signal ?? code}:\n${this.#tail()}`);
    }
    assert.deepEqual(this.noise, [], 'standard error holds nothing but log lines');
    assert.deepEqual(this.unannounced(), [], 'no error in the log that was not announced');
  }

  #tail() {
    return [...this.noise, ...this.log.slice(-20).map((line) => JSON.stringify(line))].join('\n');
  }
}

/* Whom the certificate convinces is the test's business. */
function isLive(url) {
  const { get } = url.startsWith('https:') ? https : http;
  return new Promise((done) => {
    get(`${url}/health/live`, { agent: false, rejectUnauthorized: false }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    }).on('error', () => done(false));
  });
}

function tlsOfEnvironment() {
  const { METACHAT_TEST_TLS_CERT: cert, METACHAT_TEST_TLS_KEY: key } = process.env;
  return cert && { cert, key };
}

function readLines(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    lines.forEach(onLine);
  });
  stream.on('end', () => rest && onLine(rest));
}
