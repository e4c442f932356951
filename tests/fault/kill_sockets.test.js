/* SIGKILL of the server while answers stream to sockets, KILLS times (10), and another one on the same
 * port. Clients come back by themselves; no message is lost or doubled, each has one reply. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { assertSound } from '../lib/invariants.js';
import { Metachat } from '../lib/metachat.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { assertWhole, tally, Talker } from '../lib/talker.js';
import { openWidget, visit } from '../lib/visitor.js';
import { pause, waitFor } from '../lib/wait.js';

const kills = Number(process.env.KILLS ?? 10);
const scope = fileScope();
const talkers = [];
let mc;

before(async () => {
  const model = await FakeOpenAI.start(scope, { answer: 'On Saturday the shop opens at nine, and closes when the last guest has left. [1: "the shop opens at nine"]', pieceMs: 25 });
  mc = await Metachat.start(scope, { env: {
    METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-fake', METACHAT_JOB_LEASE_MS: '2000', METACHAT_JOB_BACKOFF_MS: '100', METACHAT_JOB_MAX_ATTEMPTS: '100',
    METACHAT_RATE_VISITOR_CHAT_PER_MIN: '1000000', METACHAT_RATE_VISITOR_PER_MIN: '1000000', METACHAT_RATE_ADDRESS_FACTOR: '1000',
  } });
  const shop = await mc.tenant('Shop');
  await shop.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
  await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at nine.\n');
  const { key } = await openWidget(shop);
  for (const transports of [['websocket'], ['polling', 'websocket'], ['polling'], ['websocket']]) {
    talkers.push(new Talker(scope, await visit(mc, key), { transports, ackMs: 5000 }));
  }
});

const replies = () => talkers.reduce((n, talker) => n + talker.thread.filter((m) => m.direction === 'outbound').length, 0);
const streaming = () => talkers.some((talker) => [...talker.drafts.values()].some((at) => at > 0));

// shows: RES-12, RT-5, CONV-8
test(`${kills} kills while answers stream`, { timeout: 900_000 }, async (t) => {
  let over = false;
  const talking = Promise.all(talkers.map((talker) => talker.talk({ until: () => over, everyMs: 300 })));
  for (let n = 0; n < kills; n++) {
    const before = replies();
    await waitFor('a reply since the last one', () => replies() > before, { withinMs: 60_000 });
    await waitFor('an answer to stream', streaming, { withinMs: 60_000 });
    await pause(Math.random() * 250);
    await mc.kill();
    for (const talker of talkers) talker.drafts.clear();
    await mc.start();
  }
  over = true;
  await talking;
  await quiet(mc, { withinMs: 60_000 });
  await assertWhole(talkers);
  t.diagnostic(`note: ${kills} kills, ${tally(talkers)}`);
});

// shows: RES-12
test('each message has one reply, and the database is sound', async () => {
  for (const talker of talkers) {
    const turns = talker.thread.filter((m) => m.direction === 'outbound').map((m) => m.turnId);
    assert.equal(new Set(turns).size, turns.length);
    talker.close();
  }
  await mc.stop();
  await assertSound(mc);
});
