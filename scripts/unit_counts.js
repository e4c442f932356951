/* Counts cmocka's single tests in Meson's testlog.json and shows the output of failed programs. A
 * program that fails without naming a test (a crash, a sanitizer's report) counts as one failure. */
'use strict';
const { readFileSync } = require('node:fs');

let passed = 0;
let failed = 0;
for (const line of readFileSync(process.argv[2], 'utf8').split('\n').filter(Boolean)) {
  const program = JSON.parse(line);
  const output = `${program.stdout ?? ''}\n${program.stderr ?? ''}`;
  const ok = output.match(/^\[ +OK +\] /gm)?.length ?? 0;
  const names = new Set([...output.matchAll(/^\[ +FAILED +\] (?!tests|\d)(\S+)/gm)].map((m) => m[1]));
  const fine = program.result === 'OK';
  passed += ok || (fine ? 1 : 0);
  failed += fine ? names.size : Math.max(names.size, 1);
  console.log(`${fine ? 'ok    ' : 'FAILED'} ${program.name}: ${ok} (${Math.round(program.duration * 1000)} ms)`);
  if (!fine) console.log(output.replace(/^/gm, '    '));
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
