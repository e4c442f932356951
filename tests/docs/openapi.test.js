/* The OpenAPI document of a running server, by a linter that knows the standard better than we do. */
import assert from 'node:assert/strict';
import core from '@redocly/openapi-core';
import { before, test } from 'node:test';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';

const scope = fileScope();
let document, config;

before(async () => {
  // Socket.IO's path ends with a slash; that no other row's does is checked at every start
  config = await core.createConfig({ extends: ['recommended'], rules: { 'no-path-trailing-slash': 'off' } });
  const mc = await Metachat.start(scope);
  document = (await mc.api().get('/openapi.json')).body;
});

/** {error: [sentences], warn: [sentences]} */
async function lint(doc) {
  const problems = await core.lintFromString({ source: JSON.stringify(doc), absoluteRef: '/openapi.json', config });
  const said = { error: [], warn: [] };
  for (const p of problems) said[p.severity].push(`${p.ruleId}: ${p.message} (${p.location[0]?.pointer})`);
  return said;
}

// shows: API-2
test('the linter finds no error', async (t) => {
  assert.ok(Object.keys(document.paths).length > 20);
  const { error, warn } = await lint(document);
  assert.deepEqual(error, []);
  for (const sentence of warn) t.diagnostic(sentence);
});

test('the linter would find one', async () => {
  const [path] = Object.keys(document.paths);
  const [method] = Object.keys(document.paths[path]);
  for (const spoil of [
    (doc) => delete doc.info.title,
    (doc) => (doc.paths[path][method].responses = { 200: {} }),
    (doc) => (doc.paths[path][method].parrot = 1),
    (doc) => (doc.paths['/parrots/{id}'] = { get: { summary: 'x', responses: { 200: { description: 'x' } } } }),
    (doc) => (doc.components.schemas.Parrot = { type: 'bird' }),
  ]) {
    const spoilt = structuredClone(document);
    spoil(spoilt);
    assert.ok((await lint(spoilt)).error.length, String(spoil));
  }
});
