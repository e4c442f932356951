/* Debian's Chromium without a window. */
import { after } from 'node:test';
import { chromium } from 'playwright-core';

/* One for all tests of a file; each page is a stranger to the others. */
let browser = null;
after(async () => (await browser)?.close());

function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      // Chromium refuses its own sandbox to root, which is who builds in a container.
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-dev-shm-usage',
    ],
  });
}

/** A page with nothing kept from before, closed when the scope ends. Its console errors and failed
 * requests are collected in page.problems. */
export async function openPage(scope, { viewport = { width: 1100, height: 800 } } = {}) {
  browser ??= launch();
  const context = await (await browser).newContext({ viewport });
  scope.after(() => context.close());
  const page = await context.newPage();
  page.problems = [];
  page.on('console', (message) => message.type() === 'error' && page.problems.push(message.text()));
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('requestfailed', (request) => {
    // So Chromium also calls a stream that was read to its end, when nobody reads on.
    if (request.failure()?.errorText === 'net::ERR_ABORTED') return;
    page.problems.push(`${request.url()}: ${request.failure()?.errorText}`);
  });
  return page;
}
