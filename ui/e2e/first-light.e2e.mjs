// The first hour with Fanal, in a real browser against a real, freshly started and empty server: first run, test
// trace, search, a trace read by mouse and by keys, a trace of 10,000 spans, both themes, a phone.
//
// FANAL_UI=http://127.0.0.1:PORT FANAL_OTLP_HTTP=http://127.0.0.1:PORT node e2e/first-light.e2e.mjs

import { bigTrace, shopTrace, smallTrace, toOtlpRequests } from './fixtures.mjs';
import { files } from './files.mjs';
import { check, eventually, expect, expectAccessible, expectEqual, expectNoSidewaysScroll, finish, getJson, launch, openPage, postOtlp, screenshot, scrollFor, THEMES } from './harness.mjs';

const ui = new URL(process.env.FANAL_UI ?? 'http://127.0.0.1:16686').origin;
const otlp = new URL(process.env.FANAL_OTLP_HTTP ?? 'http://127.0.0.1:4318').origin;
const api = `${ui}/fanal/v1`;
const BIG = 10_000;
const SMALL_TRACES = 24;
const ELEMENTS_MAX = 2_500;
/** Half of what an idle machine without a GPU shows, because others may be busy on this one. */
const FRAMES_MIN = 28;

const now = BigInt(Date.now()) * 1_000_000n;
const before = (seconds) => now - BigInt(seconds) * 1_000_000_000n;
const shop = shopTrace(11, before(30));
const big = bigTrace(12, before(120), BIG);
const small = Array.from({ length: SMALL_TRACES }, (_, index) => {
  const [service, name] = [['shop-web', 'GET /products'], ['shop-cart', 'PUT /cart/{id}'], ['shop-stock', 'GET /stock']][index % 3];
  return smallTrace(100 + index, before(200 + index * 7), service, name, 1 + (index % 4), index % 8 === 5);
});

const browser = await launch();
const desk = await openPage(browser, ui);
const { page } = desk;
const rows = (name) => page.getByRole('row', { name });
const panel = page.getByRole('complementary', { name: 'Span details' });
const grid = page.getByRole('treegrid');
const rowCount = async () => Number(await grid.getAttribute('aria-rowcount')) - 1;

await firstRun();
await fillStore();
await searching();
await readingATrace();
await bigTraceStaysSmooth();
await files(page, ui);
await everywhere();
await check('no console error, no request off the origin', () => expectEqual(desk.complaints, [], 'complaints'));
await browser.close();
finish();

async function firstRun() {
  await check('an empty store opens Get started and shows the bound addresses', async () => {
    await page.goto(`${ui}/`);
    await page.getByRole('heading', { name: 'Waiting for your first span' }).waitFor();
    expectEqual(new URL(page.url()).pathname, '/start', 'path');
    const { listeners } = await getJson(`${api}/status`);
    expect(listeners.length > 0, 'the server names no listener');
    for (const { address } of listeners) await page.getByText(address, { exact: true }).first().waitFor();
  });
  await check('snippets of every language hold the address', async () => {
    const port = new URL(otlp).port;
    for (const language of ['curl', 'Python', 'Node.js', 'Go', 'Java', 'Rust']) {
      await page.getByRole('tab', { name: language, exact: true }).click();
      await page.getByRole('tabpanel').getByText(`:${port}`).first().waitFor();
    }
    await page.getByRole('tab', { name: 'curl' }).click();
    await screenshot(page, 'start');
  });
  for (const theme of THEMES) {
    await check(`axe finds nothing on Get started, ${theme}`, async () => {
      await page.emulateMedia({ colorScheme: theme });
      await expectAccessible(page);
    });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await check('a malformed OTLP post shows its rejection', async () => {
    const code = await postOtlp(otlp, '{"resourceSpans": [');
    expect(code >= 400 && code < 500, `the malformed post was answered ${code}`);
    const rejection = page.getByRole('alert').filter({ hasText: 'Last rejection' });
    await rejection.waitFor();
    const { ingest } = await getJson(`${api}/status`);
    expect((await rejection.textContent()).includes(ingest.recent_rejections[0].message), 'the reason is not on the page');
  });
  await check('a test trace opens within 2 s without a reload', async () => {
    await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }));
    const started = Date.now();
    await page.getByRole('button', { name: 'Send a test trace' }).click();
    await rows(/POST \/order/).first().waitFor();
    const took = Date.now() - started;
    expect(took < 2_000, `took ${took} ms`);
    expect(await page.evaluate(() => globalThis.isSamePage === true), 'the page was reloaded');
    expect(/\/trace\/[0-9a-f]{32}$/.test(page.url()), `at ${page.url()}`);
    return `${took} ms`;
  });
}

async function fillStore() {
  await check('fixture traces are accepted', async () => {
    for (const trace of [...small, shop, big]) {
      for (const request of toOtlpRequests(trace)) expectEqual(await postOtlp(otlp, request), 200, 'status of a post');
    }
    await eventually('every span of the big trace can be read', async () => {
      const answer = await fetch(`${api}/trace/${big.traceId}`);
      return answer.ok && (await answer.json()).span_count === BIG;
    }, 30_000);
  });
}

async function searching() {
  await check('home opens Explore now', async () => {
    await page.goto(`${ui}/`);
    await page.getByRole('list', { name: 'Traces, newest first' }).getByRole('listitem').first().waitFor();
    expectEqual(new URL(page.url()).pathname, '/explore', 'path');
  });
  await check('the form finds a trace by service and duration', async () => {
    await page.getByRole('combobox', { name: 'Service' }).fill('shop-w');
    await page.getByRole('option', { name: 'shop-web' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Min duration' }).fill('1 s');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByRole('heading', { name: '1 trace', exact: true }).waitFor();
    expectEqual(new URL(page.url()).search, '?service=shop-web&min=1s', 'query');
    await page.getByRole('link', { name: /shop-web POST \/checkout/ }).waitFor();
  });
  await check('a wrong duration is explained, not sent', async () => {
    await page.getByRole('textbox', { name: 'Max duration' }).fill('soon');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByText('a number with a unit').waitFor();
    expect(!page.url().includes('max='), 'the URL changed');
  });
  await check('an empty result explains itself and offers what to drop', async () => {
    await page.goto(`${ui}/explore?service=shop-web&min=1h`);
    await page.getByRole('heading', { name: 'No trace matches' }).waitFor();
    await page.getByRole('link', { name: 'Without “at least 1h”' }).click();
    await page.getByRole('link', { name: /shop-web POST \/checkout/ }).waitFor();
  });
  await check('pages together hold every trace once, newest first', everyPage);
  await check('a tag finds the trace, the box takes it too', async () => {
    await page.getByRole('textbox', { name: 'Trace id, traceparent or filter' }).fill('cart.is_gift=true service=shop-web');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '1 trace', exact: true }).waitFor();
  });
}

async function everyPage() {
  await page.goto(`${ui}/explore?limit=10`);
  const links = page.getByRole('list', { name: 'Traces, newest first' }).getByRole('link');
  await links.first().waitFor();
  const more = page.getByRole('button', { name: 'Load more' });
  while (await more.isVisible()) {
    const seen = await links.count();
    await more.click();
    await eventually('the list grows', async () => (await links.count()) > seen);
  }
  await page.getByText('That is all of them.').waitFor();
  const addresses = await links.evaluateAll((found) => found.map((link) => link.getAttribute('href').slice(-32)));
  const { traces } = await getJson(`${api}/search?limit=1000`);
  expectEqual(addresses, traces.map((trace) => trace.trace_id), 'traces in order');
  expect(addresses.length === SMALL_TRACES + 3, `${addresses.length} traces`);
}

async function readingATrace() {
  await check('Back restores the search, its results and its place', async () => {
    await page.goto(`${ui}/explore?service=shop-web`);
    const link = page.getByRole('link', { name: /shop-web GET \/products/ }).last();
    await link.scrollIntoViewIfNeeded();
    const scrolled = await page.evaluate(() => window.scrollY);
    await link.click();
    await grid.waitFor();
    await page.goBack();
    await link.waitFor();
    await eventually('the scroll position is back', async () => Math.abs((await page.evaluate(() => window.scrollY)) - scrolled) < 2);
    expectEqual(await page.getByRole('combobox', { name: 'Service' }).inputValue(), 'shop-web', 'service');
  });
  await check('a pasted traceparent opens its trace with its span', async () => {
    const box = page.getByRole('textbox', { name: 'Trace id, traceparent or filter' });
    await box.fill(`00-${shop.traceId}-${shop.spans[1].spanId}-01`);
    await page.keyboard.press('Enter');
    await panel.getByRole('heading', { name: 'GET /cart/{id}' }).waitFor();
    await page.getByRole('button', { name: 'Close span details' }).click();
    await eventually('the address names no span', async () => new URL(page.url()).search === '');
  });
  await check('totals are those of the fixture', async () => {
    const totals = await page.getByText('long', { exact: true }).locator('xpath=ancestor::dl').textContent();
    const services = new Set(shop.spans.map((span) => span.service)).size;
    const errors = shop.spans.filter((span) => span.status === 2).length;
    for (const part of [`spans${shop.spans.length}`, `services${services}`, `errors${errors}`]) expect(totals.includes(part), `${part} is not in ${totals}`);
    expectEqual(await rowCount(), shop.spans.length, 'rows');
  });
  await check('a subtree collapses and expands', async () => {
    const cart = rows(/shop-cart GET \/cart/);
    await cart.click();
    await page.keyboard.press('Escape');
    await grid.focus();
    await page.keyboard.press('ArrowLeft');
    await eventually('the rows below are gone', async () => (await rowCount()) === shop.spans.length - 19);
    expectEqual(await cart.getAttribute('aria-expanded'), 'false', 'aria-expanded');
    expectEqual(await rows(/shop-db SELECT item/).count(), 0, 'hidden rows');
    await page.keyboard.press('ArrowRight');
    await eventually('the rows are back', async () => (await rowCount()) === shop.spans.length);
  });
  await check('levels collapse with [ and expand with ]', async () => {
    await page.keyboard.press('[');
    const fewer = await eventually('fewer rows', async () => ((await rowCount()) < shop.spans.length ? rowCount() : 0));
    await page.keyboard.press(']');
    await eventually('all rows', async () => (await rowCount()) === shop.spans.length);
    return `${shop.spans.length} → ${fewer} rows`;
  });
  await check('the panel shows attributes of every type, and no row moves', async () => {
    const root = rows(/shop-web POST \/checkout/);
    const place = await root.boundingBox();
    await root.click();
    await panel.getByText('9223372036854775807').waitFor();
    const words = await panel.textContent();
    for (const part of ['POST', 'trueboo', '129.95', 'AAECA/8=', '"lamp"', '"tier": "gold"', 'no value', 'shop-web-1']) expect(words.includes(part), `${part} is missing`);
    const after = await root.boundingBox();
    expectEqual([after.x, after.y], [place.x, place.y], 'place of the row');
    await screenshot(page, 'trace');
  });
  await check('a reload keeps the selection', async () => {
    await eventually('the span is in the URL', () => page.url().endsWith(`?span=${shop.spans[0].spanId}`));
    await page.reload();
    await panel.getByRole('heading', { name: 'POST /checkout' }).waitFor();
    expectEqual(await rows(/shop-web POST \/checkout/).getAttribute('aria-selected'), 'true', 'aria-selected');
  });
  await check('the next error and its event are one key away', async () => {
    await page.keyboard.press('e');
    await panel.getByText('deadline exceeded after 300 ms').waitFor();
    await panel.getByText('GatewayTimeout', { exact: true }).waitFor();
  });
  await check('find walks its matches', async () => {
    await page.keyboard.press('f');
    await page.keyboard.type('db update');
    await page.getByText('4 found').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('1 of 4').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('2 of 4').waitFor();
    await page.keyboard.press('Escape');
  });
  await check('zoom by keys and by dragging the overview', zooming);
  await check('spans that arrive later appear by themselves', async () => {
    const late = shopTrace(13, BigInt(Date.now() - 2_000) * 1_000_000n);
    const requests = toOtlpRequests(late, 20);
    expectEqual(await postOtlp(otlp, requests[0]), 200, 'status of a post');
    await eventually('the first spans can be read', async () => (await fetch(`${api}/trace/${late.traceId}`)).ok);
    await page.goto(`${ui}/trace/${late.traceId}`);
    await grid.waitFor();
    const early = await rowCount();
    for (const request of requests.slice(1)) expectEqual(await postOtlp(otlp, request), 200, 'status of a post');
    await eventually('every span is shown', async () => (await rowCount()) === late.spans.length);
    return `${early} → ${late.spans.length} rows`;
  });
  await check('an attribute leads to the traces that share it', async () => {
    await page.goto(`${ui}/trace/${shop.traceId}?span=${shop.spans[0].spanId}`);
    await panel.getByRole('link', { name: 'Search traces with this http.route' }).click();
    await page.getByRole('link', { name: 'Drop http.route=/checkout' }).waitFor();
    await page.getByRole('heading', { name: '2 traces', exact: true }).waitFor();
  });
  await check('the link to another trace is offered', async () => {
    await page.goto(`${ui}/trace/${shop.traceId}?span=${shop.spans.find((span) => span.links.length > 0).spanId}`);
    await panel.getByRole('link', { name: /Trace a1a1a1a1/ }).waitFor();
  });
}

async function zooming() {
  const reset = page.getByRole('button', { name: 'Whole trace (0)' });
  await page.keyboard.press('z');
  await eventually('zoomed in', () => reset.isEnabled());
  await page.keyboard.press('0');
  await eventually('whole again', () => reset.isDisabled());
  const box = await page.getByRole('img', { name: /Overview of the whole trace/ }).boundingBox();
  await page.mouse.move(box.x + box.width * 0.2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 30, { steps: 4 });
  await page.mouse.up();
  await eventually('zoomed by the drag', () => reset.isEnabled());
  await page.keyboard.press('0');
}

async function bigTraceStaysSmooth() {
  await check(`a trace of ${BIG} spans shows its first rows within 2 s`, async () => {
    const started = Date.now();
    await page.goto(`${ui}/trace/${big.traceId}`);
    await rows(/nightly run/).first().waitFor();
    const took = Date.now() - started;
    expect(took < 2_000, `took ${took} ms`);
    expectEqual(await rowCount(), BIG, 'rows');
    await screenshot(page, 'trace-10k');
    return `${took} ms`;
  });
  await check('it scrolls smoothly with few elements', async () => {
    const runs = [];
    for (let run = 0; run < 3; run += 1) runs.push(await grid.evaluate(scrollFor, 1_000));
    const { frames, worstMs, nodes } = runs.toSorted((left, right) => right.frames - left.frames)[0];
    expect(nodes <= ELEMENTS_MAX, `${nodes} elements`);
    expect(frames >= FRAMES_MIN, `${frames} frames a second`);
    return `${frames} frames/s, worst frame ${worstMs} ms, ${nodes} elements`;
  });
  await check('the end of it is reached and can be walked by keys', async () => {
    await grid.focus();
    await page.keyboard.press('End');
    await eventually('the last row is the current one', () => grid.evaluate((element) => document.getElementById(element.getAttribute('aria-activedescendant') ?? '')?.getAttribute('aria-rowindex') === element.getAttribute('aria-rowcount')));
    await page.keyboard.press('{');
    await eventually('all collapsed', async () => (await rowCount()) === 1);
    await page.keyboard.press('}');
    await eventually('all expanded', async () => (await rowCount()) === BIG);
  });
}

async function everywhere() {
  const pages = [
    ['start', '/start', () => page.getByRole('heading', { name: 'Listening for spans' })],
    ['explore', '/explore', () => page.getByRole('link', { name: /POST \/checkout/ })],
    ['trace', `/trace/${shop.traceId}?span=${shop.spans[0].spanId}`, () => panel.getByText('9223372036854775807')],
    ['trace that is not stored', `/trace/${'de'.repeat(16)}`, () => page.getByRole('heading', { name: 'This trace is not stored' })],
    ['unknown page', '/nowhere', () => page.getByRole('heading', { name: 'There is no such page' })],
  ];
  for (const [name, path, sign] of pages) {
    for (const theme of THEMES) {
      for (const width of [1440, 390]) {
        await check(`${name}, ${theme}, ${width} px: axe finds nothing, no sideways scroll`, async () => {
          await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
          await page.emulateMedia({ colorScheme: theme });
          await page.goto(ui + path);
          await sign().first().waitFor();
          if (width === 1440 && name === 'explore' && theme === 'light') await screenshot(page, 'explore');
          if (width === 1440 && name === 'trace' && theme === 'dark') await screenshot(page, 'trace-dark');
          await expectNoSidewaysScroll(page);
          await expectAccessible(page);
        });
      }
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await check('? lists the shortcuts, Escape closes, the dialog is accessible', async () => {
    await page.keyboard.press('?');
    const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await dialog.waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });
  await check('the chosen theme outlives a reload', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'Use the dark theme' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Use the light theme' }).waitFor();
  });
}
