/* Live text of turns, whoever runs them, and the end that a reader puts to them. */
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { Client } from '../lib/socket.js';
import { visitorOf } from '../lib/visitor.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const whole = 'On Saturday the shop opens at nine. [1: "the shop opens at nine"] It closes at four in the afternoon, and on Sunday it stays closed, as it does on every holiday of the year, whatever the weather may be and whoever comes by.';
const slowly = { answer: whole, pieceMs: 25 };
let mc, shop, visitor, model;

before(async () => {
  model = await FakeOpenAI.start(scope);
  mc = await Metachat.start(scope, {
    env: {
      METACHAT_RATE_VISITOR_CHAT_PER_MIN: '100000', METACHAT_RATE_VISITOR_PER_MIN: '100000', METACHAT_RATE_ADDRESS_FACTOR: '1000',
      METACHAT_RATE_OPEN_PER_MIN: '100000', METACHAT_RATE_SESSION_PER_MIN: '100000',
      METACHAT_TURN_THREADS: '1', METACHAT_TURN_QUEUE: '1', METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-fake',
    },
  });
  shop = await mc.tenant('Live');
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  await shop.addDocument('hours.md', "# Opening hours\n\nOn Saturday the shop opens at nine o'clock.\n");
  visitor = await visitorOf(mc, shop);
});

beforeEach(() => model.clear());

/** What a client has of a turn: its pieces joined, each where the one before it ends. */
function textOf(client, turnId) {
  let text = '';
  for (const delta of client.of('delta').filter((d) => d.turnId === turnId)) {
    assert.equal(delta.at, Buffer.byteLength(text));
    text += delta.text;
  }
  return text;
}

const ways = {
  'a job worker runs': (conversation) => visitor.post('/chat', { message: 'When on Saturday?', conversation }, { headers: { Prefer: 'respond-async' } }),
  'a request runs': (conversation) => visitor.post('/chat', { message: 'When on Saturday?', conversation }),
};

for (const [how, ask] of Object.entries(ways)) {
  test(`a turn that ${how} is heard by all who are there, from its beginning by those who come in the middle`, async (t) => {
    const conversation = how.replaceAll(' ', '-');
    const first = await Client.open(t, visitor, { conversation, since: 0 });
    const { conversationId } = await first.says('Hello?');
    await first.replyTo('Hello?');
    const agent = await Client.open(t, shop, { origin: null });
    const stranger = await Client.open(t, shop, { origin: null });
    const seen = first.of('delta').length;

    model.next(slowly);
    const asked = ask(conversation);
    await waitFor('the first pieces', () => first.of('delta').length > seen + 3);
    const late = await Client.open(t, visitor, { conversation });
    assert.equal((await agent.ask('join', { conversationId })).ok, true);
    const reply = await first.replyTo('When on Saturday?');
    assert.ok([200, 202].includes((await asked).status));
    await late.heard('turn', (turn) => turn.state === 'completed' && turn.turnId === reply.turnId);
    await agent.heard('event', (e) => e.type === 'turn.completed' && e.data.turnId === reply.turnId);

    const text = textOf(first, reply.turnId);
    assert.equal(text.trim(), reply.content);
    for (const client of [late, agent]) {
      assert.equal(textOf(client, reply.turnId), text);
      assert.ok(client.of('delta').filter((d) => d.turnId === reply.turnId).length > 3, 'it saw it grow');
      assert.deepEqual(client.of('turn').filter((turn) => turn.turnId === reply.turnId)[0], { turnId: reply.turnId, conversationId, state: 'started' });
    }
    assert.equal(stranger.of('delta').length, 0, 'who did not join is not told');
  });
}

test('a reader stops the model: what came is the reply, judged and replayable', async (t) => {
  const client = await Client.open(t, visitor, { conversation: 'stopped', since: 0 });
  model.next(slowly);
  const said = await client.says('When on Saturday?');
  await waitFor('the first sentence', () => client.of('delta').map((d) => d.text).join('').includes('nine. It closes'));
  const { turnId } = client.of('delta')[0];
  assert.equal((await client.ask('stop', { turnId })).stopped, true);
  const reply = await client.replyTo('When on Saturday?');
  assert.equal(reply.content, textOf(client, turnId).trim());
  assert.ok(reply.content.length < whole.length / 2, reply.content);
  assert.equal(reply.metadata.stopped, true);
  assert.deepEqual(reply.metadata.citations.map((c) => c.quote), ['the shop opens at nine']);
  await waitFor('the model to be left', () => model.requests.at(-1).left);
  const done = (await shop.all('/events')).find((e) => e.type === 'turn.completed' && e.data.turnId === turnId);
  assert.equal(done.data.stopped, true);
  assert.deepEqual([done.data.messageId, (await shop.data('POST', `/turns/${turnId}/replay`)).same], [said.messageId, true]);
  assert.equal((await client.ask('stop', { turnId })).stopped, false, 'too late');
  assert.equal((await visitor.all(`/public/conversations/${said.conversationId}/messages`)).length, 2);
  assert.equal(client.of('turn').filter((turn) => turn.state === 'withdrawn').length, 0);
});

test('nothing came before the stop: nothing is said, and the conversation goes on', async (t) => {
  const client = await Client.open(t, visitor, { conversation: 'silent', since: 0 });
  model.next({ silent: true });
  const before = model.requests.length;
  await client.says('When on Saturday?');
  const { turnId } = await client.heard('turn', (turn) => turn.state === 'started');
  await waitFor('the model to be asked', () => model.requests.length > before);
  assert.equal((await client.ask('stop', { turnId })).stopped, true);
  await client.heard('turn', (turn) => turn.state === 'completed' && turn.turnId === turnId);
  const turn = await shop.data('GET', `/turns/${turnId}`);
  assert.equal(turn.answer.reply, null);
  assert.equal((await shop.data('POST', `/turns/${turnId}/replay`)).same, true);
  assert.equal(client.of('message').length, 1);
  model.next({ answer: 'At nine.' });
  await client.says('And now?');
  assert.match((await client.replyTo('And now?')).content, /At nine/);
});

test('nobody stops a turn of another conversation', async (t) => {
  const mine = await Client.open(t, visitor, { conversation: 'mine', since: 0 });
  const other = await Client.open(t, visitor, { conversation: 'not-mine', since: 0 });
  await other.says('Hello?');
  await other.replyTo('Hello?');
  model.next(slowly);
  await mine.says('When on Saturday?');
  const { turnId } = await mine.heard('delta');
  assert.notEqual((await other.ask('stop', { turnId })).stopped, true);
  assert.equal(textOf(mine, turnId).length > 0, true);
  const reply = await mine.replyTo('When on Saturday?');
  assert.ok(!('stopped' in reply.metadata));
  assert.match(reply.content, /whoever comes by\.$/);
});

// One thread, one place behind it: the third turn finds no thread of the lane, and a job worker takes it.
test('a turn that finds no thread is run by a job worker at once', async (t) => {
  let open;
  const gate = new Promise((done) => (open = done));
  const held = { answer: () => gate.then(() => 'At last.') };
  model.next(held, { answer: 'At once.' });
  const before = model.requests.length;
  const clients = await Promise.all(['a', 'b', 'c'].map((conversation) => Client.open(t, visitor, { conversation: `lane-${conversation}`, since: 0 })));
  await clients[0].says('When on Saturday?');
  await waitFor('the first to ask the model', () => model.requests.length > before);
  await clients[1].says('When on Saturday?');
  await clients[2].says('When on Saturday?');
  const began = Date.now();
  assert.match((await clients[2].replyTo('When on Saturday?')).content, /At once/);
  assert.ok(Date.now() - began < 10_000, 'long before a lease ends');
  assert.deepEqual(clients[1].of('delta'), [], 'the one before it waits for the thread');
  open();
  await Promise.all(clients.slice(0, 2).map((client) => client.replyTo('When on Saturday?')));
});
