/* The widget and the real program, over reloads and restarts: what stands on the page in the end is
 * what the server has, each message once and in its order. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { openPage } from '../lib/browser.js';
import { FakeOpenAI } from '../lib/fake_openai.js';
import { Metachat } from '../lib/metachat.js';
import { fileScope } from '../lib/scratch.js';
import { waitFor } from '../lib/wait.js';
import { HostSite } from './lib/host_site.js';
import { online, openPanel, say } from './lib/widget.js';

const scope = fileScope();
const generous = {
  METACHAT_RATE_VISITOR_CHAT_PER_MIN: '10000',
  METACHAT_RATE_OPEN_PER_MIN: '10000',
  METACHAT_RATE_SESSION_PER_MIN: '10000',
};
let site, pages = 0;

before(async () => {
  site = await HostSite.start(scope);
});

/** A demo whose answers come from a model that does as it is told. */
async function shop(t, answers) {
  const model = await FakeOpenAI.start(t, answers);
  const mc = await Metachat.start(t, { args: ['demo', '--json'], env: { METACHAT_OPENAI_BASE_URL: model.url, ...generous } });
  const { apiKey, widgetKey } = JSON.parse(mc.output);
  const api = mc.api(apiKey);
  await api.data('PUT', '/tenant/assistant', { provider: 'openai' });
  return { mc, api, widgetKey, model };
}

async function visit(t, { mc, widgetKey }) {
  const page = await openPage(t);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const url = site.add(`/live${++pages}`, { server: mc.url, attributes: { 'data-key': widgetKey } });
  await page.goto(url);
  await openPanel(page);
  await online(page);
  return { page, url };
}

/** The only conversation as the server has it, oldest first. */
async function stored(api) {
  const { body } = await api.get('/conversations');
  if (body.data.length === 0) return [];
  assert.equal(body.data.length, 1);
  const messages = await api.get(`/conversations/${body.data[0].id}/messages?limit=100`);
  return messages.body.data.reverse();
}

/* What an entry of the widget is known by. */
const keyOf = (m) => (m.sender === 'customer' ? m.metadata.clientMessageId : `turn ${m.turnId}`);

/** Waits until count messages are stored and the page shows exactly them, in this order. */
async function settled(page, api, count) {
  let there, shown;
  await waitFor(`${count} messages on both sides`, async () => {
    there = await stored(api);
    shown = await page.locator('metachat-widget article').evaluateAll((all) => all.map((a) => a.dataset.key));
    const open = await page.locator('metachat-widget :is(.draft, article .state)').count();
    return there.length === count && open === 0 && JSON.stringify(there.map(keyOf)) === JSON.stringify(shown);
  }, { withinMs: 60_000 }).catch((e) => assert.deepEqual(shown, there.map((m) => `${keyOf(m)} ${m.content}`), e.message));
  assert.deepEqual(await page.locator('article.you .words').allTextContents(), there.filter((m) => m.sender === 'customer').map((m) => m.content));
  return there.map((m) => m.content);
}

/* Numbers that look random and are the same in every run. */
function dice(seed) {
  let state = seed;
  return (n) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
}

// shows: WIDG-1, WIDG-2, WIDG-4
test('reloads and sudden ends of the server at any moment: nothing is lost, nothing is double', async (t) => {
  const live = await shop(t, { answer: 'Yes, we do, as you will see.', pieceMs: 15 });
  const { mc, api } = live;
  const { page } = await visit(t, live);
  const roll = dice(7);
  const texts = Array.from({ length: 16 }, (_, i) => `message ${i}`);
  for (const [i, text] of texts.entries()) {
    await say(page, text);
    await page.waitForTimeout(roll(250)); // any moment, that is what is tried
    if (i % 5 === 4) {
      await mc.kill();
      await page.waitForTimeout(roll(100));
      await mc.start(['demo', '--json']);
    } else if (roll(2)) {
      await page.reload();
      await page.waitForSelector('.panel');
    }
  }
  await online(page);
  const all = await settled(page, api, 2 * texts.length);
  assert.deepEqual(all.filter((text) => text.startsWith('message')), texts);
  await page.reload();
  await settled(page, api, 2 * texts.length);
});

// shows: WIDG-4
test('the server dies while an answer streams: the answer comes, whole and once', async (t) => {
  const live = await shop(t, { answer: Array.from({ length: 40 }, (_, i) => `word${i}`).join(' '), pieceMs: 60 });
  const { page } = await visit(t, live);
  await say(page, 'Go');
  await page.waitForSelector('.draft:has-text("word3")');
  await live.mc.kill();
  await page.waitForSelector('[data-state=offline] .line');
  await live.mc.start(['demo', '--json']);
  const all = await settled(page, live.api, 2);
  assert.match(all[1], /word0 .*word39/);
});

test('an answer that is stopped is stored as far as it came', async (t) => {
  const live = await shop(t, { answer: Array.from({ length: 300 }, (_, i) => `word${i}`).join(' '), pieceMs: 40 });
  const { page } = await visit(t, live);
  await say(page, 'Go');
  await page.waitForSelector('.draft:has-text("word5")');
  await page.click('.stop');
  await page.waitForSelector('.shop .note:has-text("Stopped")');
  const [, text] = await settled(page, live.api, 2);
  assert.match(text, /word5/);
  assert.doesNotMatch(text, /word299/);
});

// shows: WIDG-2
test('two tabs of a visitor show the same conversation, live', async (t) => {
  const live = await shop(t, { answer: 'Yes.' });
  const { page, url } = await visit(t, live);
  const other = await page.context().newPage();
  await other.goto(url);
  await openPanel(other);
  await online(other);
  await say(page, 'from the first');
  await settled(other, live.api, 2);
  await say(other, 'from the second');
  await settled(page, live.api, 4);
  await settled(other, live.api, 4);
});

// shows: WIDG-6
test('only pages of the origins that the tenant named get a session', async (t) => {
  const live = await shop(t, { answer: 'Yes.' });
  await live.api.data('PUT', '/tenant/widget', { origins: ['https://shop.example'] });
  const page = await openPage(t);
  await page.goto(site.add('/foreign', { server: live.mc.url, attributes: { 'data-key': live.widgetKey } }));
  await openPanel(page);
  await page.waitForSelector('.notice:has-text("cannot be reached")');
  assert.ok(page.problems.some((p) => /403/.test(p)), `${page.problems}`);
  await live.api.data('PUT', '/tenant/widget', { origins: [site.url] });
  await page.click('.notice .again');
  await online(page);
  await say(page, 'Now?');
  await settled(page, live.api, 2);
});

test('a conversation in Arabic is answered in Arabic words of the house', async (t) => {
  const live = await shop(t, { answer: 'Yes.' });
  const page = await openPage(t);
  await page.goto(site.add('/arabic', { server: live.mc.url, attributes: { 'data-key': live.widgetKey }, lang: 'ar' }));
  await openPanel(page);
  await online(page);
  await page.click('.person');
  await page.waitForSelector('.shop .note >> text=طلبنا');
  const [asked, answer] = await settled(page, live.api, 2);
  assert.equal(asked, 'أريد التحدث مع شخص.');
  assert.match(answer, /أحد الزملاء/);
});
