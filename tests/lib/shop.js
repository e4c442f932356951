/* The demo shop as test data: its pages, its questions, and a tenant that holds the pages. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './metachat.js';

const folder = join(root, 'demo');

/** {name, text} of every page. */
export const pages = readdirSync(folder)
  .filter((name) => name.endsWith('.md'))
  .sort()
  .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

export const { questions } = JSON.parse(readFileSync(join(folder, 'questions.json'), 'utf8'));

/** A new tenant of mc that knows the pages. */
export async function openShop(mc, name = 'Kettle Lane') {
  const shop = await mc.tenant(name);
  const documents = await Promise.all(
    pages.map((page) => shop.addDocument(page.name, page.text, { mimeType: 'text/markdown' })),
  );
  const failed = documents.filter((d) => d.status !== 'ready');
  if (failed.length) throw new Error(`not ready: ${JSON.stringify(failed)}`);
  return shop;
}

/** Text without the marks of Markdown, spaces and case, so that a fact is found in a quote of it. */
export function plain(text) {
  return text.replace(/[*|#]/g, ' ').replace(/\s+/g, ' ').trim().toLowerCase();
}
