/* The documents hold true: what they name exists, and what exists is named. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { namesOf } from '../../scripts/names.mjs';
import { binary, root } from '../lib/binary.js';
import { Judge } from './names.js';

process.chdir(root);
const documents = ['README.md', ...readdirSync(join(root, 'docs'), { recursive: true }).map((name) => `docs/${name}`).filter((name) => name.endsWith('.md'))];
const textOf = (path) => readFileSync(join(root, path), 'utf8');
const names = namesOf(binary);
const judge = new Judge(names, root);

// shows: API-7
test('every route, setting, command, event, figure, target, file and link of a document exists', () => {
  assert.ok(documents.length > 10, documents.join());
  assert.deepEqual(documents.flatMap((path) => judge.faults(path, textOf(path))), []);
});

// shows: API-7
test('a wrong name of each kind is found', () => {
  const planted = {
    'there is no route GET /api/v1/parrots': '`GET /api/v1/parrots`',
    'there is no route POST /chats': 'Send it by `POST /chats`.',
    'there is no route /healthy': '`/healthy` says it',
    'there is no setting METACHAT_PARROTS': '`METACHAT_PARROTS=1`',
    'there is no command metachat parrot': '```\nmetachat parrot --all\n```',
    'metachat serve has no --parrot': '`metachat serve --parrot`',
    'there is no event turn.parroted': '`turn.parroted`',
    'there is no figure parrots_total': '`parrots_total`',
    'there is no error code PARROT_NOT_FOUND': '`PARROT_NOT_FOUND`',
    'nothing is named parrot_feathers': 'the table `parrot_feathers`',
    'there is no target parrot for make': '```sh\nmake parrot\n```',
    'there is no file src/base/parrot.c': '`src/base/parrot.c`',
    'there is no file base/parrot_table.h': '`base/parrot_table.h`',
    'there is no file scripts/parrot.sh': '```sh\nscripts/parrot.sh 3\n```',
    'the link to parrot.md leads nowhere': '[x](parrot.md)',
    'the link to testing.md#parrots: no such heading': '[x](testing.md#parrots)',
  };
  for (const [fault, text] of Object.entries(planted)) {
    assert.deepEqual(judge.faults('docs/planted.md', `# Planted\n\n${text}\n`).map((f) => f.replace(/^docs\/planted\.md:\d+: /, '')), [fault]);
  }
});

test('what exists is not taken for wrong', () => {
  const text = [
    '`GET /api/v1/turns/ID` `POST /chat` `/health` `http://127.0.0.1:3007/docs`',
    '`METACHAT_LISTEN` `METACHAT_BIN` `metachat replay ID` `metachat serve --migrate` `metachat --help` `make test-long`',
    '`message.received` `jobs_total` `RATE_LIMITED` `turn_messages` `base/conf_table.h` `ext/llm_*.c` `testing.md`',
    '[a](configuration.md#http-server)',
  ].join('\n');
  assert.deepEqual(judge.faults('docs/planted.md', text), []);
});

// shows: API-7
test('every route, setting, command, event, figure, error code and table is in a document', () => {
  const all = documents.map(textOf).join('\n');
  const missing = [];
  const wants = (kind, name) => all.includes(`\`${name}\``) || missing.push(`${kind} ${name}`);
  for (const row of names.routes) wants('route', `${row.method} ${row.path}`);
  for (const { name } of names.commands) wants('command', `metachat ${name}`);
  for (const kind of ['settings', 'events', 'metrics', 'codes', 'tables']) {
    assert.ok(names[kind].length > 5, kind);
    for (const { name } of names[kind]) wants(kind, name);
  }
  for (const { name } of names.targets) if (!new RegExp(`make ${name}\\b|\`${name}\``).test(all + textOf('Makefile'))) missing.push(`target ${name}`);
  assert.deepEqual(missing, []);
});
