/* Takes out one tenant filter at a time, in a scratch copy of the tree, and sees that the suite turns
 * red: once by the check of query plans, which refuses the statement, and once with that check off,
 * by what one tenant then sees of another.
 * shows: TEN-11
 *
 *     node tests/mutation/run.js [COUNT]       the first COUNT mutants; all without
 *
 * The scratch copy is built once, unharmed, and must be green; each mutant is one more compilation. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const copied = ['bench', 'src', 'web', 'demo', 'i18n', 'migrations', 'tools', 'tests', 'meson.build', 'meson_options.txt'];

/* Statements, and macros that statements are made of, by file and name: each of their filters is taken
 * out, or the one that is told is replaced. The first of them are the ones of every run. */
const mutants = [
  ['src/domain/conversation/message.c', 'select_message'],
  ['src/domain/knowledge/document.c', 'LIVE'],
  ['src/domain/conversation/conversation.c', 'select_by_id'],
  ['src/domain/ledger/event.c', 'select_events'],
  ['src/domain/assistant/turn_record.c', 'sql_get'],
  ['src/domain/account/widget.c', 'select_newest'],
];

/* The same, behind a second filter that keeps the leak from being seen: the check of plans alone
 * refuses them. */
const doublyGuarded = [
  ['src/domain/conversation/message.c', 'select_thread'],
  ['src/domain/knowledge/rank.c', 'select_candidates', 'rowid BETWEEN $3 AND $4', 'rowid > $3 - $3 + $4 - $4'],
  ['src/domain/conversation/inbox.c', 'select_key'],
  ['src/domain/account/apikey.c', 'select_list'],
  ['src/domain/conversation/visitor_thread.c', 'select_own'],
];

class Copy {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'metachat-mutation-'));
    for (const name of copied) {
      cpSync(join(root, name), join(this.folder, name), { recursive: true, filter: (path) => !path.endsWith('node_modules') });
    }
    for (const name of ['web', 'tests']) symlinkSync(join(root, name, 'node_modules'), join(this.folder, name, 'node_modules'));
    this.#run('meson', 'setup', 'out', '-Dtests=false', '-Doptimization=0');
  }

  #run(...command) {
    const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { cwd: this.folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command.join(' ')}:\n${stdout.slice(-2000)}${stderr}`);
  }

  build() {
    this.#run('ninja', '-C', 'out', 'src/main/metachat');
  }

  /** Whether the tests pass; the first that fails ends them, with the servers that they started. */
  isGreen(checksPlans) {
    const env = { ...process.env, METACHAT_BIN: join(this.folder, 'out/src/main/metachat'), METACHAT_DB_CHECK_PLANS: checksPlans ? '1' : '0' };
    const tests = ['isolation', 'smoke'].map((name) => `tests/integration/${name}.test.js`);
    const args = ['--test', '--test-reporter=./tests/lib/reporter.js', ...tests];
    const child = spawn('node', args, { cwd: this.folder, env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    return new Promise((done) => {
      child.stdout.setEncoding('utf8').on('data', (text) => /^FAILED/m.test(text) && process.kill(-child.pid, 'SIGKILL'));
      child.on('close', (code) => done(code === 0));
    });
  }

  /** Runs body() while the statement is without its filters. */
  async without([file, statement, what, by], body) {
    const path = join(this.folder, file);
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, mutated(whole, statement, what, by));
    try {
      this.build();
      await body();
    } finally {
      writeFileSync(path, whole);
    }
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The text with every filter of the statement made one that lets all rows through. */
function mutated(text, statement, what = /((?:\w+\.)?tenant_id) = \$1/g, by = '($1 IS NOT NULL OR $$1 IS NULL)') {
  const from = text.search(new RegExp(`struct db_stmt ${statement} =|#define ${statement} `));
  const end = text.indexOf(text.startsWith('#', from) ? '\n' : ';', from);
  const sql = text.slice(from, end);
  const open = typeof what === 'string' ? sql.replace(what, () => by) : sql.replace(what, by);
  if (from < 0 || open === sql) throw new Error(`there is no filter in ${statement} any more: choose another mutant`);
  return text.slice(0, from) + open + text.slice(end);
}

let passed = 0;
let failed = 0;

function verdict(name, right) {
  if (right) passed += 1;
  else failed += 1;
  console.log(`${right ? 'ok    ' : 'FAILED'} ${name}`);
}

const copy = new Copy();
try {
  copy.build();
  const green = (await copy.isGreen(true)) && (await copy.isGreen(false));
  verdict('the unharmed program is green, also without the check of plans', green);
  for (const mutant of [...mutants, ...doublyGuarded].slice(0, Number(process.argv[2] ?? 1000))) {
    await copy.without(mutant, async () => {
      const name = `${mutant[0]}: ${mutant[1]}`;
      verdict(`${name} is refused by the check of plans`, !(await copy.isGreen(true)));
      if (!doublyGuarded.includes(mutant)) verdict(`${name} is seen by what leaks`, !(await copy.isGreen(false)));
    });
  }
} finally {
  copy.remove();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
