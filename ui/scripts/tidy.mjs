// House rules that the compiler does not know: a header comment on every file, length caps of files and functions,
// no console and no debugger, no circle of imports, layers (no page in a pure folder), no inline style or script in the page (the
// content security policy forbids both), no registry address in the lock file.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'vite';

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
/** Written by a program, so of any length. */
const GENERATED = ['src/api/types.ts'];
/** Folders of `src` that must not know the pages or the frame. */
const PURE = ['src/lib/', 'src/query/', 'src/trace/'];

const root = fileURLToPath(new URL('..', import.meta.url));
const problems = [];
const imports = new Map();

for (const folder of ['src', 'e2e', 'scripts']) {
  for (const entry of readdirSync(join(root, folder), { recursive: true })) {
    const file = join(folder, String(entry));
    if (/\.(ts|tsx|mjs)$/.test(file)) checkFile(file, readFileSync(join(root, file), 'utf8'));
  }
}
checkCircles();
checkPage();
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);

function checkFile(file, code) {
  if (!code.startsWith('// ')) problems.push(`${file}: begin with a comment that says what the file is for`);
  const lines = code.split('\n').length;
  if (lines > FILE_LINES_MAX && !GENERATED.includes(file)) problems.push(`${file}: ${lines} lines, at most ${FILE_LINES_MAX}`);
  const { program, errors } = parseSync(file, code);
  for (const error of errors) problems.push(`${file}: ${error.message}`);
  const lineOf = (offset) => code.slice(0, offset).split('\n').length;
  const isScript = !file.startsWith('src/') || file.endsWith('.test.ts');
  imports.set(file, []);
  walk(program, (node) => {
    if (/Function/.test(node.type) && !isScript) checkFunction(file, node, lineOf);
    if (node.type === 'DebuggerStatement') problems.push(`${file}:${lineOf(node.start)}: no debugger`);
    if (!isScript && node.type === 'MemberExpression' && node.object.name === 'console') problems.push(`${file}:${lineOf(node.start)}: no console; tell the user on the page`);
    if (node.type === 'ImportDeclaration' && node.importKind !== 'type' && node.source.value.startsWith('.')) checkImport(file, node.source.value, isScript);
  });
}

function checkFunction(file, node, lineOf) {
  const lines = lineOf(node.end) - lineOf(node.start) + 1;
  if (lines > FUNCTION_LINES_MAX) problems.push(`${file}:${lineOf(node.start)}: function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`);
}

function checkImport(file, source, isScript) {
  const target = normalize(join(dirname(file), source));
  imports.get(file).push(target);
  const isPure = PURE.some((folder) => file.startsWith(folder)) && !isScript;
  if (isPure && /^src\/(app|pages|parts)\//.test(target)) problems.push(`${file}: imports ${target}, which is above it`);
}

function checkCircles() {
  const done = new Set();
  const visit = (file, trail) => {
    if (trail.includes(file)) problems.push(`circle of imports: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`);
    if (done.has(file) || trail.includes(file)) return;
    for (const target of imports.get(file) ?? []) {
      const next = [target, `${target}.ts`, `${target}.tsx`].find((candidate) => imports.has(candidate));
      if (next !== undefined) visit(next, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
}

function checkPage() {
  const page = readFileSync(join(root, 'index.html'), 'utf8');
  if (/\sstyle=|<style|<script(?![^>]*\ssrc=)/.test(page)) problems.push('index.html: no inline style or script');
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  if (lock.includes('"resolved"')) problems.push('package-lock.json: names a registry; install with omit-lockfile-registry-resolved=true');
}

function walk(node, visit) {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit);
  } else if (node !== null && typeof node === 'object') {
    if (typeof node.type === 'string') visit(node);
    for (const key of Object.keys(node)) if (key !== 'parent') walk(node[key], visit);
  }
}
