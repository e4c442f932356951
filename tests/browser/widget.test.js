/* The widget's conversation: kept, sent and shown once and in order, whatever happens to the page,
 * the network and the server. Against a server that does what it is told. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { openPage } from '../lib/browser.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';
import { FakeChat } from './lib/fake_chat.js';
import { HostSite } from './lib/host_site.js';
import { online, openPanel, say, sees } from './lib/widget.js';

const scope = fileScope();
const cut = /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket|Failed to load resource/;
const minute = 60_000;
let mc, site, pages = 0;

before(async () => {
  mc = await Metachat.start(scope);
  site = await HostSite.start(scope);
});

/** A page with the open widget. clock: its time is ours. */
async function visit(t, { answer, clock = false, prepare, ...host } = {}) {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  if (answer) chat.answer = answer;
  const page = await openPage(t);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  if (clock) await page.clock.install();
  await prepare?.(page, chat);
  const url = site.add(`/${++pages}`, { server: chat.url, ...host });
  await page.goto(url);
  await openPanel(page);
  if (!prepare) await online(page);
  return { chat, page, url };
}

const answers = (text) => ({ pieces: [`You said: ${text}`] });
const both = (...texts) => texts.flatMap((text) => [['you', text], ['shop', `You said: ${text}`]]);

/** A gate: until it is opened, an answer does not end. */
function gate() {
  let open;
  const until = new Promise((done) => (open = done));
  return { open, until };
}

test('the answer streams in, may be stopped, and its citations open the passage', async (t) => {
  const { open, until } = gate();
  const citations = [{ n: 1, documentName: 'returns.md', quote: 'You have 30 days' }];
  const { chat, page } = await visit(t, { answer: () => ({ pieces: ['You have ', '**30 days**.'], citations, until }) });
  await say(page, 'How long can I return an item?');
  await page.waitForSelector('.draft strong');
  assert.equal(await page.innerText('.draft'), 'You have 30 days.');
  assert.equal(await page.locator('.stop').isVisible(), true);
  open();
  await sees(page, [['you', 'How long can I return an item?'], ['shop', 'You have 30 days.']]);
  assert.equal(await page.locator('.stop').isVisible(), false);
  await page.click('.chip');
  await page.waitForSelector('mark');
  assert.equal(await page.innerText('mark'), 'You have 30 days');
  assert.match(await page.innerText('blockquote'), /send things back\.\nYou have 30 days, then it is yours\./);
  assert.equal(await page.innerText('.citation h2'), 'returns.md');
  chat.passage = null;
  await page.keyboard.press('Escape');
  await page.click('.chip');
  await page.waitForSelector('.citation .passage .note:has-text("cannot be shown")');
  assert.equal(await page.innerText('mark'), 'You have 30 days', 'the quote that came with the answer');
});

test('an answer that is stopped keeps what there was', async (t) => {
  const pieces = ['One ', ...Array.from({ length: 400 }, () => 'and more ')];
  const { chat, page } = await visit(t, { answer: () => ({ pieces, pieceMs: 25 }) });
  await say(page, 'Tell me all');
  await page.waitForSelector('.draft p');
  await page.click('.stop');
  await page.waitForSelector('.shop:not(.draft) .note:has-text("Stopped")');
  assert.ok(chat.stored.at(-1).content.length < 2000);
});

for (const stage of ['before it is sent', 'while it is sent', 'when it was stored and not acknowledged', 'when it was acknowledged']) {
  // shows: WIDG-1, WIDG-2
  test(`a reload ${stage}: the message is there, once`, async (t) => {
    const { chat, page } = await visit(t, { answer: answers });
    await say(page, 'first');
    await sees(page, both('first'));
    if (stage.startsWith('while')) chat.next({ drop: true });
    if (stage.includes('not acknowledged')) chat.next({ late: true });
    await page.fill('textarea', 'second');
    if (!stage.startsWith('before')) {
      await page.press('textarea', 'Enter');
      await waitFor('it to arrive', () => chat.received.length === 2);
    }
    await page.reload();
    await online(page);
    if (stage.startsWith('before')) {
      assert.equal(await page.inputValue('textarea'), 'second');
      await page.press('textarea', 'Enter');
    }
    await sees(page, both('first', 'second'));
    assert.deepEqual(chat.stored.map((m) => m.content), ['first', 'You said: first', 'second', 'You said: second']);
    const second = chat.received.filter((m) => m.text === 'second');
    assert.equal(new Set(second.map((m) => m.id)).size, 1, 'sent again under its id');
  });
}

// shows: WIDG-1, WIDG-2
test('a reload while the answer streams: it goes on where it was', async (t) => {
  const { open, until } = gate();
  const { page } = await visit(t, { answer: () => ({ pieces: ['Ünïcode ', 'first half '], until }) });
  await say(page, 'Go');
  await page.waitForSelector('.draft:has-text("half")');
  await page.reload();
  await page.waitForSelector('.draft:has-text("Ünïcode first half")');
  open();
  await sees(page, [['you', 'Go'], ['shop', 'Ünïcode first half']]);
  await page.reload();
  await online(page);
  await sees(page, [['you', 'Go'], ['shop', 'Ünïcode first half']]);
});

// shows: WIDG-3
test('a minute without a network: what was written is sent afterwards, in order, once', async (t) => {
  const { chat, page } = await visit(t, { answer: answers, clock: true });
  await say(page, 'zero');
  await sees(page, both('zero'));
  await chat.stop();
  await page.waitForSelector('[data-state=offline] .line');
  for (const text of ['one', 'two', 'three']) await say(page, text);
  await page.waitForSelector('.state:has-text("when the connection is back")');
  await page.clock.fastForward(minute);
  await chat.listen();
  await waitFor('the line to be back', async () => {
    await page.clock.fastForward(5000);
    return page.locator('[data-state=online]').count();
  });
  await waitFor('all to be stored', () => chat.stored.length === 8);
  assert.deepEqual(chat.received.map((m) => m.text), ['zero', 'one', 'two', 'three']);
  const order = chat.stored.filter((m) => m.sender === 'customer').map((m) => m.content);
  assert.deepEqual(order, ['zero', 'one', 'two', 'three']);
  await sees(page, chat.stored.map((m) => [m.sender === 'customer' ? 'you' : 'shop', m.content]));
  assert.ok(page.problems.every((p) => cut.test(p)), `${page.problems}`);
});

// shows: WIDG-3
test('what was tried in vain is marked, tried on, and has a button', async (t) => {
  const { chat, page } = await visit(t, { answer: answers, clock: true });
  chat.next({ drop: true }, { drop: true }, { drop: true }, { drop: true });
  await say(page, 'Hello?');
  await page.waitForSelector('.state:has-text("Sending")');
  const waits = [];
  let before = 0;
  for (let n = 1; n <= 4; n++) {
    await waitFor(`try ${n}`, async () => {
      if (chat.received.length >= n) return true;
      await page.clock.fastForward(500);
      before += 500;
      return false;
    });
    waits.push(before);
    before = 0;
  }
  await waitFor('the mark', async () => {
    await page.clock.fastForward(500);
    return page.locator('.unsent .again').count();
  });
  assert.ok(waits.slice(1).every((ms) => ms >= 10_000), `each waited for its acknowledgement first: ${waits}`);
  await page.click('.unsent .again');
  await sees(page, both('Hello?'));
  assert.equal(new Set(chat.received.map((m) => m.id)).size, 1);
  assert.equal(chat.stored.length, 2);
});

test('what the server refuses is marked, and does not hold up what comes behind it', async (t) => {
  const { chat, page } = await visit(t, { answer: answers });
  chat.next({ ack: { ok: false, code: 'VALIDATION_FAILED', message: 'no' } });
  await say(page, 'refused');
  await page.waitForSelector('.unsent:has-text("could not be taken")');
  await say(page, 'fine');
  await waitFor('the second to be stored', () => chat.stored.length === 2);
  await page.click('.unsent .again');
  await sees(page, both('fine', 'refused'));
});

test('who writes too much is told so, and the message goes out by itself', async (t) => {
  const { chat, page } = await visit(t, { answer: answers });
  chat.next({ ack: { ok: false, code: 'RATE_LIMITED', message: 'slow down', retryable: true, retryAfter: 1 } });
  await say(page, 'quick');
  await page.waitForSelector('.notice:has-text("Many messages")');
  await sees(page, both('quick'));
  assert.equal(await page.innerText('.notice'), '');
  assert.equal(chat.received.length, 2);
});

// shows: WIDG-4, WIDG-2
test('the server goes away in the middle of an answer and comes back: nothing is missing or double', async (t) => {
  const { until } = gate();
  const { chat, page } = await visit(t, { answer: answers });
  await say(page, 'one');
  await sees(page, both('one'));
  chat.answer = () => ({ pieces: ['never ', 'ends'], until });
  await say(page, 'two');
  await page.waitForSelector('.draft:has-text("ends")');
  await chat.stop();
  await page.waitForSelector('[data-state=offline] .line:has-text("Trying again")');
  assert.equal(await page.locator('.draft').count(), 0);
  chat.threads[0].drafts.clear();
  chat.answer = answers;
  chat.tell('Sorry, that was us.');
  await chat.listen();
  await online(page);
  await sees(page, [...both('one'), ['you', 'two'], ['shop', 'Sorry, that was us.']]);
  await say(page, 'three');
  await sees(page, [...both('one'), ['you', 'two'], ['shop', 'Sorry, that was us.'], ...both('three')]);
});

// shows: WIDG-4
test('after many tries in vain it says so and waits for a click', async (t) => {
  const { chat, page } = await visit(t, { answer: answers, clock: true });
  await say(page, 'one');
  await sees(page, both('one'));
  await chat.stop();
  await waitFor('it to give up', async () => {
    await page.clock.fastForward(20_000);
    return page.locator('.notice:has-text("cannot be reached")').count();
  });
  await say(page, 'two');
  await chat.listen();
  await page.waitForSelector('[data-state=online] .line, .notice .again');
  if (await page.locator('.notice .again').count()) await page.click('.notice .again');
  await sees(page, both('one', 'two'));
});

test('too far behind: the thread is read anew', async (t) => {
  const { chat, page } = await visit(t, { answer: answers });
  for (const text of ['one', 'two']) {
    await say(page, text);
    await waitFor(text, () => chat.stored.at(-1)?.content === `You said: ${text}`);
  }
  await chat.stop();
  chat.tell('while you were away');
  chat.forgetEvents();
  await chat.listen();
  await sees(page, [...both('one', 'two'), ['shop', 'while you were away']]);
  chat.tell('and now');
  await sees(page, [...both('one', 'two'), ['shop', 'while you were away'], ['shop', 'and now']]);
});

// shows: WIDG-2
test('two tabs show the same, and send each message once', async (t) => {
  const { chat, page, url } = await visit(t, { answer: answers });
  await say(page, 'from the first');
  const other = await page.context().newPage();
  await other.goto(url);
  await openPanel(other);
  await sees(other, both('from the first'));
  await say(other, 'from the second');
  await sees(page, both('from the first', 'from the second'));
  await chat.stop();
  for (const p of [page, other]) await p.waitForSelector('[data-state=offline] .line');
  await say(page, 'three');
  await say(other, 'four');
  for (const p of [page, other]) await waitFor('both to show both', async () => (await p.locator('article .state').count()) === 2);
  chat.received = [];
  await chat.listen();
  for (const p of [page, other]) await online(p);
  await waitFor('all to be stored', () => chat.stored.length === 8);
  assert.deepEqual(chat.received.map((m) => m.text), ['three', 'four']);
  const all = chat.stored.map((m) => [m.sender === 'customer' ? 'you' : 'shop', m.content]);
  for (const p of [page, other]) await sees(p, all);
  await page.click('[aria-label="New conversation"]');
  await page.click('.ask .yes');
  for (const p of [page, other]) await sees(p, []);
  await say(other, 'anew');
  for (const p of [page, other]) await sees(p, both('anew'));
  assert.equal(chat.threads.length, 2);
});

test('a browser that keeps no storage can chat all the same', async (t) => {
  const shut = () => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get: () => { throw new DOMException('shut', 'SecurityError'); } });
    }
  };
  const { page } = await visit(t, { answer: answers, prepare: (p) => p.addInitScript(shut) });
  await say(page, 'hello');
  await sees(page, both('hello'));
  assert.deepEqual(page.problems, []);
});

test('a refused ticket is followed by a fresh one', async (t) => {
  const { chat, page } = await visit(t, { answer: answers, prepare: (_, c) => (c.admission = 'INVALID_TOKEN') });
  await page.waitForSelector('[data-state=offline] .line');
  chat.admission = null;
  await online(page);
  await say(page, 'hello');
  await sees(page, both('hello'));
});

test('a server of another protocol: the page is told to load again', async (t) => {
  const { page } = await visit(t, { prepare: (_, c) => (c.admission = 'UNSUPPORTED_PROTOCOL') });
  await page.waitForSelector('.notice:has-text("load it again")');
});

test('a visitor whom the server no longer knows begins anew, and what waited is sent', async (t) => {
  const { chat, page } = await visit(t, { answer: answers });
  await say(page, 'old');
  await sees(page, both('old'));
  await chat.stop();
  await say(page, 'waits');
  await page.evaluate(() => {
    const name = 'metachat:wk_test:session';
    const session = JSON.parse(localStorage.getItem(name));
    localStorage.setItem(name, JSON.stringify({ ...session, token: 'x', expiresAt: 0 }));
  });
  chat.refuseOnce = 'INVALID_TOKEN';
  await chat.listen();
  await sees(page, both('waits'));
  assert.equal(chat.threads.length, 2);
});

test('a page that may not show it shows nothing, and says why to who looks', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  chat.configAnswer = { status: 403, error: { code: 'ORIGIN_NOT_ALLOWED' } };
  const page = await openPage(t);
  const warning = page.waitForEvent('console', (m) => m.type() === 'warning');
  await page.goto(site.add('/refused', { server: chat.url }));
  assert.match((await warning).text(), /ORIGIN_NOT_ALLOWED/);
  assert.equal(await page.locator('metachat-widget').count(), 0);
});

test('what comes while it is closed is counted, and typing is shown', async (t) => {
  const { chat, page } = await visit(t, { answer: answers });
  await say(page, 'hello');
  await sees(page, both('hello'));
  chat.emit('typing', { on: true, from: 'agent' });
  await page.waitForSelector('.typing:has-text("is writing")');
  await page.keyboard.press('Escape');
  chat.tell('One.');
  chat.tell('Two.');
  await page.waitForSelector('.badge:has-text("2")');
  assert.equal(await page.getAttribute('.launcher', 'aria-label'), 'Open chat, 2 new');
  await page.reload();
  await page.waitForSelector('.badge:has-text("2")');
  await page.click('.launcher');
  assert.equal(await page.locator('.badge').isVisible(), false);
  assert.equal(await page.locator('.typing').isVisible(), false);
});

test('a page that nobody writes on costs the server no connection', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  const page = await openPage(t);
  await page.goto(site.add('/quiet', { server: chat.url }));
  await page.waitForSelector('.launcher');
  assert.deepEqual(chat.calls, ['GET /api/v1/public/widget/config']);
  assert.equal(chat.sockets.length, 0);
});

test('the page has a say: open, close, ask, reset, language and events', async (t) => {
  const chat = await FakeChat.start(t, { scripts: mc.url });
  chat.answer = answers;
  const page = await openPage(t);
  const early = `<script>addEventListener('load', () => 0); new MutationObserver(() => {
    if (!window.metachat || window.log) return;
    window.log = [];
    for (const name of ['open', 'close', 'unread', 'message']) metachat.on(name, (v) => log.push([name, v]));
    metachat.ask('asked early');
  }).observe(document, { childList: true, subtree: true });</script>`;
  await page.goto(site.add('/api', { server: chat.url, head: early }));
  await sees(page, both('asked early'));
  await page.evaluate(() => metachat.close());
  assert.equal(await page.locator('.panel').isVisible(), false);
  chat.tell('Anything else?');
  await page.waitForFunction(() => window.log.length === 5);
  assert.deepEqual(await page.evaluate(() => window.log.map(([name, v]) => [name, v?.text ?? v ?? null])), [
    ['open', null], ['message', 'You said: asked early'], ['close', null], ['unread', 1], ['message', 'Anything else?'],
  ]);
  await page.evaluate(() => { metachat.setLanguage('ar'); metachat.toggle(); });
  assert.equal(await page.locator('.root').getAttribute('dir'), 'rtl');
  assert.equal(await page.getAttribute('.send', 'aria-label'), 'إرسال');
  await page.evaluate(() => metachat.reset());
  await sees(page, []);
});

test('a person is a click away', async (t) => {
  const { chat, page } = await visit(t, { answer: () => ({ pieces: ['A colleague will reply.'], action: 'handover' }) });
  await page.click('.person');
  await page.waitForSelector('.shop .note:has-text("take over")');
  assert.equal(chat.stored[0].content, 'I would like to talk to a person.');
});
