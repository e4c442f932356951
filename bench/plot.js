/* Draws what the benches kept (BENCH_RESULTS, build-bench/results) as SVG files for docs/performance.md, into FIGURES
 * (docs/figures). What was not measured is not drawn. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { results } from './lib.js';

const folder = process.env.FIGURES ?? 'docs/figures';
const [WIDTH, HEIGHT, TOP, LEFT, BOTTOM, RIGHT] = [390, 270, 58, 62, 44, 16]; // of one panel, and its margins
const colours = ['#2563a8', '#d9822b', '#7a8794'];
const escape = (s) => String(s).replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);

function text(x, y, s, { anchor = 'middle', size = 12, fill = '#1b1f24', bold = false, turn = 0 } = {}) {
  const more = `${bold ? ' font-weight="600"' : ''}${turn ? ` transform="rotate(${turn} ${x} ${y})"` : ''}`;
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" fill="${fill}"${more}>${escape(s)}</text>`;
}

/** A round number of steps that reaches the value: [0, …, at least max]. */
function ticks(max) {
  const rough = (max || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= rough);
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, i) => i * step);
}

const short = (v) => (v >= 1000 ? v.toLocaleString('en', { maximumFractionDigits: 0 }) : String(Number(v.toPrecision(3))));

/** Title, key and axes of a panel; and what draws in it: up(value) and the inner width. */
function frame({ title, unit, bottom, names, max }) {
  const steps = ticks(max);
  const top = steps.at(-1);
  const up = (v) => HEIGHT - BOTTOM - (v / top) * (HEIGHT - TOP - BOTTOM);
  const out = [text(LEFT, 20, title, { anchor: 'start', size: 14, bold: true })];
  names.forEach((name, i) => {
    const at = LEFT + i * 108;
    out.push(`<rect x="${at}" y="32" width="10" height="10" fill="${colours[i]}"/>`, text(at + 15, 41, name, { anchor: 'start', size: 11 }));
  });
  for (const s of steps) {
    out.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${up(s)}" y2="${up(s)}" stroke="#dde2e7"/>`);
    out.push(text(LEFT - 6, up(s) + 4, short(s), { anchor: 'end', size: 11, fill: '#4a5560' }));
  }
  out.push(text(12, (TOP + HEIGHT - BOTTOM) / 2, unit, { size: 11, fill: '#4a5560', turn: -90 }));
  out.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, bottom, { size: 11, fill: '#4a5560' }));
  return { out, up, inner: WIDTH - LEFT - RIGHT };
}

/** Groups of bars: rows {label, values}, a value for each of names. */
function bars({ rows, ...about }) {
  const { out, up, inner } = frame({ ...about, max: Math.max(...rows.flatMap((r) => r.values)) });
  const group = inner / rows.length;
  const wide = Math.min(44, (group * 0.78) / about.names.length);
  rows.forEach((row, g) => {
    const middle = LEFT + group * (g + 0.5);
    row.values.forEach((v, i) => {
      const left = middle + (i - row.values.length / 2) * wide;
      out.push(`<rect x="${left + 1}" y="${up(v)}" width="${wide - 2}" height="${up(0) - up(v)}" fill="${colours[i]}"/>`);
      out.push(text(left + wide / 2, up(v) - 4, short(v), { size: 10 }));
    });
    out.push(text(middle, HEIGHT - BOTTOM + 16, row.label, { size: 11 }));
  });
  return out.join('\n');
}

/** Lines: series of values in order, drawn over their share of all from 0 to 100 %. */
function shares({ series, ...about }) {
  const { out, up, inner } = frame({ ...about, max: Math.max(...series.flat()) });
  const across = (share) => LEFT + share * inner;
  series.forEach((values, i) => {
    const points = values.map((v, n) => `${across(n / (values.length - 1)).toFixed(1)},${up(v).toFixed(1)}`);
    out.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colours[i]}" stroke-width="2"/>`);
  });
  for (const percent of [0, 25, 50, 75, 95]) out.push(text(across(percent / 100), HEIGHT - BOTTOM + 16, `${percent} %`, { size: 11 }));
  return out.join('\n');
}

/** Panels, two in a row, on a ground of their own: readable on a light page and on a dark one. */
function draw(name, panels) {
  const width = Math.min(panels.length, 2) * WIDTH;
  const height = Math.ceil(panels.length / 2) * HEIGHT;
  const body = panels.map((panel, i) => `<g transform="translate(${(i % 2) * WIDTH} ${Math.floor(i / 2) * HEIGHT})">\n${panel}\n</g>`).join('\n');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${body}
</svg>
`;
  writeFileSync(join(folder, `${name}.svg`), svg);
  console.log(`drawn: ${join(folder, `${name}.svg`)}`);
}

const figures = {
  turns: (all) =>
    [...new Set(all.map((r) => r.delay))].flatMap((delay) => {
      const of = all.filter((r) => r.delay === delay);
      const rows = (values) => of.map((r) => ({ label: r.connections, values: values(r) }));
      return [
        bars({ title: `Turns, model of ${delay} ms`, unit: 'turns/s', bottom: 'turns at once', names: ['made', 'the delay allows'], rows: rows((r) => [r.perSecond, r.perSecond / r.share]) }),
        bars({ title: 'Own time of a turn', unit: 'ms', bottom: 'turns at once', names: ['p50', 'p99'], rows: rows((r) => [r.ownP50, r.ownP99].map((v) => Math.max(0, v))) }),
      ];
    }),
  peers: (all) => {
    const names = [...new Set(all.map((r) => r.name))];
    const levels = [...new Set(all.map((r) => r.connections))];
    const rows = (what) => levels.map((at) => ({ label: at, values: names.map((name) => all.find((r) => r.name === name && r.connections === at)[what]) }));
    return [
      bars({ title: 'Turns', unit: 'turns/s', bottom: 'turns at once', names, rows: rows('perSecond') }),
      bars({ title: 'Processor time of a turn', unit: 'ms', bottom: 'turns at once', names, rows: rows('cpuMs') }),
    ];
  },
  search: (all) => [
    shares({
      title: 'Time of a question in text search',
      unit: 'ms',
      bottom: 'share of the questions that took at most so long',
      names: all.map((r) => (r.tenants === 1 ? `1 × ${short(r.passages)}` : `${short(r.tenants)} × ${short(r.passages / r.tenants)}`)),
      series: all.map((r) => r.ms.slice(0, 100)),
    }),
  ],
  sockets: (all) => [
    bars({ title: 'Memory of a silent client', unit: 'KB', bottom: '', names: ['resident'], rows: all.map((r) => ({ label: r.name, values: [r.bytesEach / 1024] })) }),
  ],
  broadcast: (all) =>
    [
      ['Deliveries', 'a second', 'perSecond'],
      ["Server's processor time of a delivery", 'µs', 'serverUs'],
    ].map(([title, unit, what]) => {
      const names = [...new Set(all.map((r) => r.name))];
      const of = (kind, name) => all.find((r) => r.kind === kind && r.name === name)[what];
      const kinds = [...new Set(all.map((r) => r.kind))];
      return bars({ title, unit, bottom: 'broadcasts', names, rows: kinds.map((kind) => ({ label: kind, values: names.map((name) => of(kind, name)) })) });
    }),
  commit: (all) => [
    bars({ title: 'Durable transactions', unit: 'a second', bottom: 'threads', names: ['transactions'], rows: all.map((r) => ({ label: r.threads, values: [r.perSecond] })) }),
    bars({ title: 'Time of a durable transaction', unit: 'ms', bottom: 'threads', names: ['p50', 'p99', 'bare fsync'], rows: all.map((r) => ({ label: r.threads, values: [r.p50Ms, r.p99Ms, r.fsyncUs / 1000] })) }),
  ],
};

mkdirSync(folder, { recursive: true });
for (const [name, panels] of Object.entries(figures)) {
  const file = join(results, `${name}.json`);
  if (existsSync(file)) draw(name, panels(JSON.parse(readFileSync(file, 'utf8'))));
}
