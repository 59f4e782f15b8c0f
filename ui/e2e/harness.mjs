// What every browser test needs: a browser, a page that is watched for errors and foreign requests, checks that
// print one line each, axe, and waiting for a condition.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CONDITION_MS = 10_000;

export const THEMES = ['light', 'dark'];

const results = { passed: 0, failed: 0 };

/** Runs one named check; a thrown error fails it and the run goes on. Text that it returns is printed. */
export async function check(name, run) {
  try {
    const note = await run();
    results.passed += 1;
    console.log(`ok   ${name}${typeof note === 'string' ? ` (${note})` : ''}`);
  } catch (error) {
    results.failed += 1;
    console.log(`FAIL ${name}: ${String(error.message ?? error).split('\n').slice(0, 6).join(' | ')}`);
  }
}

/** Prints the last line and ends the process. */
export function finish() {
  console.log(`${results.passed} passed, ${results.failed} failed`);
  process.exit(results.failed === 0 ? 0 : 1);
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export function expectEqual(actual, expected, what) {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: is ${left}, should be ${right}`);
}

/** Asks again and again until the answer is truthy, and returns it. */
export async function eventually(what, ask, timeoutMs = CONDITION_MS) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export async function launch() {
  return chromium.launch({ executablePath: process.env.FANAL_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/** A page whose console errors and foreign requests are collected in `complaints`. */
export async function openPage(browser, origin, { width = 1440, height = 900, theme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(CONDITION_MS);
  const complaints = [];
  page.on('console', (message) => {
    const isExpected = /status of (400|404)/.test(message.text());
    if (message.type() === 'error' && !isExpected) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['data:', 'blob:'].includes(url.protocol)) complaints.push(`foreign request: ${request.url()}`);
  });
  return { page, context, complaints };
}

/** Violations of axe on the page as it stands, one text each. */
export async function axeViolations(page) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ['violations'] })).violations);
  return violations.map((violation) => `${violation.id} at ${violation.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`);
}

export async function expectAccessible(page) {
  await page.evaluate(() => document.fonts.ready);
  const violations = await axeViolations(page);
  expect(violations.length === 0, violations.join('; '));
}

export async function expectNoSidewaysScroll(page) {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  expect(content <= view, `the page is ${content} px wide in a view of ${view} px`);
}

/** Saves a picture where FANAL_SCREENSHOTS asks for it. */
export async function screenshot(page, name) {
  const folder = process.env.FANAL_SCREENSHOTS;
  if (folder === undefined || folder === '') return;
  mkdirSync(folder, { recursive: true });
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

export async function getJson(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  return response.json();
}

/** Posts OTLP JSON and answers the status. */
export async function postOtlp(otlp, body) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${otlp}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
  return response.status;
}

/** Runs in the page: scrolls the element for a while and counts frames. */
export function scrollFor(element, durationMs) {
  return new Promise((resolve) => {
    const started = performance.now();
    let [last, frames, worst, nodes] = [started, 0, 0, 0];
    const step = (time) => {
      if (frames > 0) worst = Math.max(worst, time - last);
      last = time;
      frames += 1;
      element.scrollTop += 137;
      if (frames % 20 === 0) nodes = Math.max(nodes, document.querySelectorAll('*').length);
      if (time - started < durationMs) requestAnimationFrame(step);
      else resolve({ frames, worstMs: Math.round(worst), nodes });
    };
    requestAnimationFrame(step);
  });
}
