/* The demo page and the reference, as a person in a browser meets them.
 *
 * Screenshots go to a scratch folder, or to SCREENSHOTS. With README_PICTURE=1 the picture of the
 * README, docs/demo.png, is taken anew. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openPage } from '../lib/browser.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat, root } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';

const scope = fileScope();
const pictures = process.env.SCREENSHOTS ?? join(tmpdir(), 'metachat-screenshots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
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
  return page;
}

const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`) });

/* The last answer, when it is whole. */
async function ask(page, question) {
  await page.keyboard.type(question);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.querySelector('[aria-busy]') && !document.querySelector('#send').disabled);
  return page.locator('article.assistant').last();
}

/* axe comes by the debugger, as no script of the page, so the page's own policy stays as it is. */
async function assertAccessible(page, parts = ['body']) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((include) => axe.run({ include }), parts);
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html}`), []);
}

async function assertNoOverflow(page) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    const outside = (box) => box.left < -1 || box.right > room + 1;
    const scrolls = (el) => el.closest('.wide, #suggestions, .hidden, .skip');
    const all = [...document.querySelectorAll('body *')].filter((el) => !scrolls(el));
    const found = all.filter((el) => el.getClientRects().length && outside(el.getBoundingClientRect()));
    return { scroll: document.documentElement.scrollWidth - room, found: found.map((el) => el.outerHTML.slice(0, 80)) };
  });
  assert.deepEqual(wide, { scroll: 0, found: [] });
}

// shows: TEST-4
test('a person asks, and sees the answer come in with its citations', async (t) => {
  const page = await open(t);
  assert.match(await page.title(), /Ask the shop/);
  await picture(page, 'empty');
  const answer = await ask(page, 'What are your opening hours?');
  assert.match(await answer.innerText(), /9:00 to 17:00/);
  assert.ok((await answer.locator('blockquote').count()) >= 1);
  assert.equal(await answer.locator('figcaption').first().innerText(), 'opening-hours.md');
  const whole = readFileSync(join(root, 'demo/opening-hours.md'), 'utf8').replace(/[|*#\s]+/g, ' ');
  for (const quote of await answer.locator('blockquote').allInnerTexts()) {
    assert.ok(whole.includes(quote.replace(/[|*#\s]+/g, ' ').trim()), `the page says: ${quote}`);
  }
  await picture(page, 'answer');
  assert.deepEqual(page.problems, []);
});

test('the answer streams: parts of it are seen before it is whole', async (t) => {
  const model = await FakeOpenAI.start(t, { answer: 'You have 30 days, then it is yours. [1: "30 days"]', pieceMs: 40 });
  const slow = await Metachat.start(t, { args: ['demo', '--json'], env: { METACHAT_OPENAI_BASE_URL: model.url } });
  const { apiKey } = JSON.parse(slow.output);
  await slow.api(apiKey).data('PUT', '/tenant/assistant', { provider: 'openai' });
  const page = await openPage(t);
  await page.goto(`${slow.url}/demo`);
  await page.evaluate(() => {
    window.seen = new Set();
    const look = () => window.seen.add(document.querySelector('article.draft .words')?.textContent ?? '');
    new MutationObserver(look).observe(document.querySelector('#log'), { childList: true, subtree: true });
  });
  const answer = await ask(page, 'How long can I return an item?');
  const whole = await answer.locator('.words').innerText();
  const drafts = await page.evaluate(() => [...window.seen].filter(Boolean));
  assert.match(whole, /^You have 30 days, then it is yours\./);
  assert.ok(drafts.length > 3, `${drafts}`);
  for (const draft of drafts) assert.ok(whole.startsWith(draft.trimEnd()), draft);
});

// shows: TEST-4
test('everything works by keyboard alone', async (t) => {
  const page = await open(t);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  assert.equal(await focused(), 'question', 'one can write at once');
  await page.keyboard.press('Shift+Tab');
  assert.equal(await focused(), 'Can I talk to a person?');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  assert.equal(await focused(), 'How much is shipping?');
  await page.keyboard.press('Enter');
  await page.waitForSelector('article.assistant blockquote');
  await waitFor('the focus to come back', async () => (await focused()) === 'question');
  await page.keyboard.type('one line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('another');
  assert.equal(await page.inputValue('#question'), 'one line\nanother');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'send');
  assert.deepEqual(page.problems, []);
});

test('what the pages do not say is not made up', async (t) => {
  const page = await open(t);
  const answer = await ask(page, 'Which insurance covers my spaceship?');
  assert.equal(await answer.locator('blockquote').count(), 0);
  assert.match(await answer.innerText(), /pages do not say/);
});

test('who asks for a person is handed over, and the assistant is silent after', async (t) => {
  const page = await open(t);
  const answer = await ask(page, 'Can I talk to a person?');
  assert.match(await answer.innerText(), /person was asked/);
  const silent = await ask(page, 'What are your opening hours?');
  assert.doesNotMatch(await silent.innerText(), /9:00/);
  await picture(page, 'handover');
  assert.deepEqual(page.problems, []);
});

test('markup in a question stays text', async (t) => {
  const page = await open(t);
  await ask(page, '<img src=x onerror="document.title=1"> **bold** <b>hours</b>');
  assert.match(await page.locator('article.you').last().innerText(), /<img src=x/);
  assert.equal(await page.locator('#log img, #log b').count(), 0);
  assert.match(await page.title(), /Ask the shop/);
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
    await assertAccessible(page);
    await ask(page, 'What are your opening hours?');
    await ask(page, `Does the warranty cover the ${'battery'.repeat(20)}?`);
    await assertNoOverflow(page);
    await assertAccessible(page);
    await picture(page, `demo ${name}`);
    await page.evaluate(() => (document.documentElement.dir = 'rtl'));
    await assertNoOverflow(page);
    await picture(page, `demo ${name}, right to left`);
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
    await assertAccessible(page, ['nav', 'h1', '#about', '#routes > div:nth-child(-n+2)']);
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

test('when the server is gone, the person is told, and may go on when it is back', async (t) => {
  const page = await open(t);
  await mc.stop();
  await page.keyboard.type('What are your opening hours?');
  await page.keyboard.press('Enter');
  await page.waitForSelector('article.failed');
  assert.match(await page.locator('article.failed').innerText(), /cannot be reached/);
  assert.ok(page.problems.every((problem) => /ERR_CONNECTION_REFUSED|Failed to load resource/.test(problem)), `${page.problems}`);
  await picture(page, 'gone');
  await mc.start(['demo']);
  const answer = await ask(page, 'What are your opening hours?');
  assert.match(await answer.innerText(), /9:00 to 17:00/);
});

test('a token that is over is said so', async (t) => {
  const page = await openPage(t);
  await page.route('**/demo', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(/content="eyJ/, 'content="eyX') });
  });
  await page.goto(`${mc.url}/demo`);
  await page.keyboard.type('Hello?');
  await page.keyboard.press('Enter');
  await page.waitForSelector('article.failed');
  assert.match(await page.locator('article.failed').innerText(), /Reload/);
});

test('the picture of the README', { skip: !process.env.README_PICTURE }, async (t) => {
  const page = await open(t, '/demo', { viewport: { width: 1100, height: 800 } });
  await ask(page, 'How long can I return an item?');
  await ask(page, 'Does the warranty cover the battery?');
  await page.locator('#question').blur();
  const path = join(root, 'docs/demo.png');
  await page.screenshot({ path });
  assert.ok(statSync(path).size < 200_000);
});
