// Writes the licences of everything that reaches a browser into the build, as those licences ask.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SHIPPED = ['preact', '@preact/signals', '@preact/signals-core', '@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono'];

const root = fileURLToPath(new URL('..', import.meta.url));
const parts = SHIPPED.map((name) => {
  const folder = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
});
writeFileSync(join(root, 'dist', 'third-party-licenses.txt'), parts.join(`\n${'-'.repeat(80)}\n\n`));
