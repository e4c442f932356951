/* How long the functions and files of the program are: a line for the log, then the longest of each.
 * tools/lint.awk sets the limits; this shows where things are going.
 *
 *     node scripts/sizes.js FILE… */
'use strict';
const { readFileSync } = require('node:fs');

const lines = (text) => text.replace(/\n$/, '').split('\n');

/* Functions as clang-format leaves them: a brace at the start of a line opens one and closes it. */
function functionsOf(path, text) {
  const found = [];
  let open = -1;
  lines(text).forEach((line, i, all) => {
    if (line === '{') open = i;
    if (line !== '}' || open < 0) return;
    found.push({ name: `${path}: ${nameAbove(all, open)}`, size: i - open - 1 });
    open = -1;
  });
  return found;
}

function nameAbove(all, brace) {
  for (let i = brace - 1; i >= 0 && i > brace - 12; i--) {
    const name = /^\w[\w\s*]*?\b(\w+)\(/.exec(all[i]);
    if (name) return name[1];
  }
  return `line ${brace + 1}`;
}

function summary(what, things) {
  const sizes = things.map((t) => t.size).sort((a, b) => a - b);
  const at = (share) => sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * share))];
  return `${sizes.length} ${what} (median ${at(0.5)} lines, p90 ${at(0.9)}, longest ${sizes.at(-1)})`;
}

function longest(what, things) {
  const first = [...things].sort((a, b) => b.size - a.size).slice(0, 5);
  return [`the longest ${what}:`, ...first.map((t) => `  ${String(t.size).padStart(4)}  ${t.name}`)];
}

const texts = process.argv.slice(2).map((path) => ({ name: path, text: readFileSync(path, 'utf8') }));
const files = texts.map(({ name, text }) => ({ name, size: lines(text).length }));
const functions = texts.flatMap(({ name, text }) => functionsOf(name, text));
console.log(`note: ${summary('functions', functions)}, ${summary('files', files)}`);
console.log([...longest('functions', functions), ...longest('files', files)].join('\n'));
process.exitCode = functions.length ? 0 : 1;
