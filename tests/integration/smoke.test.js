/* The main job from end to end: a key, a document, a question, its answer in every form. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
let mc;
let shop;
const hours = '# Opening hours\n\nOn Saturday the shop opens at 9:00 and closes at 17:00.\n';

before(async () => {
  mc = await Metachat.start(scope);
  shop = await mc.tenant('Smoke');
});

// shows: OBS-5
test('probes answer a stranger with the overall state only', async () => {
  const stranger = mc.api();
  for (const path of ['//health', '/health', '//health/live', '//health/ready']) {
    const answer = await stranger.get(path);
    assert.equal(answer.status, 200, path);
    assert.doesNotMatch(answer.text, /sqlite|database|queue/i);
  }
});

// shows: DOC-1, DOC-2
test('a document becomes ready and is found', async () => {
  const document = await shop.addDocument('hours.md', hours);
  assert.equal(document.status, 'ready', document.error);
  assert.equal(document.size, Buffer.byteLength(hours));
  const { passages, known } = await shop.data('POST', '/search', { query: 'When does the shop open on Saturday?' });
  assert.equal(known, true);
  assert.equal(passages[0].documentId, document.id);
});

// shows: ASST-1, ASST-2
test('a question is answered with a citation that is true', async () => {
  const answer = await shop.chat('When does the shop open on Saturday?');
  assert.match(answer.reply, /9:00/);
  assert.equal(answer.action, 'answer');
  assert.equal(answer.contextUsed, true);
  assert.ok(answer.citations.length > 0);
  for (const { start, end, quote } of answer.citations) {
    assert.equal(Buffer.from(quote).length, end - start);
  }
  assert.equal(answer.usage.provider, 'extractive');
});

// shows: ASST-2, ASST-13
test('what the documents do not say is not answered', async () => {
  const answer = await shop.chat('Which insurance covers my spaceship?');
  assert.equal(answer.action, 'disclaimer');
  assert.equal(answer.contextUsed, false);
  assert.deepEqual(answer.citations, []);
});

test('the same answer streams', async () => {
  const { text, done, frames } = await shop.chatStreamed('When does the shop open on Saturday?');
  assert.ok(frames.length >= 2);
  assert.equal(frames.at(-1).event, 'done');
  assert.equal(done.reply, text);
});

// shows: CONV-8
test('sending a message again changes nothing', async () => {
  const message = { clientMessageId: 'smoke-1' };
  const first = await shop.chat('When does the shop close on Saturday?', message);
  const second = await shop.chat('When does the shop close on Saturday?', message);
  assert.equal(second.messageId, first.messageId);
  assert.equal(second.turnId, first.turnId);
  assert.equal(second.reply, first.reply);
  const messages = await shop.all(`/conversations/${first.conversationId}/messages`);
  assert.equal(messages.length, 2);
});

// shows: ASST-9
test('every turn replays byte for byte', async () => {
  const { turnId } = await shop.chat('When does the shop open on Saturday?');
  const { code, stdout, stderr } = await mc.run('replay', turnId);
  assert.equal(code, 0, stdout + stderr);
});

// shows: RES-12, TEST-3
test('everything is there after a stop, and after a kill', async () => {
  const before = await shop.chat('When does the shop open on Saturday?', { clientMessageId: 'kept' });
  assert.deepEqual(await mc.stop(), { code: 0, signal: null });
  await mc.start();
  await mc.kill();
  await mc.start();
  const again = await shop.chat('When does the shop open on Saturday?', { clientMessageId: 'kept' });
  assert.equal(again.messageId, before.messageId);
  assert.equal(again.turnId, before.turnId);
});
