/* What must be true of a database at rest, whatever happened before: after kills, full disks, load.
 * Each rule is a SELECT that finds what breaks it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { laterLook, query } from './rows.js';

const turnOf = 'm.tenant_id = t.tenant_id AND m.turn_id = t.id';

const rules = {
  'the file is whole': "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
  'every reference leads somewhere': 'SELECT * FROM pragma_foreign_key_check',
  'every inbound message is covered by one turn': `
    SELECT hex(m.id) FROM messages m
    LEFT JOIN turn_messages c ON c.tenant_id = m.tenant_id AND c.message_id = m.id
    WHERE m.direction = 'inbound' GROUP BY m.tenant_id, m.id HAVING count(c.turn_id) <> 1`,
  'a turn covers inbound messages of its own conversation, and at least one': `
    SELECT hex(t.id) FROM turns t
    LEFT JOIN turn_messages c ON c.tenant_id = t.tenant_id AND c.turn_id = t.id
    LEFT JOIN messages m ON m.tenant_id = c.tenant_id AND m.id = c.message_id
      AND m.direction = 'inbound' AND m.conversation_id = t.conversation_id
    GROUP BY t.tenant_id, t.id HAVING count(m.id) = 0 OR count(m.id) <> count(c.message_id)`,
  'a turn has one reply, or a reason for silence': `
    SELECT hex(t.id) FROM turns t LEFT JOIN messages m ON ${turnOf} AND m.direction = 'outbound'
    GROUP BY t.tenant_id, t.id HAVING count(m.id) <> (t.silence = '')`,
  'the reply of a turn is the message that it names': `
    SELECT hex(t.id) FROM turns t WHERE t.reply_id IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM messages m WHERE ${turnOf} AND m.id = t.reply_id AND m.conversation_id = t.conversation_id)`,
  'no reply of the assistant without a turn': `
    SELECT hex(m.id) FROM messages m LEFT JOIN turns t ON ${turnOf}
    WHERE m.direction = 'outbound' AND m.sender = 'assistant' AND t.id IS NULL`,
  'every remembered id of a client leads to a message': `
    SELECT k.key FROM message_keys k LEFT JOIN messages m ON m.tenant_id = k.tenant_id AND m.id = k.message_id
    WHERE m.id IS NULL`,
  'no job is left': `SELECT hex(id), kind, state, attempt, failures, why FROM jobs WHERE NOT ${laterLook}`,
  'the numbers of the events have no holes': `
    SELECT hex(n.tenant_id), n.last, count(e.seq) AS events, max(e.seq) AS highest FROM event_numbers n
    LEFT JOIN events e ON e.tenant_id = n.tenant_id GROUP BY n.tenant_id
    HAVING count(e.seq) <> n.last OR min(e.seq) <> 1 OR max(e.seq) <> n.last`,
  'each inbound message was announced once': `
    SELECT hex(m.id) FROM messages m LEFT JOIN events e ON e.tenant_id = m.tenant_id
      AND e.type = 'message.received' AND e.conversation_id = m.conversation_id
      AND replace(e.payload ->> 'id', '-', '') = lower(hex(m.id))
    WHERE m.direction = 'inbound' GROUP BY m.tenant_id, m.id HAVING count(e.seq) <> 1`,
  'each turn was announced once': `
    SELECT hex(t.id) FROM turns t LEFT JOIN events e ON e.tenant_id = t.tenant_id
      AND e.type IN ('turn.completed', 'turn.failed') AND e.conversation_id = t.conversation_id
      AND replace(e.payload ->> 'turnId', '-', '') = lower(hex(t.id))
    GROUP BY t.tenant_id, t.id HAVING count(e.seq) <> 1`,
  'no document is unfinished': `
    SELECT hex(id), status, error FROM documents WHERE status IN ('pending', 'processing') OR deleted_us IS NOT NULL`,
  'a document has the passages that it counts': `
    SELECT hex(d.id), d.chunks, count(c.fts) AS found FROM documents d LEFT JOIN chunks c
      ON c.tenant_id = d.tenant_id AND c.document_id = d.id AND c.version = d.current
    WHERE d.status = 'ready' GROUP BY d.tenant_id, d.id HAVING count(c.fts) <> d.chunks`,
  'no passage is of a version that is not searched': `
    SELECT hex(c.id) FROM chunks c LEFT JOIN documents d
      ON d.tenant_id = c.tenant_id AND d.id = c.document_id AND d.current = c.version WHERE d.id IS NULL`,
  'the text of a version is as long as it says': `
    SELECT hex(v.document_id), v.version FROM document_versions v LEFT JOIN document_texts x
      ON x.tenant_id = v.tenant_id AND x.document_id = v.document_id AND x.version = v.version
    WHERE v.status = 'ready' GROUP BY v.tenant_id, v.document_id, v.version
    HAVING coalesce(sum(length(x.bytes)), 0) <> v.text_bytes`,
  'a passage is the text at its place': `
    SELECT hex(c.id) FROM chunks c JOIN document_texts x
      ON x.tenant_id = c.tenant_id AND x.document_id = c.document_id AND x.version = c.version AND x.piece = 0
    WHERE c.end_at <= length(x.bytes)
      AND CAST(substr(x.bytes, c.start_at + 1, c.end_at - c.start_at) AS TEXT) <> c.text`,
};

/** Sentences about what is broken; the server is stopped or at rest. except: names of rules. */
export async function faultsOf(mc, { except = [] } = {}) {
  const faults = [];
  for (const [rule, sql] of Object.entries(rules)) {
    if (except.includes(rule)) continue;
    const rows = await query(mc, sql);
    if (rows.length) faults.push(`${rule}: broken by ${rows.length}, among them ${JSON.stringify(rows[0])}`);
  }
  return [...faults, ...(await wrongStatistics(mc)), ...(await lostFiles(mc))];
}

export async function assertSound(mc, options) {
  assert.deepEqual(await faultsOf(mc, options), []);
}

/* What scores rest on, counted again from the passages. */
async function wrongStatistics(mc) {
  const counted = new Map();
  const rows = await query(mc, "SELECT hex(tenant_id) AS t, title_terms || ' ' || heading_terms || ' ' || body_terms AS terms FROM chunks");
  for (const { t, terms } of rows) {
    for (const term of new Set(terms.split(' ').filter(Boolean))) counted.set(`${t} ${term}`, (counted.get(`${t} ${term}`) ?? 0) + 1);
  }
  const kept = await query(mc, 'SELECT hex(tenant_id) AS t, term, df FROM term_df WHERE df > 0');
  const wrong = kept.filter(({ t, term, df }) => counted.get(`${t} ${term}`) !== df);
  const faults = wrong.length ? [`the figure of ${wrong.length} terms is wrong, among them ${JSON.stringify(wrong[0])}`] : [];
  if (kept.length !== counted.size) faults.push(`${counted.size} terms stand in passages, ${kept.length} are counted`);
  const totals = await query(
    mc,
    `SELECT hex(t.tenant_id) AS tenant, t.language, t.chunks, count(c.fts) AS found FROM text_totals t
     LEFT JOIN chunks c ON c.tenant_id = t.tenant_id AND c.language = t.language
     GROUP BY t.tenant_id, t.language HAVING count(c.fts) <> t.chunks`,
  );
  if (totals.length) faults.push(`totals of passages are wrong: ${JSON.stringify(totals)}`);
  return faults;
}

/* Every version's file is there, under the hash of its bytes. What a kill left in tmp/ is none: another
 * node may be writing there, so it is swept only when it is old. */
async function lostFiles(mc) {
  const there = readdirSync(join(mc.data, 'blobs'), { recursive: true }).map(String);
  const wanted = await query(mc, 'SELECT DISTINCT lower(hex(sha256)) AS name FROM document_versions');
  const lost = wanted.filter(({ name }) => !there.some((path) => path.replaceAll('/', '').endsWith(name)));
  return lost.map(({ name }) => `the file ${name} of a version is gone`);
}
