// House rules that a linter does not know: a header comment on every file, length caps, no inline style or script
// in the page (the content security policy forbids both), no registry address in the lock file.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LINES_MAX = 500;

const root = fileURLToPath(new URL('..', import.meta.url));
const problems = [];
for (const folder of ['src', 'e2e', 'scripts']) {
  for (const entry of readdirSync(join(root, folder), { recursive: true })) {
    const file = join(folder, String(entry));
    if (!/\.(ts|tsx|mjs)$/.test(file)) continue;
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    if (!lines[0].startsWith('// ')) problems.push(`${file}: begin with a comment that says what the file is for`);
    if (lines.length > LINES_MAX) problems.push(`${file}: ${lines.length} lines, at most ${LINES_MAX}`);
  }
}
const page = readFileSync(join(root, 'index.html'), 'utf8');
if (/\sstyle=|<style|<script(?![^>]*\ssrc=)/.test(page)) problems.push('index.html: no inline style or script');
const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
if (lock.includes('"resolved"')) problems.push('package-lock.json: names a registry; install with omit-lockfile-registry-resolved=true');

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
