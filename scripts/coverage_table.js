/* Reads what `llvm-cov export --summary-only` says from standard input and prints lines by floor, the
 * files that are least covered, and the total, which must reach the floor.
 *
 *     … | node scripts/coverage_table.js PERCENT FOLDER */
'use strict';
const { readdirSync, readFileSync } = require('node:fs');
const { dirname, join, relative, resolve } = require('node:path');

const floor = Number(process.argv[2]);
const folder = process.argv[3];
const isFixture = (path) => /(_test|_fixture|_fault)\.c$|\/test_[^/]*\.c$/.test(path);

function covered() {
  const files = JSON.parse(readFileSync(0, 'utf8')).data[0].files;
  return files
    .map(({ filename, summary }) => ({ path: relative('.', resolve(filename)), ...summary.lines }))
    .filter(({ path }) => path.startsWith(`${folder}/`) && path.endsWith('.c'));
}

function sources(at) {
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    if (entry.isDirectory()) return sources(path);
    return path.endsWith('.c') && !isFixture(path) ? [path] : [];
  });
}

function sum(files) {
  const count = files.reduce((n, f) => n + f.count, 0);
  const ran = files.reduce((n, f) => n + f.covered, 0);
  return { count, covered: ran, percent: count ? (100 * ran) / count : 0 };
}

const row = (name, { count, covered: ran, percent }) =>
  `${name.padEnd(34)} ${String(ran).padStart(6)} of ${String(count).padStart(6)} lines ${percent.toFixed(1).padStart(6)} %`;

const files = covered();
const floors = [...new Set(files.map((f) => dirname(f.path)))].sort();
for (const name of floors) console.log(row(name, sum(files.filter((f) => dirname(f.path) === name))));
const total = sum(files);
console.log(row('all', total));

console.log('\nleast covered:');
for (const file of [...files].sort((a, b) => a.percent - b.percent).slice(0, 10)) console.log(row(file.path, file));

/* Tables of constants have no line that could run. */
const known = new Set(files.map((f) => f.path));
const hasCode = (path) => /^\{$/m.test(readFileSync(path, 'utf8'));
const absent = sources(folder).filter((path) => !known.has(path) && hasCode(path));
for (const path of absent) console.log(`not part of the program: ${path}`);

const enough = total.percent >= floor;
const verdicts = [enough, absent.length === 0];
console.log(`\nnote: line coverage ${total.percent.toFixed(1)} % of ${total.count} lines, at least ${floor} %`);
console.log(`${verdicts.filter(Boolean).length} passed, ${verdicts.filter((v) => !v).length} failed`);
process.exitCode = verdicts.every(Boolean) ? 0 : 1;
