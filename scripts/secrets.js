/* Looks for credentials in every tracked file, and fails on one: CONF-9.
 *
 *     node scripts/secrets.js             the files that git tracks
 *     node scripts/secrets.js FILE…       these
 *
 * What is found is named by file, line and kind; the secret itself is not printed, since a log is
 * read by more people than a tree. Forms are those of scanners such as gitleaks; a long form counts
 * only when it looks random, so that "sk-a-key-for-the-test" may stand in a test. */
'use strict';
const { execFileSync } = require('node:child_process');
const { readFileSync, statSync } = require('node:fs');

const forms = [
  { kind: 'private key', form: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/g },
  { kind: 'metachat API key', form: /\bmc_live_([0-9A-Za-z]{30})([0-9A-Za-z]{6})(?![0-9A-Za-z])/g, holds: ([, random, check]) => ownCheck(random) === check },
  { kind: 'signed token', form: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.([\w-]{40,})/g, holds: ([, signature]) => bits(signature) > 4 },
  { kind: 'OpenAI or Anthropic key', form: /\bsk-(?:proj-|svcacct-|admin-|ant-(?:api\d\d-)?)?([A-Za-z0-9]{20}[\w-]*)/g, holds: random },
  { kind: 'Slack token', form: /\bxox[abeoprs]-([\w-]{10,})/g, holds: ([, rest]) => /\d{6}/.test(rest) },
  { kind: 'AWS key', form: /\b(?:AKIA|ASIA)([0-9A-Z]{16})\b/g, holds: random },
  { kind: 'GitHub token', form: /\b(?:gh[pousr]_([A-Za-z0-9]{36})|github_pat_(\w{60,}))/g },
  { kind: 'GitLab token', form: /\bglpat-([\w-]{20})/g, holds: random },
  { kind: 'npm token', form: /\bnpm_([A-Za-z0-9]{36})\b/g, holds: random },
  { kind: 'Google key', form: /\bAIza([\w-]{35})/g, holds: random },
  { kind: 'Meta (WhatsApp, Messenger) token', form: /\bEAA([A-Za-z0-9]{60,})/g, holds: random },
  { kind: 'Stripe key', form: /\b(?:[rs]k_(?:live|test)|whsec)_([A-Za-z0-9]{20,})/g, holds: random },
  { kind: 'address with a password', form: /\b[a-z][a-z0-9+]*:\/\/[^\s:/@"'`]+:([^\s:/@"'`${}<>]{8,})@/g, holds: ([, word]) => bits(word) > 2.5 },
  {
    kind: 'assigned secret',
    form: /(?:pass(?:word|wd|phrase)?|secret|token|api_?key|access_?key)\w*["']?\s*(?::|=>|=)\s*["'`]?([A-Za-z0-9+/_=.-]{20,})/gi,
    holds: ([, word]) => /\d/.test(word) && /[a-z]/.test(word) && /[A-Z]/.test(word) && bits(word) > 3.9,
  },
];

/* What may stand there nevertheless: path, kind, why. */
const allowed = [
  { path: /^src\/crypto\/apikey_test\.c$/, kind: 'metachat API key', why: 'known keys, by which the checksum is tested' },
  { path: /^tests\/fuzz\/corpus\/apikey\/good$/, kind: 'metachat API key', why: 'the seed that is well-formed' },
];

/** Shannon entropy of a text, in bits a sign. */
function bits(text) {
  const counts = new Map();
  for (const sign of text) counts.set(sign, (counts.get(sign) ?? 0) + 1);
  return [...counts.values()].reduce((sum, n) => sum - (n / text.length) * Math.log2(n / text.length), 0);
}

/* Whether the part that a form caught is random: words of people repeat few signs and hold few digits. */
function random(match) {
  const word = match.slice(1).find((part) => part !== undefined);
  return /\d/.test(word) && bits(word) > 3.2;
}

/* The last signs of a key of ours, after src/crypto/apikey.c: CRC-32 in base62. */
function ownCheck(text) {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  let check = '';
  for (let v = ~crc >>> 0, n = 0; n < 6; n++, v = Math.floor(v / 62)) check = digits[v % 62] + check;
  return check;
}

function lineOf(text, at) {
  return text.slice(0, at).split('\n').length;
}

function findings(path) {
  const text = readFileSync(path, 'latin1');
  return forms.flatMap(({ kind, form, holds = () => true }) =>
    [...text.matchAll(form)]
      .filter((match) => holds(match) && !allowed.some((a) => a.kind === kind && a.path.test(path)))
      .map((match) => `${path}:${lineOf(text, match.index)}: ${kind}`),
  );
}

function tracked() {
  const listed = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8', maxBuffer: 64 << 20 });
  return listed.split('\0').filter((path) => path && statSync(path, { throwIfNoEntry: false })?.isFile());
}

const files = process.argv.length > 2 ? process.argv.slice(2) : tracked();
const found = files.flatMap(findings);
for (const line of found) console.log(line);
if (!files.length) console.log('no file to look at');
process.exitCode = found.length || !files.length ? 1 : 0;
