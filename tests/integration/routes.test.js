/* Every route, from the table itself: a new row is probed without a change here. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { rawExchange } from '../lib/api.js';
import { Metachat, root } from '../lib/metachat.js';
import { bodyOf, errorFaults, exchange, fill, furnish, headFaults, kindsOf, routeTable, Verdict } from '../lib/probe.js';
import { quiet, rowCounts } from '../lib/rows.js';
import { fileScope } from '../lib/scratch.js';
import { page, visitorOf } from '../lib/visitor.js';
import { extremes, sample, spoilt } from '../lib/schema.js';

const scope = fileScope();
const operatorToken = 'operator-token-of-the-route-probe';
const marker = 'zebrafink';
let mc, rows, a, b, ofA, ofB, visitor, visitorB, visitorsOwn, scopes, widget;
const keys = {}; // by scope: a key of A that holds only that one

before(async () => {
  mc = await Metachat.start(scope, { args: ['demo'], env: { METACHAT_OPERATOR_TOKEN: operatorToken, METACHAT_RATE_AUTH_PER_MIN: '1000000' } });
  rows = await routeTable(mc);
  a = await mc.tenant('Probe A');
  b = await mc.tenant('Probe B');
  ofA = await furnish(a, marker);
  ofB = await furnish(b, 'kingfisher');
  scopes = [...new Set(rows.map((row) => row.scope).filter((s) => s && s !== 'platform'))];
  for (const scope of scopes) keys[scope] = await mc.apiKey(a.tenantId, { scopes: [scope] });
  const visitorA = await visitorOf(mc, a);
  visitor = visitorA.token;
  widget = visitorA.widgetKey;
  visitorsOwn = (await visitorA.chat(`When does the ${marker} shop open?`)).conversationId;
  visitorB = (await visitorOf(mc, b)).token;
  await quiet(mc);
});

const withKey = (row) => (row.who === 'platform' ? operatorToken : row.visitorsOnly ? visitor : a.key);
const withForeignKey = (row) => (row.visitorsOnly ? visitorB : b.key);
const pathOfA = (row) => fill(row.path, row.visitorsOnly ? { ...ofA, conversation: visitorsOwn } : ofA);
const bearer = (token) => (token ? { authorization: `Bearer ${token}` } : {});
const json = { 'content-type': 'application/json' };
const guarded = () => rows.filter((row) => row.who !== 'public');
const withBody = () => guarded().filter((row) => row.body && row.maxBody > 0);

function send(row, { token = withKey(row), path = pathOfA(row), body, headers = {} } = {}) {
  const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const length = text === undefined ? {} : { ...json, 'content-length': Buffer.byteLength(text) };
  return exchange(mc.url, row.method, path, { headers: { ...bearer(token), ...length, ...headers }, body: text });
}

/** Runs the probes, and sees that they stored nothing and that nothing came at error level. */
async function harmless(probes) {
  const before = await rowCounts(mc);
  const verdict = new Verdict();
  await probes(verdict);
  verdict.done();
  await quiet(mc);
  assert.deepEqual(await rowCounts(mc), before, 'the probes stored nothing');
  assert.deepEqual(mc.unannounced(), [], 'no line at error level');
}

// shows: TEN-2, AUTH-1
test('the table of permissions is the one that was agreed on', async () => {
  const { stdout } = await mc.run('routes');
  const table = stdout.split('\n').map((line) => line.trim().split(/\s+/).slice(0, 6).join(' ')).join('\n');
  assert.equal(table, readFileSync(join(root, 'tests/snap/routes.txt'), 'utf8'));
});

// shows: AUTH-1
test('what is open to everybody is listed, each with its reason', () => {
  const listed = readFileSync(join(root, 'tests/snap/public_routes.txt'), 'utf8').trim().split('\n').map((l) => l.split(' | '));
  const open = rows.filter((row) => row.who === 'public').map((row) => [row.name, row.who, row.rate]);
  assert.deepEqual(listed.map((columns) => columns.slice(0, 3)), open);
  for (const [name, , , reason] of listed) assert.ok(reason?.length > 10, `${name} has a reason`);
});

// shows: TEN-2, RATE-5
test('every row has a rate class, a lane and a role', () => {
  for (const row of rows) {
    assert.ok(row.rate && row.lane && row.who, row.name);
    assert.equal(row.scope === null, row.who === 'public', row.name);
  }
});

test('open routes answer a stranger', async () => {
  const verdict = new Verdict();
  // Those of sockets speak a protocol of their own, which engineio.test.js does.
  for (const row of rows.filter((r) => r.who === 'public' && r.rate !== 'socket')) {
    const query = row.query?.required?.includes('key') ? `?key=${widget}` : '';
    const body = row.body?.required?.includes('key') ? { key: widget } : row.method === 'GET' ? undefined : bodyOf(row);
    const answer = await send(row, { token: null, path: pathOfA(row) + query, body, headers: { origin: page } });
    verdict.add(row.name, [...headFaults(answer), ...(answer.status < 400 ? [] : [`status ${answer.status}`])]);
  }
  verdict.done();
});

// shows: AUTH-1, AUTH-12
test('without credentials every other route says 401', () =>
  harmless(async (verdict) => {
    for (const row of guarded()) {
      const body = row.method === 'GET' ? undefined : (bodyOf(row) ?? '');
      const answer = await send(row, { token: null, body });
      const faults = errorFaults(answer, 401, 'UNAUTHORIZED');
      if (answer.headers.get('www-authenticate') !== 'Bearer') faults.push('no WWW-Authenticate');
      verdict.add(row.name, faults);
      verdict.add(`${row.name} with garbage ids`, errorFaults(await send(row, { token: null, path: row.path.replace(/:\w+/g, 'x') }), 401));
    }
  }));

// shows: AUTH-6, AUTH-12
test('credentials in every wrong form are 401', () =>
  harmless(async (verdict) => {
    const flipped = a.key.slice(0, -1) + (a.key.endsWith('a') ? 'b' : 'a');
    const forms = {
      'empty bearer': { authorization: 'Bearer ' },
      'nothing': { authorization: '' },
      'the scheme alone': { authorization: 'Bearer' },
      'no token in words': { authorization: 'Bearer null' },
      'undefined': { authorization: 'Bearer undefined' },
      'zero': { authorization: 'Bearer 0' },
      'true': { authorization: 'Bearer true' },
      'empty brackets': { authorization: 'Bearer {}' },
      'two tokens': { authorization: `Bearer ${a.key} ${a.key}` },
      'a list of tokens': { authorization: `Bearer x, Bearer ${a.key}` },
      'two headers': { authorization: [`Bearer ${flipped}`, `Bearer ${a.key}`] },
      'two headers, the first good': { authorization: [`Bearer ${a.key}`, `Bearer ${flipped}`] },
      'two headers, one empty': { authorization: ['', `Bearer ${a.key}`] },
      'two headers, the last empty': { authorization: [`Bearer ${a.key}`, ''] },
      'only the prefix': bearer(a.key.slice(0, 16)),
      'null as x-api-key': { 'x-api-key': 'null' },
      'two x-api-keys': { 'x-api-key': [a.key, a.key] },
      'basic': { authorization: `Basic ${Buffer.from(`x:${a.key}`).toString('base64')}` },
      'no scheme': { authorization: a.key },
      'one sign wrong': bearer(flipped),
      'one sign more': bearer(`${a.key}x`),
      'empty x-api-key': { 'x-api-key': '' },
      'wrong x-api-key': { 'x-api-key': flipped },
      'two that differ': { ...bearer(a.key), 'x-api-key': b.key },
      'unsigned token': bearer(`${visitor.split('.').slice(0, 2).join('.')}.`),
      'token without algorithm': bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${visitor.split('.')[1]}.`),
      'token with another signature': bearer(`${visitor.slice(0, -4)}AAAA`),
      'a proxy\'s word for local': { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1;proto=https', 'x-real-ip': '127.0.0.1', 'x-client-ip': '::1', via: '1.1 localhost' },
      'another address behind it': { 'x-original-url': '/health/live', 'x-rewrite-url': '/health/live', 'x-forwarded-prefix': '/health', 'x-forwarded-host': 'localhost', 'x-forwarded-path': '/health/live' },
      'another host': { host: 'localhost' },
      'another port': { host: '127.0.0.1:1' },
      'another method in a header': { 'x-http-method-override': 'OPTIONS', 'x-http-method': 'HEAD', 'x-method-override': 'TRACE' },
      'a key in other headers': { 'api-key': a.key, 'x-auth-token': a.key, 'x-access-token': a.key, 'proxy-authorization': `Bearer ${a.key}`, cookie: `authorization=Bearer ${a.key}` },
      'spoofed headers': { 'x-tenant-id': a.tenantId, 'x-forwarded-user': 'admin', 'x-original-url': '/health', cookie: `token=${a.key}` },
    };
    for (const row of guarded()) {
      for (const [form, headers] of Object.entries(forms)) {
        verdict.add(`${row.name}, ${form}`, errorFaults(await send(row, { token: null, headers }), 401));
      }
    }
    for (const row of guarded()) {
      const path = `${fill(row.path, ofA)}?api_key=${a.key}&token=${a.key}&access_token=${a.key}`;
      verdict.add(`${row.name}, key in the query`, errorFaults(await send(row, { token: null, path }), 401));
      const body = { ...sample(row.body ?? { type: 'object', properties: {} }), apiKey: a.key, token: a.key, authorization: `Bearer ${a.key}` };
      verdict.add(`${row.name}, key in the body`, errorFaults(await send(row, { token: null, body }), 401));
      for (const origin of ['http://127.0.0.1:1', 'http://localhost', 'https://elsewhere.example', mc.url]) {
        verdict.add(`${row.name} of ${origin}`, errorFaults(await send(row, { token: null, path: `${origin}${fill(row.path, ofA)}` }), 401));
      }
    }
  }));

// shows: AUTH-1
test('a key with every scope but the right one is refused with 403', () =>
  harmless(async (verdict) => {
    for (const row of guarded()) {
      for (const scope of scopes.filter((s) => s !== row.scope)) {
        const body = row.method === 'GET' ? undefined : bodyOf(row);
        verdict.add(`${row.name} with ${scope}`, errorFaults(await send(row, { token: keys[scope], body }), 403, 'FORBIDDEN'));
      }
    }
  }));

test('a key with just the right scope comes in', () =>
  harmless(async (verdict) => {
    for (const row of guarded().filter((r) => r.visitorsOnly)) {
      verdict.add(row.name, errorFaults(await send(row, { token: keys[row.scope] }), 403, 'FORBIDDEN'));
    }
    for (const row of guarded().filter((r) => r.who !== 'platform' && !r.visitorsOnly)) {
      const garbage = row.path.includes(':');
      const path = garbage ? row.path.replace(/:\w+/g, 'x') : row.path;
      const body = row.method === 'GET' ? undefined : '{"nobodyKnowsThis":1}';
      const answer = await send(row, { token: keys[row.scope], path, body });
      verdict.add(row.name, answer.status === (garbage || body ? 400 : 200) ? [] : [`status ${answer.status}`]);
    }
  }));

// shows: AUTH-6, TEN-6
test('a visitor reaches only what is a visitor\'s, the operator only what is the operator\'s', () =>
  harmless(async (verdict) => {
    for (const row of guarded()) {
      const body = row.method === 'GET' ? undefined : '{"nobodyKnowsThis":1}';
      const byVisitor = await send(row, { token: visitor, path: `${pathOfA(row)}?nobodyKnowsThis=1`, body });
      verdict.add(`${row.name} by a visitor`, row.who === 'visitor' ? errorFaults(byVisitor, 400) : errorFaults(byVisitor, 403));
      if (row.who !== 'platform') verdict.add(`${row.name} by the operator`, errorFaults(await send(row, { token: operatorToken, body }), 403));
    }
  }));

// shows: TEN-13
test('ids that are no ids are 400', () =>
  harmless(async (verdict) => {
    const garbage = ['x', '1', '..%2f', `${ofA.document}x`, ofA.document.replaceAll('-', ''), '0', 'null', "'or'1'='1", '-1', 'a'.repeat(300), '%00', '%ff'];
    for (const row of guarded().filter((r) => r.path.includes(':') && !r.paramsText)) {
      for (const id of garbage) {
        const answer = await send(row, { path: row.path.replace(/:\w+/g, id), body: row.method === 'GET' ? undefined : bodyOf(row) });
        // What no path of ours can hold is no address at all.
        verdict.add(`${row.name} with ${id}`, errorFaults(answer, /^[\w-]{1,255}$/.test(id) ? 400 : [400, 404]));
      }
    }
  }));

// shows: TEN-8, TEN-13
test('what belongs to another tenant is not there', () =>
  harmless(async (verdict) => {
    for (const row of guarded().filter((r) => r.path.includes(':') && r.who !== 'platform')) {
      const answer = await send(row, { token: withForeignKey(row), body: row.method === 'GET' ? undefined : bodyOf(row) });
      const faults = errorFaults(answer, 404);
      if (answer.text.includes(marker)) faults.push('a foreign text came');
      verdict.add(row.name, faults);
    }
    for (const row of guarded().filter((r) => r.who !== 'platform' && r.body)) {
      for (const [name, member] of Object.entries(row.body.properties)) {
        const foreign = ofA[name.replace(/Id$/, '')];
        if (member.format !== 'uuid' || !foreign) continue;
        const answer = await send(row, { token: b.key, path: fill(row.path, ofB), body: { ...sample(row.body), [name]: foreign } });
        verdict.add(`${row.name} with a foreign ${name}`, errorFaults(answer, 404));
      }
    }
  }));

// shows: TEN-1
test('a tenant named in a query, a header or a body selects nothing', () =>
  harmless(async (verdict) => {
    for (const row of guarded().filter((r) => r.method === 'GET' && r.who !== 'platform')) {
      const path = fill(row.path, ofB);
      const token = withForeignKey(row);
      const byHeader = await send(row, { token, path, headers: { 'x-tenant-id': a.tenantId, 'x-tenant': a.tenantId } });
      verdict.add(`${row.name}, header`, byHeader.text.includes(marker) ? ['a foreign text came'] : []);
      for (const name of ['tenantId', 'tenant', 'tenant_id']) {
        const byQuery = await send(row, { token, path: `${path}?${name}=${a.tenantId}` });
        const refused = row.raw ? [] : errorFaults(byQuery, 400);
        verdict.add(`${row.name}, ${name}`, byQuery.text.includes(marker) ? ['a foreign text came'] : refused);
      }
    }
    for (const row of withBody()) {
      const answer = await send(row, { body: { ...sample(row.body), tenantId: b.tenantId } });
      verdict.add(`${row.name}, body`, errorFaults(answer, 400, 'VALIDATION_ERROR'));
    }
  }));

// shows: TEN-13
test('ids of nothing are 404', () =>
  harmless(async (verdict) => {
    const nothing = '01900000-0000-7000-8000-000000000000';
    for (const row of guarded().filter((r) => r.path.includes(':'))) {
      const path = row.path.replace(/:\w+/g, nothing);
      verdict.add(row.name, errorFaults(await send(row, { path, body: row.method === 'GET' ? undefined : bodyOf(row) }), 404));
    }
  }));

// shows: API-6, RATE-8
test('bodies that are no JSON objects are 400', () =>
  harmless(async (verdict) => {
    const bodies = {
      'cut off': '{"a":',
      'no JSON': 'hello',
      'single quotes': "{'a':1}",
      'something behind': '{} {}',
      'a comma too many': '{"a":1,}',
      'the same name twice': '{"nobodyKnowsThis":1,"nobodyKnowsThis":2}',
      'not a number': '{"nobodyKnowsThis":NaN}',
      'a raw NUL': '{"a\0":1}',
      'a raw control sign': '{"a":"\u0001"}',
      'a byte order mark': '\ufeff{}',
      'half a surrogate': '{"nobodyKnowsThis":"\\ud800"}',
      'an array': '[]',
      'null': 'null',
      'a text': '"x"',
      'a number': '7',
      'deep arrays': `{"a":${'['.repeat(20000)}${']'.repeat(20000)}}`,
      'deep objects': `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
      'bad UTF-8': Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
      'overlong UTF-8': Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc0, 0xaf, 0x22, 0x7d]),
      'a surrogate in UTF-8': Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d]),
    };
    for (const row of withBody()) {
      for (const [what, body] of Object.entries(bodies)) {
        verdict.add(`${row.name}, ${what}`, errorFaults(await send(row, { body }), 400, ['MALFORMED_JSON', 'VALIDATION_ERROR']));
      }
      const bad = Object.entries(row.body.properties).find(([, m]) => m.type === 'string' && !m.enum && !m.format);
      if (!bad) continue;
      const text = Buffer.from(JSON.stringify({ ...sample(row.body), [bad[0]]: 'MARK' }), 'latin1');
      const at = text.indexOf('MARK');
      text.set([0xc3, 0x28, 0xff, 0x80], at);
      verdict.add(`${row.name}, bad UTF-8 in ${bad[0]}`, errorFaults(await send(row, { body: text }), 400));
    }
  }));

// shows: API-5, TEST-10
test('every field of every body refuses what does not fit, and is named', () =>
  harmless(async (verdict) => {
    for (const row of withBody()) {
      for (const { body, field, why } of spoilt(row.body)) {
        const answer = await send(row, { body });
        const faults = errorFaults(answer, 400, why === 'NUL' ? 'MALFORMED_JSON' : 'VALIDATION_ERROR');
        const named = why === 'NUL' || answer.body?.error?.details?.some((d) => d.field === field);
        if (!faults.length && !named) faults.push(`details name ${JSON.stringify(answer.body.error.details)}`);
        verdict.add(`${row.name} ${field} ${why}`, faults);
      }
      const all = Object.fromEntries(Object.keys(row.body.properties).map((name) => [name, [1]]));
      const details = (await send(row, { body: all })).body?.error?.details ?? [];
      const missing = Object.keys(all).slice(0, 16).filter((name) => !details.some((d) => d.field.split('.')[0] === name));
      verdict.add(`${row.name}, all wrong at once`, missing.map((name) => `${name} is not named`));
    }
  }));

// shows: API-5, API-11
test('every query refuses what does not fit, and is named', () =>
  harmless(async (verdict) => {
    for (const row of guarded().filter((r) => r.method === 'GET' && !r.raw)) {
      const path = fill(row.path, ofA);
      const probes = [['nobodyKnowsThis', '1']];
      for (const [name, member] of Object.entries(row.query?.properties ?? {})) {
        if (member.enum) probes.push([name, 'none']);
        if (member.type === 'string' && !member.enum) probes.push([name, '%00'], [name, '%ff'], [name, '%c0%af'], [name, '%zz']);
        if (member.maxLength && !member.enum) probes.push([name, 'x'.repeat(member.maxLength + 1)]);
        if (['integer', 'number'].includes(member.type)) probes.push([name, 'x'], [name, '-1'], [name, '1e999'], [name, ''], [name, '99999999999999999999']);
      }
      if (row.list) for (const value of ['0', '-1', '101', '1001', 'x', '', '1.5', '0x10', '+1', '%201', '99999999999999999999']) probes.push(['limit', value]);
      if (row.list) probes.push(['cursor', 'garbage'], ['cursor', 'x'.repeat(300)], ['cursor', '%00']);
      for (const [name, value] of probes) {
        const answer = await send(row, { path: `${path}?${name}=${value}` });
        const faults = errorFaults(answer, 400, ['VALIDATION_ERROR', 'INVALID_CURSOR']);
        if (answer.body?.error?.code === 'VALIDATION_ERROR' && !answer.body.error.details.some((d) => d.field === name || d.field === 'query')) {
          faults.push(`details name ${JSON.stringify(answer.body.error.details)}`);
        }
        verdict.add(`${row.name}?${name}=${value.slice(0, 30)}`, faults);
      }
      if (row.list) verdict.add(`${row.name} limit twice`, errorFaults(await send(row, { path: `${path}?limit=1&limit=2` }), 400));
    }
  }));

// shows: API-6, RATE-8
test('a body over the limit is 413, before it is read', () =>
  harmless(async (verdict) => {
    for (const row of guarded()) {
      const type = row.body || !row.multipart ? 'application/json' : 'multipart/form-data; boundary=x';
      const length = row.maxBody + 1;
      const head = `${row.method} ${fill(row.path, ofA)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${withKey(row)}\r\nContent-Type: ${type}\r\n`;
      const declared = await rawExchange(mc.url, `${head}Content-Length: ${length}\r\n\r\n`, { end: false });
      verdict.add(`${row.name}, ${length} bytes`, rawFaults(declared, 413));
    }
    for (const row of withBody().filter((r) => r.maxBody < 2_000_000)) {
      const chunk = Buffer.alloc(65536, 0x20);
      const head = `${row.method} ${fill(row.path, ofA)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${withKey(row)}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const count = Math.ceil(row.maxBody / chunk.length) + 1;
      const chunks = Array.from({ length: count }, () => Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
      const answer = await rawExchange(mc.url, Buffer.concat([Buffer.from(head), ...chunks]), { end: false });
      verdict.add(`${row.name}, in chunks`, rawFaults(answer, 413));
    }
  }));

function rawFaults(text, status) {
  const [head, body] = text.split('\r\n\r\n');
  const headers = new Headers(head.split('\r\n').slice(1).map((line) => line.split(/:\s*(.*)/s).slice(0, 2)));
  let parsed;
  try {
    parsed = JSON.parse(body);
  } catch {
    parsed = undefined;
  }
  return errorFaults({ status: Number(head.split(' ')[1]), headers, text, body: parsed }, status);
}

// shows: API-6
test('a body of another type is 415', () =>
  harmless(async (verdict) => {
    const types = ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'text/json', '', 'application/jsonx'];
    for (const row of withBody()) {
      const body = bodyOf(row);
      for (const type of row.multipart ? types : [...types, 'multipart/form-data; boundary=x']) {
        verdict.add(`${row.name} ${type}`, errorFaults(await send(row, { body, headers: { 'content-type': type } }), 415));
      }
      verdict.add(`${row.name} gzip`, errorFaults(await send(row, { body, headers: { 'content-encoding': 'gzip' } }), 415));
    }
  }));

// shows: API-6, AUTH-12
test('another method is 405 with Allow, and no header changes the method', () =>
  harmless(async (verdict) => {
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    for (const path of new Set(rows.map((row) => row.path))) {
      const has = rows.filter((row) => row.path === path).map((row) => row.method);
      for (const method of [...methods.filter((m) => !has.includes(m)), 'OPTIONS', 'TRACE', 'PROPFIND']) {
        const answer = await exchange(mc.url, method, fill(path, ofA), { headers: bearer(a.key) });
        const faults = errorFaults(answer, 405, 'METHOD_NOT_ALLOWED');
        const allow = (answer.headers.get('allow') ?? '').split(', ').filter((m) => m !== 'HEAD').sort();
        if (allow.join() !== [...has].sort().join()) faults.push(`Allow: ${allow}`);
        verdict.add(`${method} ${path}`, faults);
      }
      for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
        if (has.includes('GET') || !has.includes('DELETE')) continue;
        const answer = await exchange(mc.url, 'POST', fill(path, ofA), { headers: { ...bearer(a.key), [name]: 'DELETE' } });
        verdict.add(`${name} on ${path}`, errorFaults(answer, has.includes('POST') ? [400] : [405]));
      }
    }
    for (const row of guarded().filter((r) => r.method === 'GET')) {
      const head = await exchange(mc.url, 'HEAD', fill(row.path, ofA), { headers: {} });
      verdict.add(`HEAD ${row.path}`, head.status === 401 && head.text === '' ? [] : [`status ${head.status}`]);
      const overridden = await send(row, { token: null, headers: { 'x-http-method-override': 'OPTIONS' } });
      verdict.add(`${row.name} overridden`, errorFaults(overridden, 401));
    }
  }));

// shows: AUTH-12, API-6
test('no spelling of a path is a way around', () =>
  harmless(async (verdict) => {
    for (const row of guarded()) {
      const path = fill(row.path, ofA);
      const last = path.lastIndexOf('/');
      const variants = [
        `${path}/`, `/${path}`, `/${path.replaceAll('/', '//')}`, path.slice(0, last) + '//' + path.slice(last + 1), `${path}%2f`, `${path}/.`,
        `/.${path}`, `/health/..${path}`, `/health/%2e%2e${path}`, path.replace('/v1/', '/v1/./'), path.replace('/v1/', '/v1/x/../'), path.replace('/v1/', '/V1/'), path.toUpperCase(),
        path.replace('/api', '/%61pi'), path.replace('/api', '/Api'), `${path}%00`, `${path};x=1`, `${path}.json`, path.replaceAll('/', '\\'), `${path}%20`, `${path}#x`,
        `${path}//`, `${path}%2F`, `${path}%252f`, path.replace('/api', '/%2561pi'), path.replace('/v1', '/%76%31'), path.replace('/v1/', '/v1%2f'), path.replace('/v1/', '/v1%c0%af'),
        path.replace('/v1/', '/v1%e0%80%af'), path.replace('/v1/', '/v1%5c'), path.replace('/v1/', '/v1/%2e/'), `${path}/%2e%2e/x`, `${path}%09`, `${path}%0d%0aX-A: b`, `${path}%00.json`,
        `/health/live/../..${path}`, `/health/live;${path}`, `/docs%2f..${path}`, `http://127.0.0.1/health/live/../..${path}`,
      ];
      for (const variant of variants) {
        const stranger = await exchange(mc.url, row.method, variant, {}).catch((error) => error);
        if (stranger instanceof Error) continue; // no request can be made of it
        verdict.add(`${row.method} ${variant}`, errorFaults(stranger, [400, 401, 404]));
        const known = await exchange(mc.url, row.method, variant, { headers: bearer(b.key) });
        verdict.add(`${row.method} ${variant} with a key`, known.text.includes(marker) ? ['a foreign text came'] : errorFaults(known, [400, 403, 404]));
      }
      const old = path.replace('/api/v1/', '/api/');
      const unversioned = await exchange(mc.url, row.method, old, {});
      verdict.add(`${row.method} ${old}`, errorFaults(unversioned, 401));
    }
    for (const path of ['/nothing', '/api', '/api/v1', '/api/v1/', '/api/v2/documents', '/.env', '/data/metachat.db', '/../../etc/passwd', '/demo/../../keys', '/docs/..%2f..%2fkeys', '/*', '/%']) {
      verdict.add(path, errorFaults(await exchange(mc.url, 'GET', path, { headers: bearer(a.key) }), [400, 404]));
    }
  }));

// shows: CONF-11
test('security headers stand on every answer that succeeds, too', async () => {
  const verdict = new Verdict();
  for (const row of rows.filter((r) => r.method === 'GET')) verdict.add(row.name, headFaults(await send(row)));
  verdict.done();
});

// shows: TEST-10
test('both ends of what a field allows are taken', async () => {
  const verdict = new Verdict();
  const other = await mc.tenant('Probe C');
  const things = await furnish(other, 'wren');
  for (const row of withBody().filter((r) => r.who !== 'platform' && r.lane !== 'turn')) {
    for (const { body, field, why } of extremes(row.body)) {
      const answer = await send(row, { token: other.key, path: fill(row.path, things), body });
      const detail = answer.body?.error?.details?.find((d) => d.field === field);
      const faults = answer.status < 300 ? headFaults(answer) : errorFaults(answer, [400, 404, 409, 415]);
      if (/at most \d|at least \d|is required|control signs|must be one of/.test(detail?.message)) faults.push(detail.message);
      verdict.add(`${row.name} ${field} ${why}`, faults);
    }
  }
  verdict.done();
  await quiet(mc);
  assert.deepEqual(mc.unannounced(), [], 'no line at error level');
});
