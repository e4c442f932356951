/* Retrieval and answers on the demo shop's questions. Each group has a floor, which is what was
 * reached when the figures were last looked at; a change that loses questions shows here, by name. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { openShop, plain, questions } from '../lib/shop.js';

const scope = fileScope();
let shop;

before(async () => {
  const mc = await Metachat.start(scope);
  shop = await openShop(mc);
});

/** Asks what came before, then the question, in one conversation. */
async function ask(question) {
  let conversationId;
  for (const earlier of question.after ?? []) {
    ({ conversationId } = await shop.chat(earlier, conversationId && { conversationId }));
  }
  return shop.chat(question.ask, conversationId ? { conversationId } : {});
}

const saysUnknown = (answer) => answer.action === 'disclaimer' && answer.citations.length === 0;

function faultOf(question, answer) {
  if (question.expect === 'unknown') {
    return saysUnknown(answer) ? null : `answered: ${answer.reply}`;
  }
  if (saysUnknown(answer)) return question.expect === 'either' ? null : 'said that it does not know';
  const missing = [question.fact].flat().filter((fact) => !plain(answer.reply ?? '').includes(plain(fact)));
  if (missing.length) return `without "${missing.join('", "')}": ${answer.reply}`;
  const wanted = [question.document, ...(question.alsoDocuments ?? [])];
  const cited = answer.citations.map((c) => c.documentName);
  return cited.some((name) => wanted.includes(name)) ? null : `cites ${cited.join(', ') || 'nothing'}`;
}

async function shareRight(t, chosen) {
  let right = 0;
  for (const question of chosen) {
    const fault = faultOf(question, await ask(question));
    if (fault === null) right += 1;
    else if (question.set !== 'held') t.diagnostic(`${question.ask} ${fault}`);
  }
  return right / chosen.length;
}

for (const { name, kinds, floor } of [
  { name: 'plain questions', kinds: ['plain'], floor: 0.92 },
  { name: 'part numbers', kinds: ['part-number'], floor: 1 },
  { name: 'typing errors and other words', kinds: ['typo', 'paraphrase'], floor: 0.8 },
  { name: 'follow-ups', kinds: ['follow-up'], floor: 1 },
  { name: 'questions that the pages do not answer', kinds: ['unknown'], floor: 0.95 },
  { name: 'questions in German', kinds: ['german'], floor: 1 },
]) {
  test(`${name}: at least ${floor * 100} % right`, async (t) => {
    const share = await shareRight(t, questions.filter((q) => kinds.includes(q.kind)));
    assert.ok(share >= floor, `${Math.round(share * 100)} % right`);
  });
}

/* What is only measured is never told by name: see questions.json. */
for (const { set, answers, unknowns, overconfident } of [
  { set: 'tune', answers: 0.87, unknowns: 0.95, overconfident: 0.05 },
  { set: 'held', answers: 0.85, unknowns: 0.95, overconfident: 0.05 },
]) {
  const share = (n, of) => Math.round((100 * n) / of);
  test(`as customers type, set ${set}`, async (t) => {
    const asked = questions.filter((q) => q.kind === 'spoken' && q.set === set);
    const results = [];
    for (const question of asked) {
      const answer = await ask(question);
      const fault = faultOf(question, answer);
      results.push({ question, fault, confident: !saysUnknown(answer) && answer.confidence.score >= 0.8 });
      if (fault !== null && set !== 'held') t.diagnostic(`${question.ask} ${fault}`);
    }
    const of = (expect) => results.filter((r) => r.question.expect === expect);
    const right = (list) => list.filter((r) => r.fault === null).length;
    const wrong = results.filter((r) => r.fault !== null && r.confident).length;
    const [known, unknown] = [of('answer'), of('unknown')];
    t.diagnostic(`${right(known)} of ${known.length} answered, ${right(unknown)} of ${unknown.length} refused, ${wrong} sure and wrong`);
    assert.ok(right(known) >= answers * known.length, `${share(right(known), known.length)} % answered`);
    assert.ok(right(unknown) >= unknowns * unknown.length, `${share(right(unknown), unknown.length)} % refused`);
    assert.ok(wrong <= overconfident * results.length, `${wrong} sure and wrong`);
  });
}

test('the passage with the answer is among the first three', async (t) => {
  const chosen = questions.filter((q) => q.expect === 'answer' && !q.after && ['plain', 'part-number'].includes(q.kind));
  let found = 0;
  for (const question of chosen) {
    const { passages } = await shop.data('POST', '/search', { query: question.ask, limit: 3 });
    const wanted = [question.document, ...(question.alsoDocuments ?? [])];
    if (passages.some((p) => wanted.includes(p.documentName))) found += 1;
    else if (question.set !== 'held') t.diagnostic(`${question.ask} found ${passages.map((p) => p.documentName).join(', ')}`);
  }
  assert.ok(found / chosen.length >= 0.9, `${found} of ${chosen.length}`);
});
