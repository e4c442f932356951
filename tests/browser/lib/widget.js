/* The widget as a test's hands and eyes have it. Playwright's selectors go into open shadow trees. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { waitFor } from '../../lib/wait.js';

/** The script that finds what keeps people out. It comes by the debugger, as no script of the page, so the
 * page's own policy stays as it is. */
export const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function openPanel(page) {
  await page.click('.launcher');
  await page.waitForSelector('.panel');
}

export const online = (page) => page.waitForSelector('[data-state=online] .line');

export async function say(page, text) {
  await page.fill('textarea', text);
  await page.press('textarea', 'Enter');
}

/** What stands in the conversation: [who, words], who being "you" or "shop". */
export function talk(page) {
  return page.locator('metachat-widget article').evaluateAll((all) =>
    all.map((a) => [a.classList.contains('you') ? 'you' : 'shop', a.querySelector('.words').textContent]),
  );
}

/** Waits until exactly this stands there, and nothing is on its way or draft. */
export async function sees(page, expected) {
  let last;
  await waitFor(`the talk ${JSON.stringify(expected)}`, async () => {
    last = await talk(page);
    const open = await page.locator('metachat-widget :is(.draft, article .state)').count();
    return JSON.stringify(last) === JSON.stringify(expected) && open === 0;
  }).catch((e) => assert.deepEqual(last, expected, e.message));
}

/** What axe finds on the whole page, shadow trees included. */
export async function assertAccessible(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => axe.run(document));
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`), []);
  assert.ok(passes.some((p) => p.nodes.some((n) => n.target.flat().includes('metachat-widget'))), 'axe saw the widget');
}
