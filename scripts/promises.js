/* What the product promises, line by line, with the tests that show it: prints docs/requirements.md.
 *
 *     node scripts/promises.js >docs/requirements.md
 *
 * The promises stand in docs/promises.txt: "## heading", or an id, a tab and a sentence. A test names
 * what it shows in a comment of its own line, directly above it or inside of it:
 *
 *     // shows: AUTH-12, API-6          in C between the signs of a comment, in shell behind a #
 *
 * In the comment at the head of a file, it stands for the file as a whole. A tag that names no
 * promise, and a promise that no test shows, are told on standard error and fail. */
'use strict';
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const places = [
  { folder: 'tests', form: /(\.test\.js|_test\.sh|\/run\.js|_fuzz\.c)$/ },
  { folder: 'src', form: /_test\.c$/ },
  { folder: 'tools', form: /_test\.sh$/ },
  { folder: 'scripts', form: /\.sh$/ },
];

/* Where a test begins, by the end of the file's name. */
const beginnings = {
  js: /^\s*(?:await )?(?:t\.)?test\(\s*(['"`])((?:\\.|(?!\1).)*)\1/,
  c: /^static void (\s*)(\w+)\(void \*\*/,
  sh: /^\s*(check|suite|refuses|passes) +("[^"]*"|.*)/,
};

const faults = [];

function filesIn(folder, form) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path, form);
    return form.test(path) ? [path] : [];
  });
}

function nameOf(line, beginning) {
  const match = beginning.exec(line);
  return match && match[2].replace(/^"|"$/g, '').replace(/\\(.)/g, '$1').trim();
}

/* The test that a comment at line i belongs to: the one that begins on the next line that is no
 * comment, else the last one that began before it; undefined at the head of a file. */
function testAt(lines, i, beginning) {
  let next = i + 1;
  while (/^\s*(\/\/|#|\*|\/\*)/.test(lines[next] ?? '')) next += 1;
  for (const line of [lines[next] ?? '', ...lines.slice(0, i).reverse()]) {
    const name = nameOf(line, beginning);
    if (name) return name;
  }
  return undefined;
}

function tagsOf(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  const beginning = beginnings[path.split('.').at(-1)];
  return lines.flatMap((line, i) => {
    const tag = /^\s*(?:\/\/|\/\*|\*|#) *shows: *(.*?) *(?:\*\/)?$/.exec(line);
    if (!tag) return [];
    const ids = tag[1].split(/, */);
    const wrong = ids.filter((id) => !/^[A-Z]+-\d+$/.test(id));
    if (wrong.length) faults.push(`${path}:${i + 1}: "${wrong[0]}" is no id of a promise`);
    return ids.map((id) => ({ id, path, line: i + 1, test: testAt(lines, i, beginning) }));
  });
}

function promises() {
  return readFileSync('docs/promises.txt', 'utf8').split('\n').filter((line) => line && !line.startsWith('# ')).map((line) => {
    const [id, sentence] = line.split('\t');
    return line.startsWith('## ') ? { heading: line } : { id, sentence };
  });
}

const list = promises();
const tags = places.flatMap(({ folder, form }) => filesIn(folder, form).sort()).flatMap(tagsOf);
const known = new Set(list.map((p) => p.id));
for (const { id, path, line } of tags) if (!known.has(id)) faults.push(`${path}:${line}: nobody promises ${id}`);

const page = [
  '# What the product promises',
  '',
  'Made from `docs/promises.txt` and from the tags in the tests by `node scripts/promises.js`; do not edit.',
  'Each promise is followed by the tests that show it; [testing](testing.md) says how to run one of them.',
];
for (const { heading, id, sentence } of list) {
  if (heading) {
    page.push('', heading, '');
    continue;
  }
  const shown = tags.filter((tag) => tag.id === id);
  if (!shown.length) faults.push(`${id} is shown by no test: ${sentence}`);
  page.push(`- **${id}** ${sentence}`);
  for (const { path, test } of shown) page.push(`  - ${path}${test ? `: ${test}` : ''}`);
}
console.log(page.join('\n'));
for (const fault of faults) console.error(fault);
process.exitCode = faults.length ? 1 : 0;
