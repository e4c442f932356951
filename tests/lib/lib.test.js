/* The harness itself: a fake that lies about the wire would let wrong code pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeOpenAI, insufficientQuota, promptOf } from './fake_openai.js';
import { frames, SseParser } from './sse.js';
import { waitFor } from './wait.js';

function ask(model, more = {}, signal) {
  return fetch(`${model.url}/chat/completions`, {
    method: 'POST',
    signal,
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer sk-test' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'When do you open?' }], ...more }),
  });
}

async function chunksOf(response) {
  const chunks = [];
  for await (const frame of frames(response)) chunks.push(frame.data);
  return chunks;
}

const textOf = (chunks) => chunks.map((c) => c.choices?.[0]?.delta?.content ?? '').join('');

test('SSE parser: line ends, comments, several data lines, pieces of any size', () => {
  const text = ': hi\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\nid: 7\ndata\n\ndata: x\r\r: bye\n';
  for (let size = 1; size <= text.length; size++) {
    const seen = [];
    const comments = [];
    const parser = new SseParser((f) => seen.push(f), (c) => comments.push(c));
    for (let at = 0; at < text.length; at += size) parser.push(text.slice(at, at + size));
    assert.deepEqual(seen, [
      { event: 'a', data: '1\n2', id: '' },
      { event: 'message', data: '', id: '7' },
      { event: 'message', data: 'x', id: '7' },
    ]);
    assert.deepEqual(comments, ['hi', 'bye']);
  }
});

test('a whole answer is a function of the prompt', async (t) => {
  const model = await FakeOpenAI.start(t, { answer: (request) => promptOf(request).toUpperCase() });
  const body = await (await ask(model)).json();
  assert.equal(body.choices[0].message.content, 'WHEN DO YOU OPEN?');
  assert.equal(body.usage.total_tokens, body.usage.prompt_tokens + body.usage.completion_tokens);
  assert.equal(model.requests[0].headers.authorization, 'Bearer sk-test');
});

test('a stream has the real wire form', async (t) => {
  const model = await FakeOpenAI.start(t, { answer: 'We open at nine.' });
  const chunks = await chunksOf(await ask(model, { stream: true, stream_options: { include_usage: true } }));
  assert.equal(chunks.at(-1), '[DONE]');
  const usage = chunks.at(-2);
  assert.deepEqual(usage.choices, []);
  assert.equal(usage.usage.completion_tokens, 4);
  const content = chunks.slice(0, -2);
  assert.ok(content.every((c) => c.usage === null && c.obfuscation.length > 0));
  assert.equal(textOf(content), 'We open at nine.');
  assert.equal(content.at(-1).choices[0].finish_reason, 'stop');
});

test('without include_usage there is no usage at all', async (t) => {
  const model = await FakeOpenAI.start(t, {});
  const chunks = await chunksOf(await ask(model, { stream: true }));
  assert.ok(chunks.slice(0, -1).every((c) => !('usage' in c)));
});

test('errors come once each, in order, then the usual answer', async (t) => {
  const model = await FakeOpenAI.start(t, { answer: 'ok' });
  model.next({ status: 429, retryAfter: 2 }, insufficientQuota, { status: 503 });
  const limited = await ask(model);
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '2');
  const quota = await ask(model);
  assert.equal((await quota.json()).error.code, 'insufficient_quota');
  assert.equal((await ask(model)).status, 503);
  assert.equal((await ask(model)).status, 200);
});

test('malformed requests and wrong keys are refused', async (t) => {
  const model = await FakeOpenAI.start(t, {}, { key: 'sk-right' });
  assert.equal((await ask(model)).status, 401);
  model.key = null;
  assert.equal((await ask(model, { messages: [] })).status, 400);
  assert.equal((await ask(model, { messages: [{ role: 'robot', content: 'x' }] })).status, 400);
  assert.equal((await ask(model, { model: '' })).status, 400);
  assert.equal((await fetch(`${model.url}/models`)).status, 404);
});

test('cut, stalled, garbled, endless and byte-wise streams', async (t) => {
  const model = await FakeOpenAI.start(t, { answer: 'one two three four' });
  model.next({ cutAfter: 2 });
  await assert.rejects(ask(model, { stream: true }).then(chunksOf));

  model.next({ garbageAfter: 1 });
  const garbled = await chunksOf(await ask(model, { stream: true }));
  assert.ok(garbled.some((c) => typeof c === 'string' && c.startsWith('<html>')));
  assert.equal(textOf(garbled), 'one two three four');

  model.next({ byteMs: 0.01, noDone: true, answer: 'ab' });
  const slow = await chunksOf(await ask(model, { stream: true }));
  assert.equal(textOf(slow), 'ab');
  assert.notEqual(slow.at(-1), '[DONE]');

  for (const behaviour of [{ stallAfter: 2 }, { endless: true }, { silent: true }]) {
    model.next(behaviour);
    await assert.rejects(ask(model, { stream: true }, AbortSignal.timeout(150)).then(chunksOf));
  }
  await waitFor('the fake to see that the caller left', () => model.requests.at(-1).left);
});

test('a dead provider refuses connections, and comes back on the same port', async (t) => {
  const model = await FakeOpenAI.start(t, {});
  await model.stop();
  await assert.rejects(ask(model));
  await model.restart();
  assert.equal((await ask(model)).status, 200);
});
