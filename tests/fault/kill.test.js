/* SIGKILL at random moments under load, KILLS times (10), then the proof that nothing was lost,
 * doubled or left behind. Among the moments: while it serves, while it starts, while it stops. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { assertSound } from '../lib/invariants.js';
import { Customers, Editor } from '../lib/load.js';
import { Metachat } from '../lib/metachat.js';
import { query, quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { pause } from '../lib/wait.js';

const kills = Number(process.env.KILLS ?? 10);
const scope = fileScope();
const crowds = []; // of customers, one a tenant
const editors = [];
let mc;

const page = (n) => `# Hours of shop ${n}\n\nOn Saturday the shop opens at 9:00.\n\n# Shipping\n\nShipping costs 4.90 EUR. You can return an item for 30 days.\n`;

before(async () => {
  const model = await FakeOpenAI.start(scope, {
    answer: async () => {
      await pause(Math.random() * 30);
      return 'On Saturday the shop opens at 9:00. [1: "On Saturday the shop opens at 9:00."]';
    },
  });
  mc = await Metachat.start(scope, { env: { METACHAT_OPENAI_BASE_URL: model.url, METACHAT_OPENAI_API_KEY: 'sk-fake', METACHAT_RATE_UPLOAD_PER_MIN: '1000000' } });
  for (let n = 0; n < 4; n++) {
    const api = await mc.tenant(`Shop ${n}`);
    if (n % 2) await api.data('PUT', '/tenant/assistant', { provider: 'openai', model: 'fake' });
    await api.addDocument('hours.md', page(n));
    crowds.push(new Customers(api));
    // Where customers ask, pages are replaced and kept: a turn that quotes a deleted page cannot be rebuilt.
    editors.push(new Editor(api, { deletes: 0 }));
  }
  editors.push(new Editor(await mc.tenant('Archive')));
});

/* Everybody acts again and again until the server is gone. */
class Load {
  constructor() {
    this.over = false;
    const many = crowds.flatMap((crowd) => Array.from({ length: 4 }, () => crowd));
    this.ways = [...many, ...editors].map((someone) => this.#keepActing(someone));
  }

  async #keepActing(someone) {
    while (!this.over) {
      try {
        await someone.act();
      } catch {
        await pause(5); // gone; or the first request on a connection of the server before
      }
    }
  }

  end() {
    this.over = true;
    return Promise.all(this.ways);
  }
}

async function killWhileServing() {
  const load = new Load();
  await pause(20 + Math.random() * 500);
  await mc.kill();
  await load.end();
}

async function killWhileStarting() {
  await mc.kill();
  const start = mc.start().catch(() => {});
  await pause(Math.random() * 60);
  await mc.kill();
  await start;
}

async function killWhileStopping() {
  const load = new Load();
  await pause(20 + Math.random() * 200);
  process.kill(mc.pid, 'SIGTERM');
  await pause(Math.random() * 30);
  await mc.kill();
  await load.end();
}

/* Most of what is in doubt is sent again; the rest shows what became of it without a second word. */
async function retry() {
  for (const crowd of crowds) {
    const again = crowd.inDoubt.filter((said) => !said.left && !(said.left = Math.random() < 0.3));
    await Promise.all(again.map((said) => crowd.send(said)));
    assert.deepEqual(again.filter((said) => said.messageId === null), [], 'each got an answer');
  }
}

// shows: TEST-12
test(`${kills} kills under load`, { timeout: 1_100_000 }, async () => {
  for (let n = 0; n < kills; n++) {
    await (n % 5 === 3 ? killWhileStarting() : n % 5 === 4 ? killWhileStopping() : killWhileServing());
    await mc.start();
    await retry();
  }
});

test('every answer was one of success, and the same when asked again', () => {
  assert.deepEqual(crowds.flatMap((crowd) => crowd.faults), []);
  assert.deepEqual(editors.flatMap((editor) => editor.faults), []);
});

// shows: EVT-4, DOC-3
test('the jobs come to their end', { timeout: 120_000 }, async () => {
  await quiet(mc, { withinMs: 100_000 });
});

test('every promised message has the reply that was given, through the API', async () => {
  for (const crowd of crowds) {
    const answered = crowd.said.filter((said) => said.turnId);
    for (const said of answered.slice(-200)) {
      const turn = await crowd.api.data('GET', `/turns/${said.turnId}`);
      assert.equal(turn.answer.reply, said.reply, said.id);
    }
  }
});

// shows: RES-12, DOC-3
test('every promised document is there and can be searched', async () => {
  for (const editor of editors) assert.deepEqual(await editor.wrongPages(), []);
});

// shows: RES-12, TEST-12
test('nothing is lost, doubled or left behind', { timeout: 120_000 }, async (t) => {
  await mc.stop();
  await assertSound(mc);
  const rows = await query(mc, `
    SELECT lower(hex(m.id)) AS id, m.content, k.key FROM messages m LEFT JOIN message_keys k
      ON k.tenant_id = m.tenant_id AND k.message_id = m.id WHERE m.direction = 'inbound'`);
  const stored = new Map();
  for (const row of rows) stored.set(row.content, [...(stored.get(row.content) ?? []), row]);
  const all = crowds.flatMap((crowd) => crowd.said);
  for (const said of all) {
    const found = stored.get(said.text) ?? [];
    assert.ok(found.length === 1 || (found.length === 0 && !said.promised), `${said.id} is there ${found.length} times, promised: ${said.promised}`);
    if (found.length) assert.ok(found[0].key?.endsWith(said.id), `${said.id} is remembered as ${found[0].key}`);
    if (said.messageId) assert.equal(found[0].id, said.messageId.replaceAll('-', ''));
  }
  assert.equal(rows.length, all.filter((said) => stored.has(said.text)).length, 'and nothing that nobody said');
  assert.ok(all.filter((said) => said.promised).length > kills * 5, 'the load was one');
  t.diagnostic(`${all.length} messages, ${all.filter((s) => s.promised).length} promised, ${rows.length} stored`);
});

// shows: ASST-9
test('every turn is rebuilt byte for byte', { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await mc.run('replay', '--all');
  const other = stdout.split('\n').filter((line) => line && !line.includes('byte for byte'));
  assert.deepEqual(other.slice(0, 5), []);
  assert.equal(code, 0, stderr);
});
