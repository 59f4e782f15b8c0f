// Files in the browser: dropped and chosen, with their progress and result; a trace downloaded, and imported again.
// Part of the run of `first-light.e2e.mjs`, on the server that it has filled.

import { readFileSync } from 'node:fs';
import { check, eventually, expect, expectAccessible, expectEqual, expectNoSidewaysScroll, getJson, screenshot, THEMES } from './harness.mjs';

const OLD_ID = '5a5e0000000000000000000000000001';
/** Long before anything else in the store. */
const OLD_MICROS = 1_500_000_000_000_000;

/** A trace as Jaeger's UI saves it. */
function jaegerFile(traceId, spans) {
  const span = (number) => ({
    traceID: traceId,
    spanID: (number + 1).toString(16).padStart(16, '0'),
    operationName: number === 0 ? 'nightly import' : `step ${number}`,
    references: number === 0 ? [] : [{ refType: 'CHILD_OF', traceID: traceId, spanID: '0000000000000001' }],
    startTime: OLD_MICROS + number * 10,
    duration: number === 0 ? spans * 10 : 10,
    tags: [{ key: 'text', type: 'string', value: 'x'.repeat(50) }],
    logs: [],
    processID: 'p1',
    warnings: null,
  });
  const trace = { traceID: traceId, spans: Array.from({ length: spans }, (_, number) => span(number)), processes: { p1: { serviceName: 'archive', tags: [] } }, warnings: null };
  return JSON.stringify({ data: [trace], total: 0, limit: 0, offset: 0, errors: null });
}

function zipkinFile(traces) {
  const span = (_, number) => ({ traceId: `5a5e1${number.toString(16).padStart(11, '0')}`, id: 'a1', name: 'old', timestamp: OLD_MICROS + 60_000_000 * (number + 1), duration: 5000, localEndpoint: { serviceName: 'archive' } });
  return JSON.stringify([...Array.from({ length: traces }, span), { id: 'a2' }]);
}

export async function files(page, ui) {
  const panel = page.getByRole('region', { name: 'Imports' });
  const close = () => page.getByRole('button', { name: 'Close the imports that have ended' }).click();
  await check('a file held over Get started is welcomed', async () => {
    await page.goto(`${ui}/start`);
    await page.getByRole('button', { name: 'Import files' }).waitFor();
    await screenshot(page, 'start-import');
    await drag(page, 'dragenter', []);
    await page.getByText('Drop to import').waitFor();
    await screenshot(page, 'drop');
    await drag(page, 'dragleave', []);
    await page.getByText('Drop to import').waitFor({ state: 'detached' });
  });
  await check('a dropped trace of Jaeger opens, whatever its age', async () => {
    await drag(page, 'drop', [['trace.json', jaegerFile(OLD_ID, 40)]]);
    await page.getByRole('row', { name: /nightly import/ }).waitFor();
    expectEqual(new URL(page.url()).pathname, `/trace/${OLD_ID}`, 'path');
    await panel.getByText('Jaeger JSON: 40 spans of 1 trace').waitFor();
    await close();
    await panel.waitFor({ state: 'detached' });
  });
  await check('several traces in a chosen file are a search that holds them all; what was rejected is told', async () => {
    await page.goto(`${ui}/explore`);
    await page.getByLabel('Files of traces').setInputFiles({ name: 'old.json', mimeType: 'application/json', buffer: Buffer.from(zipkinFile(7)) });
    await panel.getByText('Zipkin v2 JSON: 7 spans of 7 traces').waitFor();
    await panel.getByText('1 span rejected').waitFor();
    await screenshot(page, 'import-result');
    await panel.getByRole('link', { name: 'Show the traces' }).click();
    await page.getByRole('heading', { name: '7 traces', exact: true }).waitFor();
  });
  await check('what is no file of traces is told with words', async () => {
    await drag(page, 'drop', [['notes.txt', 'remember the milk']]);
    await panel.getByText('text that begins with `remember the milk`').waitFor();
    await screenshot(page, 'import-refused');
  });
  for (const theme of THEMES) {
    await check(`axe finds nothing on the imports, ${theme}`, async () => {
      await page.emulateMedia({ colorScheme: theme });
      await expectAccessible(page);
      await expectNoSidewaysScroll(page);
      await screenshot(page, `imports-${theme}`);
    });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await close();
  await check('a long file shows how far it is and can be stopped', () => stopping(page, panel, ui));
  await check('a downloaded trace is the same in each form', () => downloads(page, ui));
}

/** A server that takes its time: the file is held back on its way. */
async function stopping(page, panel, ui) {
  await page.route('**/fanal/v1/import', () => undefined);
  await page.goto(`${ui}/explore`);
  await drag(page, 'drop', [['long.json', jaegerFile(OLD_ID, 2_000)], ['next.json', jaegerFile(OLD_ID, 1)]]);
  await panel.getByRole('progressbar', { name: 'Sending long.json' }).waitFor();
  await panel.getByText('Waiting for its turn').waitFor();
  await screenshot(page, 'import-progress');
  await panel.getByRole('button', { name: 'Stop next.json' }).click();
  await panel.getByText('stopped before it was sent').waitFor();
  await panel.getByRole('button', { name: 'Stop long.json' }).click();
  await panel.getByText('stopped; what arrived before is stored').waitFor();
  await panel.getByRole('heading', { name: 'Imported' }).waitFor();
  await page.unroute('**/fanal/v1/import');
}

async function downloads(page, ui) {
  await page.goto(`${ui}/trace/${OLD_ID}`);
  await page.getByRole('row', { name: /nightly import/ }).waitFor();
  const before = await getJson(`${ui}/fanal/v1/trace/${OLD_ID}/otlp`);
  const opener = page.getByRole('button', { name: 'Download' });
  for (const name of ['OTLP JSON', 'OTLP protobuf', 'Jaeger JSON', 'Zipkin JSON']) {
    await opener.click();
    const form = page.getByRole('list', { name: 'Download as' }).getByRole('link', { name });
    await form.waitFor();
    if (name === 'OTLP JSON') {
      await expectAccessible(page);
      await screenshot(page, 'download');
    }
    const [download] = await Promise.all([page.waitForEvent('download'), form.click()]);
    expect(download.suggestedFilename().startsWith(`trace-${OLD_ID}.`), `named ${download.suggestedFilename()}`);
    const answer = await fetch(`${ui}/fanal/v1/import`, { method: 'POST', body: readFileSync(await download.path()) });
    const { format, accepted_spans: spans, rejected_spans: rejected } = await answer.json();
    expectEqual([format, spans, rejected], [name === 'Zipkin JSON' ? 'Zipkin v2 JSON' : name, 40, 0], 'the import of the download');
  }
  expectEqual(await getJson(`${ui}/fanal/v1/trace/${OLD_ID}/otlp`), before, 'the trace after four imports of itself');
  await opener.click();
  await page.keyboard.press('Escape');
  await page.getByRole('list', { name: 'Download as' }).waitFor({ state: 'detached' });
  expect(await opener.evaluate((element) => element === document.activeElement), 'the focus went astray');
}

/** Has the page see files under the pointer, as a browser would. */
async function drag(page, type, contents) {
  const transfer = await page.evaluateHandle((list) => {
    const data = new DataTransfer();
    // Names alone are seen while a file is held.
    for (const [name, text] of list.length === 0 ? [['held', '']] : list) data.items.add(new File([text], name));
    return data;
  }, contents);
  await page.dispatchEvent('main', type, { dataTransfer: transfer });
}
