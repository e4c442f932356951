/* The widget on other people's pages: their styles, their policies, their words, every way of using a
 * page, and what it costs them. Against a server that does what it is told. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openPage } from '../lib/browser.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';
import { FakeChat } from './lib/fake_chat.js';
import { HostSite } from './lib/host_site.js';
import { assertAccessible, online, openPanel, say, sees } from './lib/widget.js';
import { payloads } from './lib/xss.js';

const scope = fileScope();
const pictures = process.env.SCREENSHOTS ?? join(tmpdir(), 'metachat-screenshots');
const phone = { width: 390, height: 844 };
const citations = [
  { n: 1, documentName: 'returns.md', quote: 'You have 30 days' },
  { n: 2, documentName: 'returns.md', quote: 'then it is yours' },
];
let mc, site, pages = 0;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  mc = await Metachat.start(scope);
  site = await HostSite.start(scope);
});

const picture = (page, name) => page.screenshot({ path: join(pictures, `widget ${name}.png`) });

/** A page with the widget, closed. */
async function visit(t, { config = {}, dark = false, viewport, ...host } = {}) {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  Object.assign(chat.config, config);
  chat.answer = (text) => ({ pieces: [`You have **30 days**.\n- ${text}`], citations });
  const page = await openPage(t, viewport ? { viewport } : {});
  await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: dark ? 'dark' : 'light' });
  await page.goto(site.add(`/page${++pages}`, { server: chat.url, ...host }));
  await page.waitForSelector('.launcher');
  return { chat, page };
}

async function ask(page, text) {
  await say(page, text);
  await page.waitForSelector('.chip');
}

/* What has the focus, inside of the widget or outside. */
const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement.shadowRoot?.activeElement ?? document.activeElement;
    return at.getAttribute('aria-label') ?? (at.id || at.className || at.localName);
  });

// shows: TEST-4
test('everything works by keyboard alone', async (t) => {
  const { page } = await visit(t);
  await page.focus('#link');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Open chat');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'Your message', 'one can write at once');
  await online(page);
  await page.keyboard.type('one line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('another');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.chip');
  assert.equal(await page.locator('.you .words').textContent(), 'one line\nanother');
  const round = [];
  for (let i = 0; i < 9; i++) {
    await page.keyboard.press('Shift+Tab');
    round.push(await focused(page));
  }
  assert.deepEqual(round, [
    'Source 2: returns.md', 'Source 1: returns.md', 'Conversation', 'Close chat', 'New conversation', 'person', 'Send', 'Your message', 'Source 2: returns.md',
  ]);
  await page.keyboard.press('Enter');
  await page.waitForSelector('mark');
  assert.equal(await focused(page), 'Back to the chat');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'The passage behind the answer');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Back to the chat', 'and round again');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'Source 2: returns.md', 'back where one was');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.panel').isVisible(), false);
  assert.equal(await focused(page), 'Open chat');
  await page.keyboard.press('Tab');
  assert.notEqual(await focused(page), 'Your message', 'closed is closed');
  assert.deepEqual(page.problems, []);
});

test('the focus goes back to what opened it, and the shortcuts of the page stay quiet', async (t) => {
  const body = '<button id="help">Help</button>';
  const head = `<script>window.keys = []; addEventListener('keydown', (e) => keys.push(e.key));
    addEventListener('click', (e) => e.target.id === 'help' && metachat.open());</script>`;
  const { page } = await visit(t, { body, head });
  await page.focus('#help');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.panel');
  await page.keyboard.type('s');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'help');
  assert.deepEqual(await page.evaluate(() => window.keys), ['Enter']);
});

for (const { name, options } of [
  { name: 'by day', options: {} },
  { name: 'by night', options: { dark: true } },
  { name: 'on a phone', options: { viewport: phone } },
  { name: 'in a light colour', options: { config: { color: '#ffd54a' } } },
  { name: 'in a middling colour', options: { config: { color: '#808080' }, dark: true } },
  { name: 'right to left', options: { lang: 'ar', config: { title: 'متجر الدراجات', greeting: '', privacyUrl: 'https://shop.example/privacy' } } },
]) {
  // shows: WIDG-8
  test(`${name}: everybody can use it, closed, open, asked and with a citation`, async (t) => {
    const { chat, page } = await visit(t, options);
    await assertAccessible(page);
    await picture(page, `${name} closed`);
    await openPanel(page);
    await online(page);
    await assertAccessible(page);
    await picture(page, `${name} open`);
    await ask(page, 'How long can I return an item?');
    chat.next({ ack: { ok: false, code: 'VALIDATION_FAILED' } });
    await say(page, 'Refused');
    await page.waitForSelector('.unsent');
    await assertAccessible(page);
    await picture(page, `${name} asked`);
    await page.click('.chip');
    await page.waitForSelector('mark');
    await assertAccessible(page);
    await picture(page, `${name} citation`);
    assert.deepEqual(page.problems, []);
  });
}

test('a phone has it on the whole screen, and a narrow one too', async (t) => {
  for (const viewport of [phone, { width: 320, height: 480 }]) {
    const { page } = await visit(t, { viewport });
    await openPanel(page);
    assert.deepEqual(await page.locator('.panel').boundingBox(), { x: 0, y: 0, ...viewport });
    assert.equal(await page.getAttribute('.panel', 'aria-modal'), 'true');
    await say(page, 'x'.repeat(300));
    await page.waitForSelector('.chip');
    const wide = await page.locator('.log').evaluate((log) => log.scrollWidth - log.clientWidth);
    assert.equal(wide, 0);
    await page.click('.head [aria-label="Close chat"]');
    assert.equal(await page.locator('.launcher').isVisible(), true);
  }
});

const hostile = `<style>
  * { all: unset !important; display: inline !important; font: 40px fantasy !important; color: red !important; transform: scale(0.9) skewY(3deg) !important; }
  html, body { direction: rtl; letter-spacing: 9px; transform: scale(0.5); overflow: hidden; position: static; }
  metachat-widget, body > *:last-child { display: none !important; opacity: 0 !important; visibility: hidden !important; position: absolute !important; z-index: -1 !important; width: 1px !important; filter: blur(9px); }
  div, button, textarea, article { background: magenta !important; border: 9px solid lime !important; }
  :root { --accent: red; --paper: lime; --ink: lime; --words: lime; }
</style>`;

// shows: WIDG-8
test('a page of hostile styles changes nothing in it, and it changes nothing on the page', async (t) => {
  const shots = [];
  for (const head of ['', hostile]) {
    const { page } = await visit(t, { head });
    const heading = await page.locator('main h1').evaluate((h) => JSON.stringify([getComputedStyle(h).font, getComputedStyle(h).color]));
    await openPanel(page);
    await online(page);
    await ask(page, 'Same?');
    await page.locator('textarea').blur();
    const { x, y, width, height } = await page.locator('.panel').boundingBox();
    const inside = { x: x + 20, y: y + 20, width: width - 40, height: height - 40 }; // the corners show the page
    shots.push(await page.screenshot({ clip: inside }));
    await picture(page, `on a page ${head ? 'of hostile styles' : 'without styles'}`);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('main h1').evaluate((h) => JSON.stringify([getComputedStyle(h).font, getComputedStyle(h).color])), heading);
    assert.equal(await page.evaluate(() => document.head.querySelectorAll('style, link[rel=stylesheet]').length), head ? 1 : 0);
  }
  assert.ok(shots[0].equals(shots[1]), 'the same to the pixel');
});

// shows: WIDG-10
test('a page with a strict policy shows it without a violation', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  chat.answer = () => ({ pieces: ['Yes.'], citations });
  const socket = chat.url.replace('http', 'ws');
  const policy = `default-src 'none'; script-src ${chat.url}; connect-src ${chat.url} ${socket}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types metachat`;
  const isolated = { 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin' };
  const page = await openPage(t);
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  await page.goto(site.add('/strict', { server: chat.url, headers: { 'content-security-policy': policy, ...isolated } }));
  await openPanel(page);
  await online(page);
  await ask(page, 'Allowed?');
  await page.click('.chip');
  await page.waitForSelector('mark');
  assert.equal(await page.locator('.launcher').evaluate((b) => getComputedStyle(b).backgroundColor), 'rgb(11, 93, 87)', 'styled');
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  assert.deepEqual(page.problems, []);
});

test('a page that trusts scripts by a nonce trusts what the loader loads', async (t) => {
  const { page } = await visit(t, {
    attributes: { 'data-key': 'wk_test', nonce: 'r4nd0m' },
    headers: { 'content-security-policy': "script-src 'nonce-r4nd0m'" },
  });
  await openPanel(page);
  await online(page);
  assert.deepEqual(page.problems, []);
});

/* Wherever somebody else's words are shown: none ran, none made an element that is not ours. */
async function assertHarmless(page) {
  const found = await page.evaluate(() => {
    const root = document.querySelector('metachat-widget').shadowRoot;
    const odd = 'script, img, iframe, object, embed, video, audio, details, marquee, math, input, style, link, meta, template';
    const links = [...root.querySelectorAll('a')].map((a) => [a.protocol, a.rel.includes('noopener')]);
    const handlers = [...root.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => /^(on|style$|src)/.test(a.name) && !(e.classList.contains('root'))));
    return { ran: window.ran, odd: [...root.querySelectorAll(odd)].map((e) => e.outerHTML), handlers: handlers.map((e) => e.outerHTML), links };
  });
  assert.deepEqual({ ...found, links: [] }, { ran: 0, odd: [], handlers: [], links: [] });
  for (const [protocol, noopener] of found.links) assert.deepEqual([/^https?:$/.test(protocol), noopener], [true, true]);
}

const trap = '<script>window.ran = 0; window.pwned = () => ran++; window.alert = pwned;</script>';

// shows: WIDG-5
test('no script runs from a message, a document or a citation', async (t) => {
  assert.ok(payloads.length >= 40);
  const { chat, page } = await visit(t, { head: trap });
  await openPanel(page);
  await online(page);
  chat.answer = (words) => ({ pieces: [words.slice(0, 9), words.slice(9)], action: words, citations: [{ n: 1, documentName: words, quote: words }] });
  for (const [i, words] of payloads.entries()) {
    await say(page, words);
    await waitFor(`an answer to ${words}`, async () => (await page.locator('.chip').count()) > i);
  }
  await assertHarmless(page);
  for (const [i, words] of payloads.entries()) {
    chat.passage = { heading: words, before: words, quote: words, after: words };
    await page.locator('.chip').nth(i).evaluate((chip) => chip.click());
    await page.waitForSelector('mark');
    await assertHarmless(page);
    await page.keyboard.press('Escape');
  }
  for (const [i, words] of payloads.entries()) {
    const shown = await page.locator('article.you .words').nth(i).textContent();
    assert.equal(shown, words.replace(/[\u0000\u0008\u202e]/g, '').trim(), 'shown as it is');
  }
  for (const link of await page.locator('.shop a').all()) {
    const target = await link.evaluate((a) => a.href);
    assert.match(target, /^https:\/\/(x\.example|pwned)\//);
  }
  await assertHarmless(page);
  await page.reload();
  await sees(page, await page.locator('metachat-widget article').evaluateAll((all) => all.map((a) => [a.classList.contains('you') ? 'you' : 'shop', a.querySelector('.words').textContent])));
  await assertHarmless(page);
});

// shows: WIDG-5
test('no script runs from what the tenant set, and nothing but colours and addresses gets through', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  const page = await openPage(t);
  const names = ['title', 'greeting', 'placeholder', 'launcher', 'color', 'position', 'language', 'privacyUrl', 'theme'];
  for (let first = 0; first < payloads.length; first += 3) {
    const words = (i) => payloads[(first + i) % payloads.length];
    chat.config = Object.fromEntries(names.map((name, i) => [name, words(i)])); // each of them in three places
    const attribute = (i) => words(i).replaceAll('\u0000', '');
    const attributes = { 'data-key': 'wk_test', 'data-color': attribute(0), 'data-position': attribute(1), 'data-language': 'xx', 'data-theme': attribute(2) };
    await page.goto(site.add('/set', { server: chat.url, head: trap, attributes }));
    await page.waitForSelector('.launcher');
    await page.evaluate(() => metachat.open());
    await assertHarmless(page);
    const root = await page.locator('.root').evaluate((r) => [r.style.getPropertyValue('--accent'), r.dataset.side, r.lang, r.dataset.theme]);
    assert.deepEqual(root, ['rgb(37 99 235)', 'right', 'en', 'auto'], words(0));
  }
});

test('a key that can be none is told to who looks, and nothing is asked', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  const page = await openPage(t);
  const warning = page.waitForEvent('console', (m) => m.type() === 'warning');
  await page.goto(site.add('/nokey', { server: chat.url, attributes: { 'data-key': 'mc_live_secret' } }));
  assert.match((await warning).text(), /data-key/);
  assert.deepEqual(chat.calls, []);
});

test('a tag that is there twice makes one widget', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  const page = await openPage(t);
  const again = `<script src="${chat.url}/widget.js" data-key="wk_test"></script>`;
  await page.goto(site.add('/twice', { server: chat.url, body: again }));
  await page.waitForSelector('.launcher');
  await page.waitForLoadState('networkidle');
  assert.equal(await page.locator('metachat-widget').count(), 1);
});

/* The widget's own address and hash, as the loader says them. */
async function loaded() {
  const loader = await fetch(`${mc.url}/widget.js`);
  const text = await loader.text();
  const [path] = /\/widget\/[\w.-]+\/[0-9a-f]{16}\.js/.exec(text);
  const [, integrity] = /"(sha384-[\w+/=]+)"/.exec(text);
  const widget = await fetch(mc.url + path);
  return { loader, text, path, integrity, widget, bytes: Buffer.from(await widget.arrayBuffer()) };
}

// shows: WIDG-7
test('the loader is soon asked for again, the widget never; other sites may load both', async () => {
  const { loader, path, widget, bytes, integrity, text } = await loaded();
  assert.equal(loader.headers.get('cache-control'), 'public, max-age=300');
  assert.equal(widget.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  for (const answer of [loader, widget]) {
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    assert.equal(answer.headers.get('cross-origin-resource-policy'), 'cross-origin');
    assert.match(answer.headers.get('content-type'), /^text\/javascript/);
    assert.match(answer.headers.get('etag'), /^"[0-9a-f]{64}"$/);
    const again = await fetch(answer.url, { headers: { 'if-none-match': answer.headers.get('etag') } });
    assert.equal(again.status, 304);
  }
  assert.equal(integrity, `sha384-${createHash('sha384').update(bytes).digest('base64')}`);
  assert.ok(path.includes(createHash('sha256').update(bytes).digest('hex').slice(0, 16)), 'its name tells its bytes');
  const old = await fetch(`${mc.url}/api/public/widget/sdk`);
  assert.equal(await old.text(), text, 'the address of old has the same');
  const licenses = /\/widget\/[\w.-]+\/licenses\.txt/.exec(bytes.toString().slice(0, 300));
  assert.match(await (await fetch(mc.url + licenses[0])).text(), /Permission is hereby granted/);
  assert.equal((await fetch(`${mc.url}/widget/0.0.1/0123456789abcdef.js`)).status, 404);
});

// shows: WIDG-9
test('it is small: the loader under 5 KB, all of it under 40 KB as it is sent', async (t) => {
  const { text, bytes } = await loaded();
  const [loader, widget] = [gzipSync(text, { level: 9 }).length, gzipSync(bytes, { level: 9 }).length];
  t.diagnostic(`loader ${text.length} bytes, ${loader} packed; widget ${bytes.length}, ${widget} packed`);
  assert.ok(text.length <= 5 * 1024, `loader ${text.length}`);
  assert.ok(loader + widget <= 40 * 1024, `${loader} + ${widget}`);
});

// shows: WIDG-7
test('a loader from a cache that is older than the server finds today\'s widget', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  const page = await openPage(t);
  const today = await (await fetch(`${mc.url}/widget.js`)).text();
  const stale = today.replace(/\/[0-9a-f]{16}\.js/, '/0123456789abcdef.js');
  await page.route(`${chat.url}/widget.js`, (route) => route.fulfill({ body: stale, contentType: 'text/javascript' }));
  await page.goto(site.add('/stale', { server: chat.url }));
  await openPanel(page);
  await online(page);
  assert.equal(await page.locator('metachat-widget').count(), 1);
});

// shows: WIDG-7
test('a widget that is not what the loader expects does not run', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  const page = await openPage(t);
  await page.route('**/widget/**', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${await response.text()};window.ran = 1` });
  });
  const refused = page.waitForEvent('console', (m) => /integrity/.test(m.text()));
  await page.goto(site.add('/changed', { server: chat.url }));
  await refused;
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal(await page.locator('metachat-widget').count(), 0);
});
