/* Documents: the ways in, the states, replacing, deleting, and what is refused. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { assertError } from '../lib/api.js';
import { Metachat } from '../lib/metachat.js';
import { hex, quiet, value } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const maxBytes = 6_000_000;
let mc, shop;

before(async () => {
  mc = await Metachat.start(scope, { env: { METACHAT_DOCUMENT_MAX_BYTES: String(maxBytes) } });
  shop = await mc.tenant('Documents');
});

const find = async (query, api = shop) => (await api.data('POST', '/search', { query, limit: 20 })).passages;
const settled = (answer) => shop.documentSettled(answer.body.data.id);
const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6300010000050001', 'hex');
const elf = Buffer.concat([Buffer.from('7f454c4602010100000000000000000002003e0001000000', 'hex'), Buffer.alloc(200)]);

function form(parts) {
  const body = new FormData();
  for (const [name, bytes, file, type = ''] of parts) {
    if (file === undefined) body.append(name, bytes);
    else body.append(name, new Blob([bytes], { type }), file);
  }
  return body;
}

// shows: DOC-1, DOC-16
test('the same text comes in by multipart and by JSON', async () => {
  const text = '# Lamps\n\nThe heron lamp costs nine pounds.\n';
  const byForm = await shop.post('/documents', form([['file', text, 'lamps.md', 'text/markdown'], ['metadata', '{"title":"Lamps","tags":"a, b"}']]));
  const byJson = await shop.post('/documents', { name: 'lamps.md', text, metadata: { title: 'Lamps', tags: 'a, b' } });
  for (const answer of [byForm, byJson]) {
    assert.equal(answer.status, 201, answer.text);
    const document = await settled(answer);
    const { name, status, version, currentVersion, size, mimeType, chunks, metadata } = document;
    assert.deepEqual(
      { name, status, version, currentVersion, size, mimeType, chunks, metadata },
      { name: 'lamps.md', status: 'ready', version: 1, currentVersion: 1, size: Buffer.byteLength(text), mimeType: 'text/markdown', chunks: 1, metadata: { title: 'Lamps', tags: 'a, b' } },
    );
    const content = await shop.get(`/documents/${document.id}/content`);
    assert.equal(content.text, text);
    assert.equal(content.headers.get('content-type'), 'application/octet-stream');
    assert.match(content.headers.get('content-disposition'), /^attachment/);
  }
  assert.notEqual(byForm.body.data.id, byJson.body.data.id);
});

// shows: DOC-4, DOC-5
test('text, Markdown and HTML are read, by name, by type and by content', async () => {
  const html = '<!doctype html><html><head><title>T</title><script>var secretword = "jackdawscript";</script><style>.jackdawstyle{}</style></head><body><h1>Prices</h1><p>The bittern &amp; co. costs 7&nbsp;pounds.</p><script>alert("jackdawscript")</script><!-- jackdawcomment --></body></html>';
  for (const [name, bytes, type, expected] of [
    ['plain.txt', 'The curlew costs five pounds.', 'text/plain', 'text/plain'],
    ['plain.txt', 'The curlew costs five pounds.', 'application/octet-stream', 'text/plain'],
    ['page.html', html, 'text/html', 'text/html'],
    ['page.htm', html, '', 'text/html'],
    ['readme.md', '# Read\n\nThe **plover** costs *three* pounds.', 'text/plain', 'text/markdown'],
  ]) {
    const answer = await shop.post('/documents', form([['file', bytes, name, type]]));
    assert.equal(answer.status, 201, `${name} ${type}: ${answer.text}`);
    const document = await settled(answer);
    assert.equal(document.status, 'ready', document.error);
    assert.equal(document.mimeType, expected, name);
  }
  const [passage] = await find('What does the bittern cost?');
  assert.match(passage.text, /bittern & co\. costs 7.pounds/);
  assert.doesNotMatch(JSON.stringify(await find('jackdawscript jackdawstyle jackdawcomment bittern')), /jackdaw/);
});

test('a list shows newest first, filters, and pages without doubles', async () => {
  const tenant = await mc.tenant('Lists');
  for (let n = 0; n < 7; n++) await tenant.addDocument(`list-${n}.md`, `# ${n}\n\nPage number ${n} of the list.\n`);
  const all = await tenant.all('/documents', { limit: 2 });
  assert.deepEqual(all.map((d) => d.name), [6, 5, 4, 3, 2, 1, 0].map((n) => `list-${n}.md`));
  assert.deepEqual((await tenant.all('/documents?q=LIST-3')).map((d) => d.name), ['list-3.md']);
  assert.equal((await tenant.all('/documents?status=failed')).length, 0);
  assert.equal((await tenant.all('/documents?status=ready', { limit: 3 })).length, 7);
  assert.deepEqual(await tenant.all('/documents?q=%25'), [], 'a percent sign is no wildcard');
});

// shows: DOC-10
test('a replacement is all old or all new, while questions are asked', async () => {
  const page = (word) => Array.from({ length: 40 }, (_, i) => `## Part ${i}\n\nThe sandpiper service number ${i} costs ${word} pounds in every season of the year.\n`).join('\n');
  const { id } = await shop.addDocument('sandpiper.md', page('seven'));
  let asking = true;
  const mixed = [];
  let asked = 0;
  const asker = (async () => {
    while (asking) {
      const passages = await find('What does the sandpiper service cost?');
      const words = new Set(passages.flatMap((p) => p.text.match(/seven|eight|nine/g) ?? []));
      if (words.size !== 1) mixed.push([...words]);
      asked += 1;
    }
  })();
  for (const word of ['eight', 'nine', 'seven', 'eight', 'nine']) {
    const put = await shop.put(`/documents/${id}/content`, { name: 'sandpiper.md', text: page(word) });
    assert.equal(put.status, 200, put.text);
    assert.equal((await shop.documentSettled(id)).status, 'ready');
  }
  asking = false;
  await asker;
  assert.deepEqual(mixed, []);
  assert.ok(asked > 5);
  const document = await shop.data('GET', `/documents/${id}`);
  assert.deepEqual([document.version, document.currentVersion, document.status], [6, 6, 'ready']);
  const versions = await shop.all(`/documents/${id}/versions`, { limit: 2 });
  assert.deepEqual(versions.map((v) => v.version), [6, 5, 4, 3, 2, 1]);
  await quiet(mc);
  assert.equal(await value(mc, `SELECT count(DISTINCT version) FROM chunks WHERE document_id = ${hex(id)}`), 1);
});

// shows: DOC-10
test('a new version that fails keeps the old one', async () => {
  const { id } = await shop.addDocument('kept.md', '# Kept\n\nThe dunlin costs six pounds.\n');
  const put = await shop.put(`/documents/${id}/content`, { name: 'kept.md', text: '   \n\n  \n' });
  if (put.status === 200) {
    const document = await waitFor('the failure to be told', async () => {
      const d = await shop.data('GET', `/documents/${id}`);
      return d.error && d;
    });
    assert.deepEqual([document.version, document.currentVersion], [2, 1]);
  } else {
    assertError(put, 400);
  }
  assert.match((await find('What does the dunlin cost?'))[0].text, /six pounds/);
  assertError(await shop.put(`/documents/${id}/content`, form([['file', png, 'kept.md']])), 415, 'UNSUPPORTED_MEDIA_TYPE');
  assert.match((await find('What does the dunlin cost?'))[0].text, /six pounds/);
});

// shows: DOC-2, DOC-16
test('stale, and read again', async () => {
  const { id } = await shop.addDocument('stale.md', '# Stale\n\nThe knot costs two pounds.\n');
  const marked = await shop.data('PATCH', `/documents/${id}`, { status: 'stale', reason: 'prices changed' });
  assert.deepEqual([marked.status, marked.error], ['stale', 'prices changed']);
  assert.equal((await shop.data('PATCH', `/documents/${id}`, { status: 'stale', reason: 'again' })).error, 'again');
  const failed = await shop.addDocument('failed.md', '----\n\n***\n');
  assert.equal(failed.status, 'failed');
  assertError(await shop.patch(`/documents/${failed.id}`, { status: 'stale' }), 409, 'CONFLICT');
  const again = await shop.post(`/documents/${id}/reprocess`);
  assert.equal(again.status, 202, again.text);
  const document = await shop.documentSettled(id);
  assert.equal(document.status, 'ready');
  assert.match((await find('What does the knot cost?'))[0].text, /two pounds/);
});

// shows: DOC-7
test('rename and metadata', async () => {
  const { id } = await shop.addDocument('before.md', '# Name\n\nThe ruff costs one pound.\n', { metadata: { title: 'Old', author: 'Ann' } });
  const changed = await shop.data('PATCH', `/documents/${id}`, { name: 'after.md', metadata: { title: 'New' } });
  assert.equal(changed.name, 'after.md');
  assert.deepEqual(changed.metadata, { title: 'New', author: 'Ann' });
  const cleared = await shop.data('PATCH', `/documents/${id}`, { metadata: { author: null, title: '' } });
  assert.deepEqual(cleared.metadata, {});
  for (const body of [{ name: '' }, { name: null }, { status: 'ready' }, { metadata: { sourceUrl: 'javascript:alert(1)' } }, { metadata: { unknown: 'x' } }, { size: 1 }]) {
    assertError(await shop.patch(`/documents/${id}`, body), 400, 'VALIDATION_ERROR');
  }
});

// shows: DOC-14
test('a deleted document is gone at once, and leaves nothing', async () => {
  const { id } = await shop.addDocument('gone.md', '# Gone\n\nThe whimbrel costs four pounds.\n');
  const whimbrels = async () => (await find('What does the whimbrel cost?')).filter((p) => p.text.includes('whimbrel'));
  assert.equal((await whimbrels()).length, 1);
  assert.equal((await shop.delete(`/documents/${id}`)).status, 204);
  assert.deepEqual(await whimbrels(), []);
  for (const path of ['', '/content', '/versions', '/chunks']) assertError(await shop.get(`/documents/${id}${path}`), 404, 'DOCUMENT_NOT_FOUND');
  assertError(await shop.delete(`/documents/${id}`), 404);
  assertError(await shop.post(`/documents/${id}/reprocess`), 404);
  assertError(await shop.put(`/documents/${id}/content`, { name: 'x.md', text: 'x' }), 404);
  assert.ok(!(await shop.all('/documents')).some((d) => d.id === id));
  await quiet(mc);
  assert.equal(await value(mc, `SELECT count(*) FROM chunks WHERE document_id = ${hex(id)}`), 0);
});

// shows: DOC-14
test('a document that is deleted while it is read leaves no passage', async () => {
  const text = Array.from({ length: 4000 }, (_, i) => `## Part ${i}\n\nThe avocet number ${i} costs ${i} pounds.\n`).join('\n');
  for (let round = 0; round < 4; round++) {
    const { id } = await shop.data('POST', '/documents', { name: 'race.md', text });
    if (round % 2) await waitFor('the reading to begin', async () => (await shop.data('GET', `/documents/${id}`)).status !== 'pending', { everyMs: 1 });
    assert.equal((await shop.delete(`/documents/${id}`)).status, 204);
    assert.ok(!JSON.stringify(await find('What does avocet number 77 cost?')).includes('avocet'));
    await quiet(mc);
    await waitFor('the passages to go', async () => (await value(mc, `SELECT count(*) FROM chunks WHERE document_id = ${hex(id)}`)) === 0);
  }
});

// shows: DOC-4, DOC-5, DOC-7
test('files that are not what they say are refused, and nothing is kept of them', async () => {
  const before = (await shop.all('/documents')).length;
  const refused = [
    ['a picture named .md', png, 'notes.md', '', 415],
    ['a picture as itself', png, 'picture.png', 'image/png', 415],
    ['a program named .txt', elf, 'notes.txt', 'text/plain', 415],
    ['a PDF', '%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'doc.pdf', 'application/pdf', 415],
    ['a PDF named .md', '%PDF-1.7\n1 0 obj', 'doc.md', '', 415],
    ['a zip', Buffer.from('504b0304140000000800', 'hex'), 'a.zip', '', 415],
    ['another declared type', '# Hello\n\nHello there.', 'hello.md', 'image/png', 415],
    ['a type outside the list', '{"a":1}', 'data.json', 'application/json', 415],
    ['bad UTF-8', Buffer.from([0x48, 0x69, 0xff, 0xfe, 0x80, 0x81, 0x0a]), 'bad.txt', 'text/plain', 415],
    ['NUL bytes', Buffer.from('hello\0there\0'), 'nul.txt', 'text/plain', 415],
    ['UTF-16', Buffer.from('\ufeffhello there', 'utf16le'), 'wide.txt', 'text/plain', 415],
    ['nothing', '', 'empty.md', 'text/markdown', 400],
    ['a name of 300 signs', 'hello there', `${'n'.repeat(297)}.md`, '', 400],
    ['a name of dots', 'hello there', '..', '', 400],
    ['a name with a control sign', 'hello there', 'a\u0007b.md', '', 400],
  ];
  for (const [what, bytes, name, type, status] of refused) {
    const answer = await shop.post('/documents', form([['file', bytes, name, type]]));
    assertError(answer, status);
    assert.ok(answer.body.error.message.length > 10, what);
  }
  assert.equal((await shop.all('/documents')).length, before);
});

// shows: DOC-7
test('path parts are taken off a name', async () => {
  for (const [name, stored] of [['../../etc/passwd.md', 'passwd.md'], ['C:\\Users\\me\\notes.md', 'notes.md'], ['/abs/olute.md', 'olute.md']]) {
    const answer = await shop.post('/documents', { name, text: 'The path page says hello there.' });
    assert.equal(answer.status, 201, `${name}: ${answer.text}`);
    assert.equal(answer.body.data.name, stored);
  }
});

// shows: DOC-2
test('what holds no text fails with its reason, and harms nobody', async () => {
  for (const [name, text] of [
    ['spaces.md', ' \n\t \n   \n'],
    ['marks.md', '----\n\n***\n\n> \n'],
    ['only.html', '<html><body><script>x</script></body></html>'],
  ]) {
    const answer = await shop.post('/documents', { name, text });
    if (answer.status === 400) continue;
    assert.equal(answer.status, 201, `${name}: ${answer.text}`);
    const document = await settled(answer);
    assert.equal(document.status, 'failed', name);
    assert.ok(document.error.length > 10, name);
  }
  const headings = await shop.addDocument('headings.md', '# One\n\n## Two\n\n### Three\n');
  assert.ok(headings.status === 'ready' || (headings.status === 'failed' && headings.error), JSON.stringify(headings));
  const line = await shop.addDocument('line.txt', 'godwit '.repeat(5_000_000 / 7));
  assert.ok(['ready', 'failed'].includes(line.status));
  if (line.status === 'ready') assert.ok((await find('godwit')).every((p) => p.text.length < 20_000));
  const word = await shop.addDocument('word.txt', 'x'.repeat(1_000_000));
  assert.ok(['ready', 'failed'].includes(word.status));
  for (const { id } of [line, word, headings]) await shop.delete(`/documents/${id}`);
  assert.match((await find('What does the heron lamp cost?'))[0].text, /nine pounds/);
});

// shows: DOC-6
test('what is over the limit is 413, by each way in', async () => {
  const big = 'a word '.repeat(Math.ceil((maxBytes + 10) / 7));
  assertError(await shop.post('/documents', form([['file', big, 'big.txt', 'text/plain']])), 413, 'PAYLOAD_TOO_LARGE');
  assertError(await shop.post('/documents', { name: 'big.txt', text: big }), 413, 'PAYLOAD_TOO_LARGE');
});

// shows: DOC-7
test('forms that are no upload are refused', async () => {
  const text = 'hello there, this is a text';
  for (const [what, body] of Object.entries({
    'two files': form([['file', text, 'a.md'], ['file', text, 'b.md']]),
    'a part of another name': form([['file', text, 'a.md'], ['tenantId', 'x']]),
    'no file': form([['metadata', '{}']]),
    'another name': form([['document', text, 'a.md']]),
    'unknown metadata': form([['file', text, 'a.md'], ['metadata', '{"color":"red"}']]),
    'metadata that is no JSON': form([['file', text, 'a.md'], ['metadata', '{']]),
    'a field instead of a file': form([['file', text]]),
  })) {
    const answer = await shop.post('/documents', body);
    assert.equal(answer.status, 400, `${what}: ${answer.text}`);
  }
  const raw = (type, body) => shop.request('POST', '/documents', { headers: { 'Content-Type': type }, body });
  assertError(await raw('multipart/form-data', 'x'), 400);
  assertError(await raw('multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nhello'), 400);
  assertError(await raw('multipart/form-data; boundary=x', '--y\r\n\r\n--y--\r\n'), 400);
  assertError(await raw('multipart/form-data; boundary=x', ''), 400);
});

test('the same Idempotency-Key makes one document; with another body it is refused', async () => {
  const headers = { 'Idempotency-Key': 'upload-1' };
  const body = { name: 'once.md', text: '# Once\n\nThe turnstone costs ten pounds.\n' };
  const answers = await Promise.all(Array.from({ length: 8 }, () => shop.post('/documents', body, { headers })));
  for (const answer of answers) assert.equal(answer.status, 201, answer.text);
  assert.equal(new Set(answers.map((a) => a.body.data.id)).size, 1);
  assert.equal((await shop.all('/documents?q=once.md')).length, 1);
  assertError(await shop.post('/documents', { ...body, name: 'twice.md' }, { headers }), 422, 'IDEMPOTENCY_MISMATCH');
});

// shows: DOC-9, RATE-2
test('uploads have a rate for each tenant', async (t) => {
  const limited = await Metachat.start(t, { env: { METACHAT_RATE_UPLOAD_PER_MIN: '5' } });
  const [one, two] = [await limited.tenant('One'), await limited.tenant('Two')];
  const secondKey = one.as(await limited.apiKey(one.tenantId));
  const put = (api, n) => api.post('/documents', { name: `r${n}.md`, text: `The rate page number ${n}.` });
  const statuses = [];
  for (let n = 0; n < 8; n++) statuses.push(await put(n % 2 ? one : secondKey, n));
  const refused = statuses.filter((a) => a.status === 429);
  assert.equal(statuses.filter((a) => a.status === 201).length, 5, statuses.map((a) => a.status).join());
  assertError(refused[0], 429, 'RATE_LIMITED');
  assert.ok(Number(refused[0].headers.get('retry-after')) >= 1);
  assert.equal((await put(two, 1)).status, 201, 'another tenant has a budget of its own');
  assert.equal((await one.get('/documents')).status, 200, 'reading goes on');
});

// shows: DOC-1
test('document add: good and bad files, beside a server and without one', async (t) => {
  const own = await Metachat.start(t);
  const tenant = await own.tenant('Files');
  const folder = join(own.folder, 'files');
  await mkdir(folder);
  const file = async (name, bytes) => {
    await writeFile(join(folder, name), bytes);
    return join(folder, name);
  };
  const good = await file('good.md', '# Good\n\nThe pipit costs eleven pounds.\n');
  const html = await file('good "quoted".html', '<p>The wagtail costs twelve pounds.</p>');
  const bad = await file('bad.md', png);
  const empty = await file('empty.md', '');
  const add = (...files) => own.run('document', 'add', '--tenant', tenant.tenantId, ...files);

  const added = await add(good, html);
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /ready\s+.*good\.md/);
  assert.match((await find('What does the pipit cost?', tenant))[0].text, /eleven/);
  assert.ok((await tenant.all('/documents')).some((d) => d.name.includes('quoted')));

  const mixed = await add(good, bad, empty, join(folder, 'missing.md'));
  assert.equal(mixed.code, 1);
  assert.match(mixed.stdout, /ready/);
  assert.match(mixed.stderr, /bad\.md/);
  assert.match(mixed.stderr, /empty\.md/);
  assert.match(mixed.stderr, /missing\.md: cannot be read/);

  assert.equal((await own.run('document', 'add', good)).code, 2);
  assert.equal((await own.run('document', 'add', '--tenant', 'nonsense', good)).code, 2);
  assert.equal((await own.run('document', 'add', '--tenant', tenant.tenantId)).code, 2);
  assert.equal((await own.run('document', 'add', '--tenant', '01900000-0000-7000-8000-000000000000', good)).code, 1);

  const asJson = await own.run('document', 'add', '--json', '--tenant', tenant.tenantId, good);
  assert.equal(JSON.parse(asJson.stdout).status, 'ready');

  await own.stop();
  const alone = await add(await file('alone.md', '# Alone\n\nThe fieldfare costs thirteen pounds.\n'));
  assert.equal(alone.code, 0, alone.stderr);
  await own.start();
  assert.match((await find('What does the fieldfare cost?', tenant))[0].text, /thirteen/);
});
