/* Prints docs/reference.md: every name of the product in one place.
 *
 *     node scripts/reference.mjs BUILD/metachat >docs/reference.md */
import { namesOf } from './names.mjs';

const names = namesOf(process.argv[2]);
const cell = (text) => String(text).replaceAll('|', '\\|');

function table(heading, head, rows) {
  const line = (cells) => `| ${cells.map(cell).join(' | ')} |`;
  return [`## ${heading}`, '', line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line), ''];
}

console.log(
  [
    '# Reference',
    '',
    'Made from the program by `node scripts/reference.mjs`; do not edit. Settings: [configuration](configuration.md).',
    'Bodies, queries and answers of the routes: `/docs` of a running server, or `metachat routes --openapi`.',
    '',
    ...table('Commands', ['command', 'options', 'what it does'], names.commands.map((c) => [`\`metachat ${c.name}\``, c.options.map((o) => `\`${o}\``).join(' '), c.what])),
    ...table('Routes', ['route', 'who', 'scope', 'rate class', 'what it does'], names.routes.map((r) => [`\`${r.method} ${r.path}\``, r.who, r.scope ?? '', r.rate, r.summary])),
    ...table('Events', ['type', 'what it says'], names.events.map((e) => [`\`${e.name}\``, e.what])),
    ...table('Figures at `/metrics`', ['name', 'kind', 'by', 'what it counts'], names.metrics.map((m) => [`\`${m.name}\``, m.kind.toLowerCase(), m.label ?? '', m.what])),
    ...table('Error codes', ['code', 'status', 'again', 'what it means'], names.codes.map((c) => [`\`${c.name}\``, c.status, c.retry === 'true' ? 'may be tried' : '', c.what])),
    ...table('Tables of the database', ['table', 'made by'], names.tables.map((t) => [`\`${t.name}\``, t.migration])),
  ].join('\n').trimEnd(),
);
