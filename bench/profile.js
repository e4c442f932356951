/* Where the instructions of a turn go: TURNS (200) of them under callgrind, AT (8) at once, in conversations that have
 * ten turns behind them. Counts repeat on a busy machine, where times do not. Needs valgrind; not part of all. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { binary, Metachat } from '../tests/lib/metachat.js';
import { asking, chatBodies, keep, model, scope, shopWithPassages, table } from './lib.js';

const turns = Number(process.env.TURNS ?? 200);
const atOnce = Number(process.env.AT ?? 8);
const ends = scope();
const mc = await Metachat.start(ends, { env: asking(await model(ends, 10)) });
const shop = await shopWithPassages(mc);
const bodies = readFileSync(await chatBodies(mc, shop, 64), 'utf8').trim().split('\n').map(JSON.parse);

async function chat(count) {
  let next = 0;
  const follow = async () => {
    while (next < count) await shop.data('POST', '/chat', bodies[next++ % bodies.length]);
  };
  await Promise.all(Array.from({ length: atOnce }, follow));
}

await chat(10 * bodies.length);
await mc.stop();
const out = join(mc.folder, 'callgrind.out');
const args = ['--tool=callgrind', '--instr-atstart=no', `--callgrind-out-file=${out}`, binary, 'serve'];
const child = spawn('valgrind', args, { env: { ...mc.env, METACHAT_DB_WAIT_MS: '600000' }, cwd: mc.folder, stdio: 'ignore' });
await mc.answers().catch(() => mc.answers());
await chat(4 * atOnce);
await promisify(execFile)('callgrind_control', ['-i', 'on', String(child.pid)]);
await chat(turns);
await promisify(execFile)('callgrind_control', ['-i', 'off', String(child.pid)]);
child.kill('SIGTERM');
await once(child, 'close');

/* Callgrind's format: names are given once and numbered; a line behind "calls=" is what the call cost. */
const names = new Map();
function name(kind, text) {
  const [, number, given] = /^\((\d+)\)(?: (.*))?$/.exec(text);
  if (given) names.set(kind + number, given);
  return names.get(kind + number);
}

const within = new Map(); // function → instructions in it and all that it calls
const libraries = new Map(); // file → instructions in it
let [object, callee, isCall, total] = ['', '', false, 0];
for (const line of readFileSync(out, 'utf8').split('\n')) {
  const [, key, text] = /^(\w+)=(.*)$/.exec(line) ?? [];
  if (key === 'ob') object = name('o', text).split('/').at(-1).replace(/\.so.*/, '');
  else if (key === 'cob') name('o', text);
  else if (key === 'fn') name('f', text);
  else if (key === 'cfn') callee = name('f', text);
  else if (key === 'calls') isCall = true;
  else if (/^[0-9+*-]/.test(line)) {
    const cost = Number(line.split(' ')[1]);
    const [map, of] = isCall ? [within, callee] : [libraries, object];
    map.set(of, (map.get(of) ?? 0) + cost);
    total += isCall ? 0 : cost;
    isCall = false;
  }
}

const of = (fn) => within.get(fn) ?? 0;
const stages = [
  ['load: conversation, history, policy, language', of('turn_load')],
  ['search', of('turn_retrieve')],
  ['prompt, and its hash', of('turn_compose')],
  ['model: request and frames', of('turn_answer')],
  ['judge: citations, grounding, confidence', of('turn_decide')],
  ['commit: record, reply, events, job', of('turn_commit')],
];
const inStages = stages.reduce((sum, [, n]) => sum + n, 0);
const rows = [
  ['request: key, limits, body', of('exchange_run') - of('chat_post')],
  ['message in, committed; the answer written', of('chat_post') - of('worker_run_here')],
  ...stages,
  ['the job around the turn', of('worker_run_here') - inStages],
  ['other threads: sockets, the way to the model, dispatcher', total - of('exchange_run')],
].map(([stage, n]) => ({ stage, instructions: n / turns, share: n / total }));
const show = (list, what) =>
  list.map((r) => ({ [what]: r[what], 'thousand instructions': (r.instructions / 1000).toFixed(0), share: `${(r.share * 100).toFixed(0)} %` }));
const files = [...libraries].sort((a, b) => b[1] - a[1]).slice(0, 8);
const byFile = files.map(([file, n]) => ({ file, instructions: n / turns, share: n / total }));
table(`A turn: ${(total / turns / 1e6).toFixed(2)} million instructions`, show(rows, 'stage'));
table('The same by file', show(byFile, 'file'));
keep('profile', { turns, total, rows, byFile });
await ends.end();
