/* The tenant's event log, as a list and as a stream. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { assertError } from '../lib/api.js';
import { Metachat, root } from '../lib/metachat.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { Client } from '../lib/socket.js';
import { visitorOf } from '../lib/visitor.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
let mc, shop;

before(async () => {
  mc = await Metachat.start(scope, { env: { METACHAT_JOB_BACKOFF_MS: '1', METACHAT_JOB_BACKOFF_MAX_MS: '2', METACHAT_JOB_MAX_ATTEMPTS: '2', METACHAT_SSE_HEARTBEAT_MS: '50' } });
  shop = await mc.tenant('Events');
});

const declared = [...readFileSync(join(root, 'src/domain/ledger/event_table.h'), 'utf8').matchAll(/^EVENT\(\w+,\s*"([^"]+)"/gm)].map((m) => m[1]);

/** Makes n events, one conversation each. */
async function make(api, n, prefix) {
  for (let at = 0; at < n; at += 25) {
    await Promise.all(Array.from({ length: Math.min(25, n - at) }, (_, i) => api.data('POST', '/conversations', { channelType: 'api', externalId: `${prefix}-${at + i}` })));
  }
}

// shows: EVT-2
test('every declared type is published and read, as a list and on the stream', async (t) => {
  const tenant = await mc.tenant('All types');
  const seen = new Set();
  const stop = new AbortController();
  const reading = (async () => {
    for await (const frame of tenant.stream('GET', '/events?since=0', { signal: stop.signal })) seen.add(frame.event);
  })().catch(() => {});
  const { id } = await tenant.addDocument('types.md', '# Types\n\nThe lamp costs nine pounds.\n');
  await tenant.addDocument('none.md', '----\n\n***\n');
  await tenant.data('PATCH', `/documents/${id}`, { status: 'stale', reason: 'old' });
  const { conversationId } = await tenant.chat('What does the lamp cost?');
  await tenant.data('PATCH', `/conversations/${conversationId}`, { priority: 'high' });
  await tenant.data('PATCH', `/conversations/${conversationId}`, { status: 'closed' });
  await tenant.chat('I want to speak to a human, please.');
  await readReply(t, tenant);
  await failTurn(tenant);
  const listed = new Set((await tenant.all('/events')).map((e) => e.type));
  const rest = (async () => {
    for await (const frame of tenant.stream('GET', '/events?since=0', { signal: stop.signal })) seen.add(frame.event);
  })().catch(() => {});
  await waitFor('the stream to bring every type', () => declared.every((type) => seen.has(type)), { withinMs: 5000 }).catch(() => {});
  stop.abort();
  await Promise.race([Promise.all([reading, rest]), new Promise((done) => setTimeout(done, 500))]);
  assert.ok(declared.length >= 12);
  assert.deepEqual(declared.filter((type) => !listed.has(type)), [], 'listed');
  assert.deepEqual(declared.filter((type) => !seen.has(type)), [], 'streamed');
  assert.deepEqual([...listed].filter((type) => !declared.includes(type)), [], 'nothing undeclared');
});

/* A visitor who asks, and reads what it gets. */
async function readReply(t, tenant) {
  const client = await Client.open(t, await visitorOf(mc, tenant));
  await client.says('What does the lamp cost?');
  const { id } = await client.replyTo('What does the lamp cost?');
  assert.equal((await client.ask('read', { messageId: id })).ok, true);
}

/* A database that takes no record of a turn, but the one that says that it was given up. */
async function failTurn(tenant) {
  const change = (sql) => execFileSync('sqlite3', [join(mc.data, 'metachat.db'), '.timeout 5000', sql]);
  mc.expectError('job');
  change("CREATE TRIGGER spoilt BEFORE INSERT ON turns WHEN NEW.failure = '' BEGIN SELECT RAISE(ABORT, 'spoilt'); END");
  try {
    const answer = await tenant.chat('What does the lamp cost?');
    assert.equal(answer.action, 'handover');
    assert.ok(answer.reply, 'the customer is told');
    const turn = await tenant.data('GET', `/turns/${answer.turnId}`);
    assert.match(turn.failure, /the last attempt failed/);
    assert.doesNotMatch(turn.failure, /INSERT|spoilt BEFORE/);
  } finally {
    change('DROP TRIGGER spoilt');
  }
}

// shows: EVT-3
test('numbers rise by one, and since, type and cursor choose', async () => {
  const tenant = await mc.tenant('Numbers');
  await make(tenant, 30, 'n');
  const all = await tenant.all('/events', { limit: 7 });
  assert.deepEqual(all.map((e) => e.seq), all.map((_, i) => all[0].seq + i));
  assert.ok(all.every((e) => /^\d{4}-.*Z$/.test(e.createdAt) && typeof e.data === 'object'));
  const middle = all[10].seq;
  assert.deepEqual((await tenant.all(`/events?since=${middle}`, { limit: 6 })).map((e) => e.seq), all.slice(11).map((e) => e.seq));
  assert.equal((await tenant.all(`/events?since=${all.at(-1).seq}`)).length, 0);
  assert.equal((await tenant.all(`/events?since=${all.at(-1).seq + 1000}`)).length, 0);
  await tenant.chat('Hello');
  const received = await tenant.all('/events?type=message.received');
  assert.deepEqual(received.map((e) => e.type), ['message.received']);
  for (const query of ['type=nothing', 'type=message', 'since=-1', 'since=x', 'since=9007199254740993', 'until=1']) {
    assertError(await tenant.get(`/events?${query}`), 400, 'VALIDATION_ERROR');
  }
});

test('a message, its turn and its reply come in order, with one request id', async () => {
  const since = (await shop.all('/events')).at(-1)?.seq ?? 0;
  const { conversationId, turnId, messageId } = await shop.chat('What does the lamp cost?');
  const events = (await shop.all(`/events?since=${since}`)).filter((e) => e.conversationId === conversationId);
  assert.deepEqual(events.map((e) => e.type), ['conversation.created', 'message.received', 'message.sent', 'turn.completed']);
  assert.equal(events[1].data.id ?? events[1].data.messageId, messageId);
  assert.equal(events.at(-1).data.turnId, turnId);
});

// shows: RT-5
test('a follower that comes and goes sees all of 500 events once, in order', async () => {
  const tenant = await mc.tenant('Follow');
  await make(tenant, 50, 'before');
  const making = make(tenant, 500, 'during');
  const seen = [];
  let last = '0';
  let turns = 0;
  while (seen.length < 550) {
    turns += 1;
    assert.ok(turns < 60, 'the stream goes on');
    const stopAt = seen.length + 10 + (turns % 7) * 10;
    for await (const frame of tenant.stream('GET', '/events', { headers: { 'Last-Event-ID': last } })) {
      seen.push(Number(frame.id));
      last = frame.id;
      assert.equal(frame.data.seq, Number(frame.id));
      assert.equal(frame.data.type, frame.event);
      if (seen.length >= stopAt || seen.length >= 550) break;
    }
  }
  await making;
  assert.ok(turns > 5);
  assert.deepEqual(seen.slice(0, 550), Array.from({ length: 550 }, (_, i) => i + 1));
});

test('the stream and the list say the same', async () => {
  const tenant = await mc.tenant('Same');
  await make(tenant, 20, 's');
  const listed = await tenant.all('/events');
  const streamed = [];
  for await (const frame of tenant.stream('GET', '/events?since=0')) {
    streamed.push(frame.data);
    if (streamed.length === listed.length) break;
  }
  assert.deepEqual(streamed, listed);
});

test('the stream filters by type, and the header wins over the query', async () => {
  const tenant = await mc.tenant('Filter');
  await make(tenant, 5, 'f');
  await tenant.chat('Hello there');
  for await (const frame of tenant.stream('GET', '/events?type=message.sent')) {
    assert.equal(frame.event, 'message.sent');
    break;
  }
  for await (const frame of tenant.stream('GET', '/events?since=0', { headers: { 'Last-Event-ID': '3' } })) {
    assert.equal(frame.id, '4');
    break;
  }
});

// shows: RT-5
test('a follower far behind is told to reload', async (t) => {
  const own = await Metachat.start(t, { env: { METACHAT_FOLLOW_MAX_BEHIND: '10' } });
  const tenant = await own.tenant('Behind');
  await make(tenant, 30, 'b');
  const frames = [];
  for await (const frame of tenant.stream('GET', '/events?since=0')) frames.push(frame.event);
  assert.equal(frames.at(-1), 'reload');
});

test('many followers of one tenant see the same', async () => {
  const tenant = await mc.tenant('Many');
  const follow = async () => {
    const seen = [];
    for await (const frame of tenant.stream('GET', '/events?since=0')) {
      seen.push(frame.id);
      if (seen.length === 40) return seen;
    }
    return seen;
  };
  const followers = Array.from({ length: 10 }, follow);
  await make(tenant, 40, 'm');
  const all = await Promise.all(followers);
  for (const seen of all) assert.deepEqual(seen, all[0]);
  await quiet(mc);
});
