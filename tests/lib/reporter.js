/* Reporter for node --test: a line a test, the reasons of failures, and the counts that
 * scripts/test.sh adds up. Suites and files are not counted, unless one of them fails by itself. */
import { inspect } from 'node:util';

export default async function* reporter(source) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for await (const { type, data } of source) {
    if (type === 'test:pass') {
      if (isGroup(data)) continue;
      if (data.skip !== undefined || data.todo !== undefined) {
        skipped += 1;
        yield line('skip', data);
      } else {
        passed += 1;
        yield line('ok', data);
      }
    } else if (type === 'test:fail') {
      if (isGroup(data) && data.details?.error?.failureType === 'subtestsFailed') continue;
      failed += 1;
      yield line('FAILED', data);
      yield `    ${reason(data).replaceAll('\n', '\n    ')}\n`;
    } else if (type === 'test:diagnostic' && !/^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(data.message)) {
      yield `${data.message.startsWith('note: ') ? '' : '       '}${data.message}\n`;
    } else if (type === 'test:stderr' || type === 'test:stdout') {
      yield data.message;
    }
  }
  yield `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}\n`;
}

function isGroup(data) {
  return (
    data.details?.type === 'suite' || data.name === data.file || data.name.endsWith('.test.js') ||
    data.details?.error?.failureType === 'subtestsFailed'
  );
}

function line(verdict, data) {
  return `${verdict.padEnd(6)} ${'  '.repeat(data.nesting)}${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
}

function reason(data) {
  const error = data.details.error;
  return inspect(error?.cause ?? error, { depth: 6 });
}
