/* Holds the demo's pages and its questions together: every expected fact stands in its page, no page
 * holds a word that a question expects to be absent, every link of the two is by a real file name. */
'use strict';
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const pages = new Map(
  readdirSync(__dirname)
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, plain(readFileSync(join(__dirname, name), 'utf8'))]),
);
const { questions } = JSON.parse(readFileSync(join(__dirname, 'questions.json'), 'utf8'));

function plain(text) {
  return text.replace(/\*\*/g, '').replace(/\s+/g, ' ').toLowerCase();
}

function faultsOf(q) {
  const names = [q.document, ...(q.alsoDocuments ?? [])].filter(Boolean);
  return [
    ...names.filter((name) => !pages.has(name)).map((name) => `there is no page ${name}`),
    ...[q.fact ?? []]
      .flat()
      .filter((fact) => !names.some((name) => pages.get(name)?.includes(plain(fact))))
      .map((fact) => `${names.join(', ')} does not say "${fact}"`),
    ...(q.absent ?? []).flatMap((word) =>
      [...pages].filter(([, text]) => text.includes(plain(word))).map(([name]) => `${name} says "${word}"`),
    ),
    ...(q.expect === 'unknown' || q.fact?.length ? [] : ['an answer needs a fact']),
    ...(['tune', 'held', undefined].includes(q.set) ? [] : [`there is no set ${q.set}`]),
  ];
}

const faults = questions.flatMap((q) => faultsOf(q).map((fault) => `${q.ask}: ${fault}`));
if (pages.size < 12 || questions.length < 50) faults.push('too few pages or questions');
faults.forEach((fault) => console.log(fault));
process.exitCode = faults.length ? 1 : 0;
