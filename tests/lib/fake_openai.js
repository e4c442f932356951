/* An OpenAI-compatible model provider that does what it is told, on a port of its own.
 *
 *     const model = await FakeOpenAI.start(t, { answer: (request) => 'It costs 12 EUR. [1]' });
 *     model.next({ status: 429, retryAfter: 1 }, { cutAfter: 3 });     the next two requests
 *     … METACHAT_OPENAI_BASE_URL: model.url
 *     model.requests[0].body.messages
 *
 * It speaks the wire form of POST /v1/chat/completions, with and without "stream", as the real one
 * does: `obfuscation` in every chunk, `usage: null` in all but an extra last one when usage was
 * asked for, then [DONE]. What a real provider would refuse (no key, no model, no messages) is
 * refused here too, so that a test cannot pass on a malformed request. */
import { createServer } from 'node:http';
import { pause } from './wait.js';

/* A behaviour is any mix of these; what is not given is as in `answers`.
 *
 *   answer       text, or a function of the request that gives it (a promise is fine)
 *   delayMs      before the head of the reply
 *   pieceMs      between two pieces of text
 *   pieceChars   characters in a piece (default: one word)
 *   finish       finish_reason (default "stop")
 *   usage        the usage object; false: a stream ends without it
 *   headers      more headers of the reply
 *   status       an error instead of an answer; error: members of its object; retryAfter: seconds
 *   body         bytes instead of an answer, as they are; type: their content type
 *   silent       reads the request and never says anything
 *   refuse       closes the connection without a reply
 *   cutAfter     n pieces, then the connection is destroyed
 *   stallAfter   n pieces, then silence until the caller leaves
 *   garbageAfter n pieces, then frames that are no JSON, then the rest
 *   noDone       the stream ends without [DONE]
 *   endless      the answer again and again, until the caller leaves
 *   byteMs       the stream in single bytes, this far apart */
const answers = { answer: 'Yes.', delayMs: 0, pieceMs: 0, finish: 'stop' };

/* The errors of the real one, by status. */
const errors = {
  400: { type: 'invalid_request_error', code: null, message: 'The request could not be understood.' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  403: { type: 'invalid_request_error', code: 'unsupported_country_region_territory', message: 'Not supported.' },
  404: { type: 'invalid_request_error', code: 'model_not_found', message: 'The model does not exist.' },
  408: { type: 'server_error', code: null, message: 'The request timed out.' },
  429: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests.' },
  500: { type: 'server_error', code: null, message: 'The server had an error while processing your request.' },
  503: { type: 'server_error', code: null, message: 'The engine is currently overloaded.' },
};

/** The 429 that no waiting cures. */
export const insufficientQuota = {
  status: 429,
  error: {
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    message: 'You exceeded your current quota, please check your plan and billing details.',
  },
};

export class FakeOpenAI {
  #server;
  #script = [];
  #always;

  /** behaviour: what every request gets, unless next() says otherwise. key: the only accepted one. */
  static async start(scope, behaviour = {}, { key = null, port = 0 } = {}) {
    const fake = new FakeOpenAI(behaviour, key);
    await fake.#listen(port);
    scope.after(() => fake.stop());
    return fake;
  }

  constructor(behaviour, key) {
    this.#always = { ...answers, ...behaviour };
    this.key = key;
    this.requests = []; // {at, path, headers, text, body, left: the caller went before the end}
    this.#server = createServer((req, res) => this.#serve(req, res).catch((error) => res.destroy(error)));
    this.#server.keepAliveTimeout = 60_000;
  }

  #listen(port) {
    return new Promise((done, fail) => {
      this.#server.once('error', fail);
      this.#server.listen(port, '127.0.0.1', () => {
        this.port = this.#server.address().port;
        this.url = `http://127.0.0.1:${this.port}/v1`;
        done();
      });
    });
  }

  /** From now on every request gets this. */
  always(behaviour) {
    this.#always = { ...answers, ...behaviour };
  }

  /** The next requests get these, one each; what is not given is as always() says. */
  next(...behaviours) {
    this.#script.push(...behaviours);
  }

  /** Forgets what next() asked for and nobody fetched. */
  clear() {
    this.#script = [];
  }

  /** Stops listening and cuts every connection: the provider is dead. */
  stop() {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(() => done()));
  }

  /** Listens again on the same port. */
  restart() {
    return this.#listen(this.port);
  }

  async #serve(req, res) {
    const request = { at: Date.now(), path: req.url, headers: req.headers, text: await textOf(req), left: false };
    request.body = parsed(request.text);
    this.requests.push(request);
    res.on('close', () => (request.left = !res.writableFinished));

    const refusal = this.#refusal(req, request);
    const behaviour = refusal ?? { ...this.#always, ...this.#script.shift() };
    if (behaviour.refuse) return req.socket.destroy();
    if (behaviour.silent) return;
    if (behaviour.delayMs) await pause(behaviour.delayMs);
    if (behaviour.status >= 400) return fail(res, behaviour);
    if (behaviour.body !== undefined) return whole(res, behaviour.body, behaviour);

    const text = typeof behaviour.answer === 'function' ? await behaviour.answer(request) : behaviour.answer;
    if (request.body.stream) return new Stream(res, request, behaviour).send(text);
    return whole(res, JSON.stringify(completion(request, text, behaviour)), behaviour);
  }

  #refusal(req, { path, headers, body }) {
    if (req.method !== 'POST' || path !== '/v1/chat/completions') {
      return { status: 404, error: { message: `Invalid URL (${req.method} ${path})`, code: null } };
    }
    const key = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
    if (this.key !== null && key !== this.key) return { status: 401 };
    if (!/^application\/json/.test(headers['content-type'] ?? '')) return bad('Content-Type must be application/json.');
    if (typeof body !== 'object' || body === null) return bad('The body is no JSON object.');
    if (typeof body.model !== 'string' || !body.model) return bad('you must provide a model parameter', 'model');
    if (!Array.isArray(body.messages) || !body.messages.length) return bad('[] is too short - messages', 'messages');
    const wrong = body.messages.findIndex((m) => !validMessage(m));
    if (wrong >= 0) return bad(`Invalid value in messages[${wrong}].`, `messages[${wrong}]`);
    if (body.stream_options && !body.stream) return bad('stream_options needs stream.', 'stream_options');
    return null;
  }
}

function validMessage(m) {
  const roles = ['developer', 'system', 'user', 'assistant', 'tool'];
  return roles.includes(m?.role) && (typeof m.content === 'string' || Array.isArray(m.content) || m.tool_calls);
}

function bad(message, param = null) {
  return { status: 400, error: { message, param } };
}

/** All text of a request's messages, as the model would read it. */
export function promptOf(request) {
  return request.body.messages
    .map((m) => (typeof m.content === 'string' ? m.content : m.content.map((part) => part.text ?? '').join('\n')))
    .join('\n');
}

function fail(res, { status, error = {}, retryAfter, headers = {} }) {
  const body = { error: { ...(errors[status] ?? errors[500]), param: null, ...error } };
  const retry = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  res.writeHead(status, { 'content-type': 'application/json', 'x-request-id': newId('req'), ...retry, ...headers });
  res.end(JSON.stringify(body));
}

function whole(res, body, { type = 'application/json', headers = {} }) {
  res.writeHead(200, { 'content-type': type, 'x-request-id': newId('req'), ...headers });
  res.end(body);
}

function completion(request, text, { finish, usage }) {
  return {
    id: newId('chatcmpl'),
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: request.body.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: finish,
      },
    ],
    usage: usage || usageOf(request, text),
    service_tier: 'default',
    system_fingerprint: 'fp_fake',
  };
}

/** A figure that follows the sizes, four characters to a token. */
function usageOf(request, text) {
  const prompt = Math.ceil(promptOf(request).length / 4);
  const completionTokens = Math.ceil(text.length / 4);
  return {
    prompt_tokens: prompt,
    completion_tokens: completionTokens,
    total_tokens: prompt + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

class Stream {
  constructor(res, request, behaviour) {
    this.res = res;
    this.request = request;
    this.how = behaviour;
    this.closed = false;
    res.on('close', () => (this.closed = true));
    this.withUsage = request.body.stream_options?.include_usage === true;
    this.common = {
      id: newId('chatcmpl'),
      object: 'chat.completion.chunk',
      created: Math.floor(Date.now() / 1000),
      model: request.body.model,
      service_tier: 'default',
      system_fingerprint: 'fp_fake',
    };
  }

  async send(text) {
    this.res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-request-id': newId('req'),
      ...this.how.headers,
    });
    await this.#chunk({ role: 'assistant', content: '', refusal: null });
    if (!(await this.#pieces(text))) return;
    await this.#chunk({}, this.how.finish);
    if (this.withUsage && this.how.usage !== false) await this.#usage(text);
    if (!this.how.noDone) await this.#write('data: [DONE]\n\n');
    this.res.end();
  }

  /* False when the stream ends here, by the behaviour or by the caller. */
  async #pieces(text) {
    const { cutAfter, stallAfter, garbageAfter, endless, pieceMs } = this.how;
    const pieces = inPieces(text, this.how.pieceChars);
    for (let n = 0; endless ? !this.closed : n < pieces.length; n++) {
      if (n === cutAfter) return this.#cut();
      if (n === stallAfter) return false;
      if (n === garbageAfter) await this.#garbage();
      // Without a pause the loop must still let the server see that its caller has left.
      await (pieceMs ? pause(pieceMs) : new Promise(setImmediate));
      await this.#chunk({ content: pieces[n % pieces.length] });
    }
    // A place behind the last piece still counts, so that short answers can be spoilt too.
    if (garbageAfter >= pieces.length) await this.#garbage();
    if (cutAfter >= pieces.length) return this.#cut();
    return !(stallAfter >= pieces.length) && !this.closed;
  }

  #cut() {
    this.res.socket?.destroy();
    return false;
  }

  async #garbage() {
    await this.#write('data: {"choices":[{"delta":{"content":\n\n');
    await this.#write('data: <html>502 Bad Gateway</html>\n\n');
    await this.#write('data: [1,2,3]\n\n');
  }

  #chunk(delta, finish = null) {
    return this.#frame({
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(this.withUsage ? { usage: null } : {}),
    });
  }

  #usage(text) {
    return this.#frame({ choices: [], usage: this.how.usage || usageOf(this.request, text) });
  }

  #frame(members) {
    const obfuscation = randomText(1 + Math.floor(Math.random() * 12));
    return this.#write(`data: ${JSON.stringify({ ...this.common, ...members, obfuscation })}\n\n`);
  }

  async #write(text) {
    const bytes = Buffer.from(text);
    if (!this.how.byteMs) return this.#out(bytes);
    for (const byte of bytes) {
      await pause(this.how.byteMs);
      await this.#out(Buffer.of(byte));
    }
  }

  /* Waits while the caller does not read, and gives up when it has left. */
  #out(bytes) {
    if (this.closed || this.res.write(bytes)) return undefined;
    return new Promise((done) => {
      const go = () => {
        this.res.off('drain', go).off('close', go);
        done();
      };
      this.res.on('drain', go).on('close', go);
    });
  }
}

function inPieces(text, chars) {
  if (chars) return [...text.matchAll(new RegExp(`[^]{1,${chars}}`, 'gu'))].map((m) => m[0]);
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text];
}

async function textOf(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts).toString();
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function newId(prefix) {
  return `${prefix}-${randomText(24)}`;
}

function randomText(length) {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  let text = '';
  for (let i = 0; i < length; i++) text += letters[Math.floor(Math.random() * letters.length)];
  return text;
}
