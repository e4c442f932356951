/* Every name that the product has for the outside: routes, commands, settings, events, figures, error
 * codes, tables and make targets; from the program itself and from the tables that it is made of. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const rowsOf = (path, form) => [...readFileSync(path, 'utf8').matchAll(form)].map((row) => row.groups);

function tables() {
  const folder = 'migrations/sqlite';
  return readdirSync(folder).filter((name) => name.endsWith('.up.sql')).sort().flatMap((name) => {
    const sql = readFileSync(`${folder}/${name}`, 'utf8');
    return [...sql.matchAll(/^CREATE (?:VIRTUAL )?TABLE (\w+)/gm)].map((row) => ({ name: row[1], migration: name.replace('.up.sql', '') }));
  });
}

/** Everything, each kind a list of objects in the order of its table. */
export function namesOf(binary) {
  const say = (...args) => execFileSync(binary, args, { encoding: 'utf8', maxBuffer: 64 << 20 });
  const commands = [...say('--help').matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}(\S.*)$/gm)].map((row) => {
    const help = say(...row[1].split(' '), '--help');
    const options = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map((option) => option[1]);
    return { name: row[1], what: help.split('\n\n')[1].split(/(?<=\.)\s/)[0], options };
  });
  return {
    routes: JSON.parse(say('routes', '--json')),
    commands,
    settings: [...say('config', 'example').matchAll(/^#? ?(METACHAT_\w+)=/gm)].map((row) => ({ name: row[1] })),
    events: rowsOf('src/domain/ledger/event_table.h', /^EVENT\(\w+,\s*"(?<name>[^"]+)",\s*"(?<what>[^"]+)"/gm),
    metrics: rowsOf(
      'src/base/metric_table.h',
      /^METRIC\(\w+,\s*"(?<name>[^"]+)",\s*(?<kind>\w+),\s*(?:NULL|"(?<label>[^"]+)"),\s*"(?<what>[^"]+)"/gm,
    ),
    codes: rowsOf(
      'src/base/err_table.h',
      /^CODE\((?<name>\w+),\s*\w+,\s*(?<status>\d+),\s*(?<retry>\w+),\s*"(?<what>[^"]+)"/gm,
    ),
    tables: tables(),
    targets: /^\.PHONY:(.*)$/m.exec(readFileSync('Makefile', 'utf8'))[1].trim().split(/\s+/).map((name) => ({ name })),
  };
}
