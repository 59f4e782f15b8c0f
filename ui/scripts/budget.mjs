// Holds the size of what a browser loads: code and styles gzipped, fonts as they are.

import { readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const CODE_BYTES_MAX = 100 * 1024;
const FONT_BYTES_MAX = 90 * 1024;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const files = readdirSync(dist, { recursive: true }).map(String);
const code = files.filter((file) => ['.js', '.css', '.html'].includes(extname(file)));
const fonts = files.filter((file) => extname(file) === '.woff2');
const codeBytes = code.reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length, 0);
const fontBytes = fonts.reduce((sum, file) => sum + readFileSync(join(dist, file)).length, 0);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

console.log(`code ${kib(codeBytes)} gzip of ${kib(CODE_BYTES_MAX)}, fonts ${kib(fontBytes)} of ${kib(FONT_BYTES_MAX)}`);
if (codeBytes > CODE_BYTES_MAX || fontBytes > FONT_BYTES_MAX) {
  console.error('over budget: load less, or raise the budget in scripts/budget.mjs with a reason');
  process.exit(1);
}
