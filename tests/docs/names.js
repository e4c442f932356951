/* What a document names, and whether it exists. A name is what stands between backticks, in a fenced
 * block, or as the target of a link. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Names in the text: {kind: 'code', 'block' or 'link', text, line}. */
export function namesIn(text) {
  const names = [];
  let fenced = false;
  text.split('\n').forEach((line, i) => {
    const add = (kind, name) => names.push({ kind, text: name, line: i + 1 });
    if (/^\s*```/.test(line)) {
      fenced = !fenced;
    } else if (fenced) {
      add('block', line);
    } else {
      for (const [, code] of line.matchAll(/`([^`]+)`/g)) add('code', code);
      for (const [, target] of line.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)) add('link', target);
    }
  });
  return names;
}

const asForm = (path) => new RegExp(`^${path.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`);

/* Words of the tree, so that a function or a column that a document names must be there; without the
 * tests of the documents, which plant wrong ones. */
function wordsOf(folders) {
  const words = new Set();
  const read = (at) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && !['node_modules', 'corpus', 'docs'].includes(entry.name)) read(path);
      else if (/\.(c|h|sql|js|mjs|sh|awk|build|txt|lua)$|FLOORS$/.test(entry.name)) for (const [word] of readFileSync(path, 'utf8').matchAll(/\w+/g)) words.add(word);
    }
  };
  folders.forEach(read);
  for (const [word] of readFileSync('Makefile', 'utf8').matchAll(/\w+/g)) words.add(word);
  return words;
}

const tops = ['src', 'tests', 'docs', 'scripts', 'tools', 'bench', 'demo', 'web', 'migrations', 'i18n'];
const floors = ['base', 'crypto', 'db', 'net', 'ext', 'http', 'realtime', 'domain', 'jobs', 'api', 'main'];
const endings = /\.(md|js|mjs|c|h|sh|sql|awk|txt|build|example|png|lua|json|supp)$/;

/** Judges names against what exists. names: as scripts/names.mjs gives them; root: of the tree. */
export class Judge {
  constructor(names, root) {
    this.root = root;
    this.routes = names.routes.map((row) => ({ ...row, form: asForm(row.path) }));
    this.commands = new Map(names.commands.map((c) => [c.name, c]));
    for (const kind of ['settings', 'events', 'metrics', 'codes', 'targets']) this[kind] = new Set(names[kind].map((n) => n.name));
    this.words = wordsOf(['src', 'migrations', 'tests', 'scripts', 'tools', 'bench'].map((folder) => join(root, folder)));
    // What only the tests read of the environment is no setting of the program.
    this.harness = new Set([...this.words].filter((word) => /^METACHAT_/.test(word) && !this.settings.has(word) && this.#readByTests(word)));
  }

  #readByTests(word) {
    const files = ['tests/lib/binary.js', 'tests/lib/metachat.js', 'scripts/test.sh'];
    return files.some((file) => new RegExp(`(process\\.env\\.|")${word}\\b`).test(readFileSync(join(this.root, file), 'utf8')));
  }

  /** Sentences about the names of a document that lead nowhere. */
  faults(path, text) {
    return namesIn(text).flatMap((name) => this.#fault(path, name).map((what) => `${path}:${name.line}: ${what}`));
  }

  #fault(path, { kind, text }) {
    if (kind === 'link') return this.#link(path, text);
    const found = [...this.#settings(text), ...this.#commands(text), ...this.#targets(text), ...this.#routes(text)];
    return kind === 'code' ? [...found, ...this.#word(text), ...this.#file(path, text)] : [...found, ...this.#scripts(text)];
  }

  #link(path, target) {
    if (/^[a-z]+:/.test(target)) return [];
    const [file, anchor] = target.split('#');
    const at = join(this.root, file ? join(dirname(path), file) : path);
    if (!existsSync(at)) return [`the link to ${target} leads nowhere`];
    if (!anchor) return [];
    const headings = [...readFileSync(at, 'utf8').matchAll(/^#+ (.*)$/gm)].map((h) => h[1].toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
    return headings.includes(anchor) ? [] : [`the link to ${target}: no such heading`];
  }

  #settings(text) {
    return [...text.matchAll(/\bMETACHAT_[A-Z0-9_]*[A-Z0-9]\b/g)]
      .filter(([name]) => !this.settings.has(name) && !this.harness.has(name))
      .map(([name]) => `there is no setting ${name}`);
  }

  #commands(text) {
    const wrong = [];
    for (const [whole, words] of text.matchAll(/(?<!=\S*)(?:^|[\s/`(])metachat ((?:--help|[a-z]+(?: [a-z]+)?\b)[^#`|;&]*)/g)) {
      const [first, second] = words.split(/\s+/);
      if (first === '--help' || first === 'COMMAND') continue;
      const command = this.commands.get(`${first} ${second}`) ?? this.commands.get(first);
      if (!command) wrong.push(`there is no command metachat ${first}`);
      const options = [...whole.matchAll(/\s(--[a-z-]+)/g)].map((o) => o[1]).filter((o) => o !== '--help');
      wrong.push(...options.filter((o) => command && !command.options.includes(o)).map((o) => `metachat ${command.name} has no ${o}`));
    }
    return wrong;
  }

  #targets(text) {
    return [...text.matchAll(/(?:^|[\s`])make ([a-z][a-z-]*)/g)].filter(([, t]) => !this.targets.has(t)).map(([, t]) => `there is no target ${t} for make`);
  }

  #routes(text) {
    const wrong = [];
    for (const [, method, path] of text.matchAll(/(?:^|\s)(GET|POST|PUT|PATCH|DELETE) (\/[\w/:.{}-]*)/g)) {
      const has = this.routes.some((row) => row.method === method && (row.form.test(path) || row.form.test(`/api/v1${path}`)));
      if (!has) wrong.push(`there is no route ${method} ${path}`);
    }
    const alone = text.replace(/\b(GET|POST|PUT|PATCH|DELETE) \S+/g, '');
    for (const [, path] of alone.matchAll(/(?:^|[\s`]|:\d+)(\/(?:api\/v1|health|metrics|docs|demo)[\w/:.{}-]*)/g)) {
      if (!this.routes.some((row) => row.form.test(path))) wrong.push(`there is no route ${path}`);
    }
    return wrong;
  }

  /* A single word: an event, a figure, an error code, or something of the sources. */
  #word(text) {
    if (/^[a-z]+\.[a-z_]+$/.test(text) && this.events.has(text)) return [];
    if (/^(message|conversation|handover|turn|document)\.[a-z]+$/.test(text) && !endings.test(text)) return [`there is no event ${text}`];
    if (/^[a-z]+(_[a-z0-9]+)*_(total|seconds)$/.test(text)) return this.metrics.has(text) ? [] : [`there is no figure ${text}`];
    if (/^[A-Z]+(_[A-Z]+)+$/.test(text) && !text.startsWith('METACHAT_')) {
      return this.codes.has(text) || this.words.has(text) ? [] : [`there is no error code ${text}`];
    }
    if (/^[a-z]+(_[a-z0-9]+)+$/.test(text)) return this.words.has(text) ? [] : [`nothing is named ${text}`];
    return [];
  }

  /* A path of the tree, from its root, from src/ or from the document's own folder. */
  #file(path, text) {
    const [first] = text.split(/[\s:]/);
    const [top] = first.split('/');
    if (top === '' || first.includes('<') || first.includes('NNNN')) return [];
    const inTree = first.includes('/') && (tops.includes(top) || floors.includes(top));
    // What an installation makes for itself is not in the tree.
    const plain = endings.test(first) && /^[\w./-]+$/.test(first) && !/^(data\/|metachat\.env)/.test(first);
    if (!inTree && !plain) return [];
    const places = [this.root, join(this.root, 'src'), join(this.root, dirname(path))];
    return places.some((place) => this.#exists(place, first)) ? [] : [`there is no file ${first}`];
  }

  #scripts(text) {
    return [...text.matchAll(/(?:^|[\s`"])((?:scripts|tools|bench|tests)\/[\w./-]+\.\w+)/g)].filter(([, file]) => !existsSync(join(this.root, file))).map(([, file]) => `there is no file ${file}`);
  }

  #exists(place, file) {
    if (!file.includes('*')) return existsSync(join(place, file));
    const folder = join(place, dirname(file));
    const form = new RegExp(`^${file.split('/').at(-1).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
    return existsSync(folder) && readdirSync(folder).some((name) => form.test(name));
  }
}
