// Measures one large trace in a real browser: sends it, opens it, scrolls it, and prints one line of JSON.
// Run by the benchmark: `node e2e/large-trace.mjs SPANS`, with FANAL_UI and FANAL_OTLP_HTTP set.

import { bigTrace, toOtlpRequests } from './fixtures.mjs';
import { eventually, launch, openPage, postOtlp, scrollFor } from './harness.mjs';

const SCROLL_MS = 2_000;

const ui = process.env.FANAL_UI;
const spans = Number(process.argv[2]);
const trace = bigTrace(12, (BigInt(Date.now()) - 200_000n) * 1_000_000n, spans);
for (const request of toOtlpRequests(trace)) {
  const status = await postOtlp(process.env.FANAL_OTLP_HTTP, request);
  if (status !== 200) throw new Error(`spans were refused with status ${status}`);
}
const browser = await launch();
const { page } = await openPage(browser, ui);
// The program itself is in the browser's cache, as it is for somebody who works with it.
await page.goto(`${ui}/start`);
await page.getByRole('heading').first().waitFor();
const started = performance.now();
await page.goto(`${ui}/trace/${trace.traceId}`);
await page.getByRole('row', { name: /nightly run/ }).first().waitFor();
const firstRowsSeconds = (performance.now() - started) / 1000;
const grid = page.getByRole('treegrid');
await eventually('every span has a row', async () => Number(await grid.getAttribute('aria-rowcount')) === spans + 1);
const { frames, worstMs, nodes } = await grid.evaluate(scrollFor, SCROLL_MS);
await browser.close();
const framesPerSecond = (frames * 1000) / SCROLL_MS;
console.log(JSON.stringify({ first_rows_seconds: firstRowsSeconds, frames_per_second: framesPerSecond, worst_frame_ms: worstMs, elements: nodes }));
