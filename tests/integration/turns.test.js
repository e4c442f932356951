/* Turns against each other and against what changes around them: bursts, lanes, policies, budgets,
 * hand-overs, and replay when documents have been replaced or deleted. */
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { FakeOpenAI, promptOf } from '../lib/fake_openai.js';
import { assertSound } from '../lib/invariants.js';
import { Metachat } from '../lib/metachat.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { pause, waitFor } from '../lib/wait.js';

const scope = fileScope();
const fact = 'On Saturday the shop opens at 9:00.';
const page = `# Opening hours\n\n${fact}\n`;
const question = 'When does the shop open on Saturday?';
const good = `At nine. [1: "${fact}"]`;
const gone = []; // turns whose documents this file deletes
let model, mc, shop;

before(async () => {
  model = await FakeOpenAI.start(scope);
  mc = await Metachat.start(scope, { env: { METACHAT_OPENAI_BASE_URL: model.url, METACHAT_HISTORY_TOKENS: '200' } });
  shop = await newShop('Shop');
  await shop.addDocument('hours.md', page);
});

beforeEach(() => {
  model.requests.length = 0;
  model.always({ answer: good });
});

async function newShop(name) {
  const api = await mc.tenant(name);
  await api.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  return api;
}

/* Answers when it is told to, and counts how many are asked at once. */
class Gate {
  constructor() {
    this.now = 0;
    this.most = 0;
    this.waiting = [];
  }

  async answer() {
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    await new Promise((go) => this.waiting.push(go));
    this.now -= 1;
    return good;
  }

  open() {
    for (const go of this.waiting.splice(0)) go();
  }
}

const replay = (turnId) => shop.data('POST', `/turns/${turnId}/replay`);

test('messages that come while a turn runs are answered by one further turn', async () => {
  const gate = new Gate();
  const { conversationId } = await shop.chat('Good morning to you all');
  model.always({ answer: () => gate.answer() });
  const first = shop.chat(question, { conversationId });
  await waitFor('the first turn to ask', () => gate.waiting.length === 1);
  const said = Array.from({ length: 5 }, (_, n) => `${question} I ask for the ${n}. time`);
  const later = said.map((message) => shop.chat(message, { conversationId }));
  await waitFor('the five to be stored', async () => (await shop.all(`/conversations/${conversationId}/messages`)).length === 8);
  gate.open();
  await waitFor('the second turn to ask', () => gate.waiting.length === 1);
  gate.open();
  const one = await first;
  const five = await Promise.all(later);
  assert.equal(new Set(five.map((a) => a.turnId)).size, 1, 'one turn for the five');
  assert.notEqual(five[0].turnId, one.turnId);
  assert.equal(new Set(five.map((a) => a.messageId)).size, 5, 'each with its own message');
  assert.equal(gate.most, 1);
  assert.equal(model.requests.length, 3);
  const prompt = model.requests.at(-1).body.messages.at(-1).content;
  for (const message of said) assert.ok(prompt.includes(message), message);
  const replies = (await shop.all(`/conversations/${conversationId}/messages`)).filter((m) => m.direction === 'outbound');
  assert.equal(replies.length, 3);
});

test('a burst on ten conversations: never two turns at once in one of them', async () => {
  const running = new Map();
  let clash = 0;
  model.always({
    answer: async (request) => {
      const [, name] = /conversation (\d+)/.exec(promptOf(request));
      running.set(name, (running.get(name) ?? 0) + 1);
      if (running.get(name) > 1) clash += 1;
      await pause(5 + Math.random() * 20);
      running.set(name, running.get(name) - 1);
      return good;
    },
  });
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => {
      const { conversationId } = await shop.chat(`${question} in conversation ${n}`);
      const ways = Array.from({ length: 8 }, async (__, i) => {
        await pause(Math.random() * 60);
        const more = { conversationId };
        return i % 2 ? shop.chat(`${question} in conversation ${n}`, more) : (await shop.chatStreamed(`${question} in conversation ${n}`, more)).done;
      });
      return Promise.all(ways);
    }),
  );
  assert.equal(clash, 0);
  for (const answer of answers.flat()) assert.ok(answer.turnId && answer.reply, JSON.stringify(answer));
});

test('who asks not to wait gets 202 at once, and the answer comes by events', async () => {
  const gate = new Gate();
  model.always({ answer: () => gate.answer() });
  const { status, body } = await shop.post('/chat', { message: question }, { headers: { Prefer: 'respond-async' } });
  assert.equal(status, 202);
  assert.equal(body.data.turnId, null);
  assert.ok(body.data.messageId);
  await waitFor('the turn to ask', () => gate.waiting.length === 1);
  gate.open();
  await waitFor('turn.completed', async () => {
    const events = await shop.all('/events?type=turn.completed');
    return events.some((e) => JSON.stringify(e).includes(body.data.conversationId));
  });
});

test('a reader that leaves does not end its turn', async () => {
  const gate = new Gate();
  model.always({ answer: () => gate.answer() });
  const abort = new AbortController();
  const message = { message: question, clientMessageId: 'left-early' };
  const left = shop.fetch('POST', '/chat', { body: message, headers: { Accept: 'text/event-stream' }, signal: abort.signal });
  await waitFor('the turn to ask', () => gate.waiting.length === 1);
  abort.abort();
  await left.then((r) => r.text()).catch(() => {});
  gate.open();
  const again = await shop.chat(question, { clientMessageId: 'left-early' });
  assert.equal(again.reply, 'At nine.');
  assert.equal(model.requests.length, 1);
});

// shows: ASST-1, ASST-3
test('topK is how many passages a prompt has', async () => {
  const many = await newShop('Many');
  for (let n = 0; n < 8; n++) await many.addDocument(`hours-${n}.md`, `# Hours of branch ${n}\n\nOn Saturday branch ${n} of the shop opens at ${n + 4}:00.\n`);
  for (const topK of [1, 5]) {
    model.requests.length = 0;
    await many.data('PUT', '/tenant/assistant', { topK });
    const answer = await many.chat(question);
    assert.equal(promptOf(model.requests[0]).match(/<passage number=/g).length, topK);
    assert.equal(answer.sources.length, topK);
  }
});

test('the newest of the history is within its budget, and nothing older', async () => {
  let conversationId;
  for (let n = 0; n < 8; n++) {
    const words = `Message number ${n}: ${'lamp chair table '.repeat(12)}`;
    ({ conversationId } = await shop.chat(words, conversationId && { conversationId }));
  }
  const seen = promptOf(model.requests.at(-1));
  assert.ok(seen.includes('Message number 7') && seen.includes('Message number 5'));
  assert.ok(!seen.includes('Message number 1'));
});

// shows: ESC-2
test('after a hand-over the assistant stays silent until it is given back', async () => {
  const { conversationId, action, reply } = await shop.chat('I want to talk to a person');
  assert.equal(action, 'handover');
  assert.ok(reply.length > 10);
  for (const way of ['whole', 'stream']) {
    const silent = way === 'whole' ? await shop.chat(question, { conversationId }) : (await shop.chatStreamed(question, { conversationId })).done;
    assert.equal(silent.reply, null);
    assert.equal(silent.action, 'handover');
    assert.equal(silent.silence, 'assigned_human');
    assert.ok(silent.turnId, 'the silence is a turn');
  }
  assert.equal(model.requests.length, 0);
  await shop.data('PATCH', `/conversations/${conversationId}`, { status: 'active' });
  assert.equal((await shop.chat(question, { conversationId })).reply, 'At nine.');
});

test('a closed conversation reopens when the customer writes', async () => {
  const { conversationId } = await shop.chat(question);
  await shop.data('PATCH', `/conversations/${conversationId}`, { status: 'closed' });
  assert.equal((await shop.chat(question, { conversationId })).reply, 'At nine.');
  assert.equal((await shop.data('GET', `/conversations/${conversationId}`)).status, 'active');
});

test('a changed policy is used by the next turn, and the turn before still replays', async () => {
  const before = await shop.chat(question);
  await shop.data('PUT', '/tenant/assistant', { instructions: 'Speak like a lighthouse keeper.', tone: 'formal', temperature: 1.5 });
  const after = await shop.chat(question);
  const [first, second] = model.requests;
  assert.ok(!promptOf(first).includes('lighthouse'));
  assert.ok(promptOf(second).includes('lighthouse') && promptOf(second).includes('formal'));
  assert.equal(second.body.temperature, 1.5);
  for (const [turnId, request] of [[before.turnId, first], [after.turnId, second]]) {
    const { same, prompt } = await replay(turnId);
    assert.ok(same);
    assert.deepEqual(JSON.parse(prompt), request.body.messages, 'and it is what the provider was sent');
  }
  await shop.data('PUT', '/tenant/assistant', { instructions: '', tone: 'friendly', temperature: 0.2 });
});

test('a disabled assistant is silent, and says why in the record', async () => {
  await shop.data('PUT', '/tenant/assistant', { enabled: false });
  const answer = await shop.chat(question);
  assert.equal(answer.reply, null);
  assert.equal(answer.silence, 'disabled');
  await shop.data('PUT', '/tenant/assistant', { enabled: true });
  assert.equal(model.requests.length, 0);
});

// shows: ASST-2
test('without retrieval no passage is in the prompt, and nothing is cited', async () => {
  await shop.data('PUT', '/tenant/assistant', { retrieval: false });
  const answer = await shop.chat(question);
  assert.doesNotMatch(promptOf(model.requests[0]), /<passage number/);
  assert.deepEqual(answer.citations, []);
  assert.ok((await replay(answer.turnId)).same);
  await shop.data('PUT', '/tenant/assistant', { retrieval: true });
});

// shows: ESC-2
test('after so many answers of not knowing in a row a person is asked', async () => {
  await shop.data('PUT', '/tenant/assistant', { unknownHandoverAfter: 2 });
  model.always({ answer: '[unknown]' });
  const first = await shop.chat('What colour is the moon?');
  assert.equal(first.action, 'disclaimer');
  const second = await shop.chat('And the sun?', { conversationId: first.conversationId });
  assert.equal(second.action, 'handover');
  await shop.data('PUT', '/tenant/assistant', { unknownHandoverAfter: 3 });
});

// shows: ASST-9
test('a turn replays after its document was replaced', async () => {
  const document = await shop.addDocument('late.md', '# Sunday\n\nOn Sunday the shop opens at noon.\n');
  const answer = await shop.chat('When does the shop open on Sunday?');
  assert.ok(answer.sources.some((s) => s.documentId === document.id));
  await shop.data('PUT', `/documents/${document.id}/content`, { name: 'late.md', text: '# Sunday\n\nOn Sunday the shop stays closed.\n' });
  assert.equal((await shop.documentSettled(document.id)).version, 2);
  await quiet(mc);
  const { same, prompt } = await replay(answer.turnId);
  assert.ok(same);
  assert.match(prompt, /opens at noon/);
  await shop.chat('When does the shop open on Sunday?');
  assert.match(promptOf(model.requests.at(-1)), /stays closed/);
  assert.doesNotMatch(promptOf(model.requests.at(-1)), /opens at noon/);
});

test('after its document was deleted, replay says what is missing and shows nothing else', async () => {
  const document = await shop.addDocument('holiday.md', '# Holiday\n\nOn a holiday the shop opens at ten.\n');
  const answer = await shop.chat('When does the shop open on a holiday?');
  assert.ok(answer.sources.some((s) => s.documentId === document.id));
  await shop.request('DELETE', `/documents/${document.id}`);
  await quiet(mc);
  gone.push(answer.turnId);
  const { same, why, prompt, rebuilt } = await replay(answer.turnId);
  assert.equal(same, false);
  assert.match(why, /passage \d+ .*no longer stored/);
  assert.equal(prompt, '');
  assert.ok(!rebuilt);
  const { code, stdout } = await mc.run('replay', answer.turnId);
  assert.equal(code, 1);
  assert.match(stdout, /no longer stored/);
});

// shows: LLM-2
test('a turn ends within its deadline, whatever the provider does', async (t) => {
  const silent = await FakeOpenAI.start(t, { silent: true });
  const server = await Metachat.start(t, {
    env: { METACHAT_OPENAI_BASE_URL: silent.url, METACHAT_TURN_TIMEOUT_MS: '1500', METACHAT_TURN_RESERVE_MS: '500', METACHAT_LLM_STALL_TIMEOUT_MS: '60000' },
  });
  const api = await server.tenant('Slow');
  await api.data('PUT', '/tenant/assistant', { provider: 'openai' });
  await api.addDocument('hours.md', page);
  const began = Date.now();
  const answer = await api.chat(question);
  assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`);
  assert.match(answer.reply, /9:00/);
  assert.equal(answer.usage.provider, 'extractive');
});

// shows: ASST-9
test('every turn of the file is rebuilt byte for byte, but those whose document is gone', async () => {
  const { stdout } = await mc.run('replay', '--all');
  const lines = stdout.trim().split('\n');
  const not = lines.filter((line) => !line.includes('byte for byte')).map((line) => line.slice(0, 36));
  assert.deepEqual(not, gone);
  assert.ok(lines.length > 40);
});

test('the database is sound at the end', async () => {
  await quiet(mc);
  await mc.stop();
  await assertSound(mc);
});
