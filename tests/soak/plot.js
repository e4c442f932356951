/* The samples of a soak as a picture: a small chart for each figure, one below the other. */

const width = 900;
const height = 110;
const left = 80;

const charts = [
  { title: 'memory, MB: resident and anonymous', lines: [['rss', 2 ** -20], ['anon', 2 ** -20]] },
  { title: 'write-ahead log, MB', lines: [['wal', 2 ** -20]] },
  { title: 'descriptors and threads', lines: [['fds', 1], ['threads', 1]] },
  { title: 'an answer of /chat, ms: p50 and p99', lines: [['p50', 1], ['p99', 1]] },
];
const colours = ['#1f5fa8', '#c8601a'];

function chart({ title, lines }, samples, top) {
  const last = samples.at(-1).at || 1;
  const highest = Math.max(...lines.flatMap(([name, by]) => samples.map((s) => s[name] * by))) || 1;
  const x = (s) => left + (s.at / last) * (width - left - 20);
  const y = (value) => top + height - 20 - (value / highest) * (height - 45);
  const paths = lines.map(([name, by], i) => {
    const points = samples.map((s) => `${x(s).toFixed(1)},${y(s[name] * by).toFixed(1)}`).join(' ');
    return `<polyline fill="none" stroke="${colours[i]}" stroke-width="1.2" points="${points}"/>`;
  });
  return [
    `<text x="${left}" y="${top + 14}">${title}</text>`,
    `<text x="${left - 8}" y="${y(highest) + 4}" text-anchor="end">${highest.toFixed(1)}</text>`,
    `<text x="${left - 8}" y="${y(0) + 4}" text-anchor="end">0</text>`,
    `<path stroke="#999" d="M${left} ${y(0)}H${width - 20}"/>`,
    ...paths,
  ].join('\n');
}

export function plot(samples) {
  const tall = charts.length * height + 20;
  const body = charts.map((c, i) => chart(c, samples, i * height)).join('\n');
  const foot = `<text x="${width - 20}" y="${tall - 6}" text-anchor="end">${(samples.at(-1).at / 60).toFixed(1)} minutes</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}" font-family="sans-serif" font-size="12">\n${body}\n${foot}\n</svg>\n`;
}
