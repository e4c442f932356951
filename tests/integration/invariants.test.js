/* The rules of a database at rest can be broken: each planted breach is found by its rule. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { assertSound, faultsOf } from '../lib/invariants.js';
import { Metachat } from '../lib/metachat.js';
import { quiet } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
let mc;

before(async () => {
  mc = await Metachat.start(scope);
  const shop = await mc.tenant('Shop');
  await shop.addDocument('hours.md', '# Hours\n\nOn Saturday the shop opens at 9:00.\n');
  const { conversationId } = await shop.chat('When does the shop open on Saturday?', { clientMessageId: 'a' });
  await shop.chat('I want to talk to a person', { conversationId });
  await shop.chat('Hello?', { conversationId });
  await quiet(mc);
  await mc.stop();
});

// shows: RES-12
test('a database at rest is sound', () => assertSound(mc));

const breaches = [
  ['every inbound message is covered', 'DELETE FROM turn_messages WHERE message_id = (SELECT max(message_id) FROM turn_messages)'],
  ['a turn has one reply', "DELETE FROM messages WHERE sender = 'assistant' AND id = (SELECT max(reply_id) FROM turns)"],
  ['the reply of a turn is the message', 'UPDATE turns SET reply_id = randomblob(16) WHERE reply_id IS NOT NULL'],
  ['no reply of the assistant without a turn', "UPDATE messages SET turn_id = randomblob(16) WHERE sender = 'assistant'"],
  ['every remembered id', 'UPDATE message_keys SET message_id = randomblob(16)'],
  ['no job is left', `INSERT INTO jobs SELECT tenant_id, randomblob(16), 'turn', id, '{}', '', 'pending', 0, 0, 1, NULL, NULL, '', 1, 1 FROM conversations`],
  ['the numbers of the events', 'DELETE FROM events WHERE seq = 2'],
  ['each inbound message was announced once', "DELETE FROM events WHERE type = 'message.received'"],
  ['each turn was announced once', "UPDATE events SET payload = '{}' WHERE type = 'turn.completed'"],
  ['no document is unfinished', "UPDATE documents SET status = 'processing'"],
  ['a document has the passages', 'UPDATE documents SET chunks = chunks + 1'],
  ['no passage is of a version', 'UPDATE documents SET current = 0, status = \'failed\''],
  ['the text of a version', 'UPDATE document_versions SET text_bytes = text_bytes + 1'],
  ['a passage is the text at its place', "UPDATE chunks SET text = replace(text, '9:00', '8:00')"],
  ['the figure of', 'UPDATE term_df SET df = df + 1'],
  ['terms stand in passages', 'DELETE FROM term_df'],
  ['totals of passages', 'UPDATE text_totals SET chunks = 7'],
  ['the file', 'UPDATE document_versions SET sha256 = randomblob(32)'],
];

for (const [rule, sql] of breaches) {
  test(`a breach is found: ${rule} …`, async () => {
    const copy = { data: join(mc.folder, `copy-${breaches.findIndex(([name]) => name === rule)}`) };
    cpSync(mc.data, copy.data, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    execFileSync('sqlite3', [join(copy.data, 'metachat.db'), sql]);
    const faults = await faultsOf(copy);
    assert.ok(faults.some((fault) => fault.includes(rule)), `${faults}`);
  });
}
