/* What is tested, and where it lies. Environment: METACHAT_BIN (build/metachat). */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(import.meta.url), '../../..');
export const binary = resolve(root, process.env.METACHAT_BIN ?? 'build/metachat');

/** A sanitizer keeps what was freed, so that bounds on memory say little about it. */
export const sanitized = /-[at]san\//.test(binary);
