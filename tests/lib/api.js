/* A caller of the HTTP API: one base address, one credential. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { binary } from './binary.js';
import { assertContract } from './contract.js';
import { frames } from './sse.js';
import { waitFor } from './wait.js';

export class Api {
  /** url: "http://127.0.0.1:3007"; key: an API key, or null for a stranger. */
  constructor(url, key = null) {
    this.url = url;
    this.key = key;
  }

  as(key) {
    return new Api(this.url, key);
  }

  /** A path that begins with "//" is taken from the root, every other one lies under /api/v1. */
  address(path) {
    return this.url + (path.startsWith('//') ? path.slice(1) : '/api/v1' + path);
  }

  /** Sends what it is given. body: an object goes as JSON, text, bytes and forms as they are. */
  fetch(method, path, { body, headers = {}, signal } = {}) {
    const plain = body !== undefined && isPlain(body);
    return fetch(this.address(path), {
      method,
      signal,
      headers: {
        ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}),
        ...(plain ? { 'Content-Type': 'application/json' } : {}),
        ...headers,
      },
      body: plain ? JSON.stringify(body) : body,
    });
  }

  /** The whole answer: {status, headers, text, body}, body being the JSON when it is JSON. It must be
   * as the OpenAPI document says. */
  async request(method, path, options) {
    const response = await this.fetch(method, path, options);
    const text = await response.text();
    const answer = { status: response.status, headers: response.headers, text, body: parsed(text) };
    assertContract(binary, method, new URL(response.url).pathname, answer);
    return answer;
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, body, options) {
    return this.request('POST', path, { ...options, body });
  }

  put(path, body, options) {
    return this.request('PUT', path, { ...options, body });
  }

  patch(path, body, options) {
    return this.request('PATCH', path, { ...options, body });
  }

  delete(path, options) {
    return this.request('DELETE', path, options);
  }

  /** The data of a call that must succeed. */
  async data(method, path, body, options) {
    const answer = await this.request(method, path, { ...options, body });
    assert.ok(
      answer.status >= 200 && answer.status < 300 && answer.body?.success === true,
      `${method} ${path}: ${answer.status} ${answer.text}`,
    );
    return answer.body.data;
  }

  /** Frames {event, data, id} of an event stream, as they come. */
  async *stream(method, path, { body, headers = {}, signal } = {}) {
    const response = await this.fetch(method, path, {
      body,
      signal,
      headers: { Accept: 'text/event-stream', ...headers },
    });
    assert.equal(response.status, 200, `${method} ${path}`);
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    yield* frames(response);
  }

  chat(message, more = {}) {
    return this.data('POST', '/chat', { message, ...more });
  }

  /** {text, done, frames}: the deltas joined, the data of the last frame, and every frame. */
  async chatStreamed(message, more = {}) {
    const seen = [];
    for await (const frame of this.stream('POST', '/chat', { body: { message, ...more } })) seen.push(frame);
    const deltas = seen.filter((f) => f.event === 'delta').map((f) => f.data.text);
    return { text: deltas.join(''), done: seen.find((f) => f.event === 'done')?.data, frames: seen };
  }

  /** Stores a text and waits until it can be searched; a failed one is given back as it is. */
  async addDocument(name, text, more = {}) {
    const { id } = await this.data('POST', '/documents', { name, text, ...more });
    return this.documentSettled(id);
  }

  upload(name, bytes, type = 'application/octet-stream') {
    const form = new FormData();
    form.append('file', new Blob([bytes], { type }), name);
    return this.post('/documents', form);
  }

  documentSettled(id) {
    return waitFor(`document ${id} to be ready or failed`, async () => {
      const document = await this.data('GET', `/documents/${id}`);
      return ['ready', 'failed'].includes(document.status) && document;
    });
  }

  /** Every item of a list, page by page. */
  async all(path, { limit = 100 } = {}) {
    const items = [];
    for (let cursor = ''; cursor !== null; ) {
      const query = `limit=${limit}` + (cursor ? `&cursor=${encodeURIComponent(cursor)}` : '');
      const answer = await this.get(path + (path.includes('?') ? '&' : '?') + query);
      assert.equal(answer.status, 200, answer.text);
      items.push(...answer.body.data);
      cursor = answer.body.page?.next ?? null;
    }
    return items;
  }
}

function isPlain(body) {
  return (
    body === null ||
    (typeof body === 'object' &&
      !(body instanceof FormData || body instanceof Blob || body instanceof URLSearchParams) &&
      !ArrayBuffer.isView(body) &&
      typeof body.getReader !== 'function' &&
      typeof body[Symbol.asyncIterator] !== 'function')
  );
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asserts the one form of an error, and gives the error back. */
export function assertError(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body?.success, false, answer.text);
  const { error } = answer.body;
  for (const member of ['code', 'message', 'requestId', 'timestamp']) {
    assert.equal(typeof error[member], 'string', `error.${member} in ${answer.text}`);
  }
  if (code) assert.equal(error.code, code, answer.text);
  return error;
}

/** Sends bytes as they are on a connection of their own; gives back all that came until it closed. */
export function rawExchange(url, bytes, { withinMs = 15_000, end = true } = {}) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const parts = [];
    const socket = connect(Number(port), hostname, () => (end ? socket.end(bytes) : socket.write(bytes)));
    const tooLate = setTimeout(() => socket.destroy(new Error(`no end within ${withinMs} ms`)), withinMs);
    socket.on('data', (part) => parts.push(part));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(tooLate);
      resolve(Buffer.concat(parts).toString('latin1'));
    });
  });
}
