/* The demo page and the reference, as a person in a browser meets them.
 *
 * Screenshots go to a scratch folder, or to SCREENSHOTS. With README_PICTURE=1 the picture of the
 * README, docs/demo.png, is taken anew. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openPage } from '../lib/browser.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat, root } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { assertAccessible, axe, say } from './lib/widget.js';

const scope = fileScope();
const pictures = process.env.SCREENSHOTS ?? join(tmpdir(), 'metachat-screenshots');
let mc;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  mc = await Metachat.start(scope, { args: ['demo'], env: { METACHAT_RATE_VISITOR_CHAT_PER_MIN: '1000' } });
});

async function open(t, path = '/demo', options = {}) {
  const page = await openPage(t, options);
  await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: options.dark ? 'dark' : 'light' });
  await page.goto(mc.url + path);
  if (path.startsWith('/docs')) await page.waitForSelector('#routes section');
  else await page.waitForSelector('.launcher');
  return page;
}

const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`) });

/** The answer to the only question with these words, when it is whole. */
async function ask(page, question) {
  if (!(await page.locator('.panel').isVisible())) await page.click('.launcher');
  await say(page, question);
  return answerTo(page, question);
}

async function answerTo(page, question) {
  const answer = page.locator(`article.you:has-text(${JSON.stringify(question)}) + article.shop:not(.draft)`);
  await answer.waitFor();
  return answer;
}

/* The reference is long: parts of it stand for all. */
async function assertPartsAccessible(page, parts) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((include) => axe.run({ include }), parts);
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html}`), []);
}

async function assertNoOverflow(page) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    const outside = (box) => box.left < -1 || box.right > room + 1;
    const scrolls = (el) => el.closest('.wide, pre, .hidden, .skip');
    const all = [...document.querySelectorAll('body *')].filter((el) => !scrolls(el));
    const found = all.filter((el) => el.getClientRects().length && outside(el.getBoundingClientRect()));
    return { scroll: document.documentElement.scrollWidth - room, found: found.map((el) => el.outerHTML.slice(0, 80)) };
  });
  assert.deepEqual(wide, { scroll: 0, found: [] });
}

// shows: TEST-4
test('a person asks, and every quote that is opened stands in the page it names', async (t) => {
  const page = await open(t);
  assert.match(await page.title(), /Kettle Lane/);
  await picture(page, 'empty');
  const answer = await ask(page, 'What are your opening hours?');
  assert.match(await answer.innerText(), /9:00 to 17:00/);
  assert.match(await answer.innerText(), /opening-hours\.md/);
  await picture(page, 'answer');
  const whole = readFileSync(join(root, 'demo/opening-hours.md'), 'utf8').replace(/[|*#\s-]+/g, ' ');
  const chips = await answer.locator('.chip').count();
  assert.ok(chips >= 1);
  for (let i = 0; i < chips; i++) {
    await answer.locator('.chip').nth(i).click();
    await page.waitForSelector('.passage:not([aria-busy]) mark');
    const quote = await page.innerText('mark');
    assert.ok(whole.includes(quote.replace(/[|*#\s-]+/g, ' ').trim()), `the page says: ${quote}`);
    assert.ok((await page.innerText('blockquote')).length > quote.length, 'with what stands around it');
    await picture(page, 'citation');
    await page.keyboard.press('Escape');
  }
  assert.deepEqual(page.problems, []);
});

test('the answer streams: parts of it are seen before it is whole', async (t) => {
  const model = await FakeOpenAI.start(t, { answer: 'You have 30 days, then it is yours. [1: "30 days"]', pieceMs: 150 });
  const slow = await Metachat.start(t, { args: ['demo', '--json'], env: { METACHAT_OPENAI_BASE_URL: model.url } });
  const { apiKey } = JSON.parse(slow.output);
  await slow.api(apiKey).data('PUT', '/tenant/assistant', { provider: 'openai' });
  const page = await openPage(t);
  await page.goto(`${slow.url}/demo`);
  await page.waitForSelector('.panel');
  await page.evaluate(() => {
    window.seen = new Set();
    const root = document.querySelector('metachat-widget').shadowRoot;
    const look = () => window.seen.add(root.querySelector('article.draft .words p')?.textContent ?? '');
    new MutationObserver(look).observe(root.querySelector('.log'), { childList: true, subtree: true });
  });
  const answer = await ask(page, 'How long can I return an item?');
  const whole = await answer.locator('.words').innerText();
  const drafts = await page.evaluate(() => [...window.seen].filter(Boolean));
  assert.match(whole, /^You have 30 days, then it is yours\./);
  assert.ok(drafts.length > 3, `${drafts}`);
  for (const draft of drafts) assert.ok(whole.startsWith(draft.trimEnd()), draft);
});

test('a question on the page is asked by a click', async (t) => {
  const page = await open(t);
  await page.click('.head [aria-label="Close chat"]');
  await page.click('main >> text=Ask about the Heron');
  const answer = await answerTo(page, 'Which gears does the Heron have?');
  assert.match(await answer.innerText(), /8-speed hub/);
  assert.deepEqual(page.problems, []);
});

test('the page speaks Arabic to who wants it, from right to left', async (t) => {
  const page = await open(t);
  await ask(page, 'How much is shipping?');
  await page.click('#language');
  assert.equal(await page.locator('.root').getAttribute('dir'), 'rtl');
  assert.equal(await page.innerText('.person'), 'التحدث مع شخص');
  await page.click('.person');
  await page.waitForSelector('article.shop >> text=طلبنا من أحد الزملاء');
  await picture(page, 'demo in Arabic');
  await page.click('#language');
  assert.equal(await page.innerText('.person'), 'Talk to a person');
});

test('what the pages do not say is not made up', async (t) => {
  const page = await open(t);
  const answer = await ask(page, 'Which insurance covers my spaceship?');
  assert.equal(await answer.locator('.chip').count(), 0);
  assert.match(await answer.innerText(), /nothing is made up|do not know/);
});

test('who asks for a person is handed over, and the assistant is silent after', async (t) => {
  const page = await open(t);
  const answer = await ask(page, 'Can I talk to a person?');
  assert.match(await answer.innerText(), /person was asked/);
  await say(page, 'What are your opening hours?');
  await page.waitForSelector('article.you:last-child:has-text("opening hours"):not(:has(.state))');
  await page.reload();
  await page.waitForSelector('article.you:last-child:has-text("opening hours")');
  assert.equal(await page.locator('article.shop').count(), 1);
  await picture(page, 'handover');
  assert.deepEqual(page.problems, []);
});

for (const { name, options } of [
  { name: 'on a desk', options: {} },
  { name: 'in the dark', options: { dark: true } },
  { name: 'on a narrow phone', options: { viewport: { width: 320, height: 568 } } },
  { name: 'on a phone in the dark', options: { viewport: { width: 390, height: 844 }, dark: true } },
]) {
  // shows: TEST-4
  test(`${name}: nothing overflows, and everybody can use it`, async (t) => {
    const page = await open(t, '/demo', options);
    await assertNoOverflow(page);
    await picture(page, `demo ${name}, page`);
    await ask(page, 'What are your opening hours?');
    await ask(page, `Does the warranty cover the ${'battery'.repeat(20)}?`);
    await assertNoOverflow(page);
    await assertAccessible(page);
    await picture(page, `demo ${name}`);
  });

  test(`${name}: the reference shows every route`, async (t) => {
    const page = await open(t, '/docs', options);
    const doc = await (await fetch(`${mc.url}/api/v1/openapi.json`)).json();
    const wanted = Object.entries(doc.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method}${path}`));
    const shown = await page.locator('#routes section').evaluateAll((all) => all.map((s) => s.id));
    assert.deepEqual([...shown].sort(), [...wanted].sort());
    assert.equal(await page.locator('#nav a').count(), wanted.length);
    assert.doesNotMatch(await page.locator('main').innerText(), /undefined|\[object/);
    await assertNoOverflow(page);
    await assertPartsAccessible(page, ['nav', 'h1', '#about', '#routes > div:nth-child(-n+2)']);
    await picture(page, `docs ${name}`);
    assert.deepEqual(page.problems, []);
  });
}

test('the reference finds a route by its words', async (t) => {
  const page = await open(t, '/docs');
  await page.fill('#filter', 'post documents');
  const left = await page.locator('#nav li:visible').allInnerTexts();
  assert.ok(left.length >= 1 && left.every((row) => /POST/.test(row) && /documents/.test(row)), `${left}`);
});

test('the picture of the README', { skip: !process.env.README_PICTURE }, async (t) => {
  const page = await open(t, '/demo', { viewport: { width: 1280, height: 800 } });
  await ask(page, 'How long can I return an item?');
  const answer = await ask(page, 'Does the warranty cover the battery?');
  await answer.locator('.chip').first().waitFor();
  await page.locator('textarea').blur();
  const path = join(root, 'docs/demo.png');
  await page.screenshot({ path });
  assert.ok(statSync(path).size < 200_000);
});
