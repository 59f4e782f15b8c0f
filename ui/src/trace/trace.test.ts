// Checks the pure half of the waterfall: decoding, visible rows, zoom, ruler, scroll mapping, find, labels.

import { describe, expect, it } from 'vitest';
import { findSpans, includes, nextIn } from './find';
import { durationLabel, rowLabel } from './labels';
import { CELL_ERROR, minimapGrid } from './minimap';
import { ancestorsOf, collapseAll, collapseOneLevel, expandOneLevel, reveal, visibleIndexOf, visibleRows } from './rows';
import { outline } from './sample';
import { contentOffset, NATIVE_HEIGHT_MAX, offsetShowing, rowWindow, scrollTopFor } from './scroll';
import { rulerTicks, tickStep } from './ticks';
import { isYoung } from './youth';
import { between, clampViewport, fit, pan, position, wholeTrace, zoomAt } from './viewport';

const shop = outline(`
  web GET 0 1000
    cart Load 10 200
      db SELECT 20 100
      db SELECT 130 50 error
    pay Charge 300 600
      bank Call 350 500
  web late 950 50
`);

describe('decodeTrace', () => {
  it('knows siblings and errors', () => {
    expect([...shop.siblingIndex]).toEqual([1, 1, 1, 2, 2, 1, 2]);
    expect([...shop.siblingCount]).toEqual([2, 2, 2, 2, 2, 1, 2]);
    expect([...shop.errors]).toEqual([3]);
    expect(shop.extent).toBe(1000);
  });
});

describe('visible rows', () => {
  const collapsedAt = (...ordinals: number[]) => {
    const collapsed = new Uint8Array(shop.count);
    for (const ordinal of ordinals) collapsed[ordinal] = 1;
    return collapsed;
  };

  it('jumps over collapsed subtrees', () => {
    expect([...visibleRows(shop, collapsedAt())]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...visibleRows(shop, collapsedAt(1))]).toEqual([0, 1, 4, 5, 6]);
    expect([...visibleRows(shop, collapsedAt(0))]).toEqual([0, 6]);
    expect([...visibleRows(shop, collapsedAt(2))]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('finds the place of an ordinal', () => {
    const rows = visibleRows(shop, collapsedAt(1));
    expect(visibleIndexOf(rows, 4)).toBe(2);
    expect(visibleIndexOf(rows, 2)).toBe(-1);
    expect(visibleIndexOf(rows, 99)).toBe(-1);
  });

  it('collapses and expands by level', () => {
    const collapsed = collapsedAt();
    const step = (change: typeof collapseOneLevel) => change(shop, collapsed, visibleRows(shop, collapsed));
    expect(step(collapseOneLevel)).toBe(true);
    expect([...visibleRows(shop, collapsed)]).toEqual([0, 1, 4, 6]);
    expect(step(collapseOneLevel)).toBe(true);
    expect([...visibleRows(shop, collapsed)]).toEqual([0, 6]);
    expect(step(collapseOneLevel)).toBe(false);
    expect(step(expandOneLevel)).toBe(true);
    expect([...visibleRows(shop, collapsed)]).toEqual([0, 1, 4, 6]);
    expect(step(expandOneLevel)).toBe(true);
    expect(step(expandOneLevel)).toBe(false);
    expect(visibleRows(shop, collapsed).length).toBe(7);
  });

  it('reveals a hidden row', () => {
    const collapsed = collapsedAt();
    collapseAll(shop, collapsed);
    expect(reveal(shop, collapsed, 3)).toBe(true);
    expect(reveal(shop, collapsed, 3)).toBe(false);
    expect([...visibleRows(shop, collapsed)]).toEqual([0, 1, 2, 3, 4, 6]);
    expect(ancestorsOf(shop, 3)).toEqual([0, 1]);
  });
});

describe('viewport', () => {
  const whole = wholeTrace(1000);

  it('zooms about the pointer', () => {
    const view = zoomAt(whole, 1000, 0.5, 0.25);
    expect(view).toEqual({ from: 125, to: 625 });
    expect(position(view, 250)).toBeCloseTo(0.25);
  });

  it('stays inside the trace', () => {
    expect(zoomAt(whole, 1000, 4, 0.9)).toEqual(whole);
    expect(pan({ from: 900, to: 1000 }, 1000, 0.5)).toEqual({ from: 900, to: 1000 });
    expect(pan({ from: 10, to: 110 }, 1000, -0.5)).toEqual({ from: 0, to: 100 });
    expect(clampViewport({ from: -50, to: 20 }, 1000)).toEqual({ from: 0, to: 70 });
    expect(clampViewport({ from: 0, to: 5 }, 3)).toEqual({ from: 0, to: 3 });
  });

  it('fits a span and a drag', () => {
    const view = fit(400, 100, 1000);
    expect(view.from).toBeLessThan(400);
    expect(view.to).toBeGreaterThan(500);
    expect(between(whole, 1000, 0.6, 0.2)).toEqual({ from: 200, to: 600 });
  });
});

describe('ruler', () => {
  it.each([
    [1, 1],
    [3, 5],
    [240, 500],
    [1e6, 1e6],
    [2.1e8, 5e8],
    [4e10, 6e10],
    [9e13, 17.28e13],
  ])('step for %d is %d', (least, step) => expect(tickStep(least)).toBeCloseTo(step));

  it('labels in one unit', () => {
    expect(rulerTicks({ from: 0, to: 1.82e9 }, 4).map((tick) => tick.label)).toEqual(['0', '0.5 s', '1.0 s', '1.5 s']);
    expect(rulerTicks({ from: 100, to: 460 }, 4).map((tick) => tick.label)).toEqual(['100 ns', '200 ns', '300 ns', '400 ns']);
  });
});

describe('scroll', () => {
  const small = { rowCount: 100, rowHeight: 24, viewHeight: 480 };
  const huge = { rowCount: 1_000_000, rowHeight: 24, viewHeight: 480 };

  it('is native while it can be', () => {
    expect(contentOffset(small, 123)).toBe(123);
    expect(rowWindow(small, 48, 0)).toEqual({ first: 2, end: 22 });
    expect(rowWindow(small, 0, 5)).toEqual({ first: 0, end: 25 });
  });

  it('reaches both ends when scaled', () => {
    expect(contentOffset(huge, 0)).toBe(0);
    expect(contentOffset(huge, NATIVE_HEIGHT_MAX - 480)).toBe(24_000_000 - 480);
    for (const offset of [0, 12_345, 9_999_999, 23_999_520]) {
      expect(contentOffset(huge, scrollTopFor(huge, offset))).toBe(offset);
    }
  });

  it('brings a row into view', () => {
    expect(offsetShowing(small, 0, 5)).toBe(0);
    expect(offsetShowing(small, 0, 20)).toBe(24);
    expect(offsetShowing(small, 240, 9)).toBe(216);
    expect(offsetShowing(small, 0, 80)).toBe(80 * 24 - 228);
  });
});

describe('find', () => {
  it('matches service and name in any order, hidden rows included', () => {
    expect([...findSpans(shop, 'select db')]).toEqual([2, 3]);
    expect([...findSpans(shop, 'WEB')]).toEqual([0, 6]);
    expect([...findSpans(shop, '  ')]).toEqual([]);
    expect([...findSpans(shop, 'nothing')]).toEqual([]);
  });

  it('walks round', () => {
    const list = Uint32Array.from([2, 5, 9]);
    expect(nextIn(list, -1, 1)).toBe(2);
    expect(nextIn(list, 5, 1)).toBe(9);
    expect(nextIn(list, 9, 1)).toBe(2);
    expect(nextIn(list, 2, -1)).toBe(9);
    expect(nextIn(list, 6, -1)).toBe(5);
    expect(nextIn(new Uint32Array(0), 0, 1)).toBe(-1);
    expect(includes(list, 5)).toBe(true);
    expect(includes(list, 6)).toBe(false);
  });
});

describe('labels', () => {
  it('reads a row aloud', () => {
    expect(rowLabel(shop, 3)).toBe('db SELECT, 50 nanoseconds, starts at 130 nanoseconds, error, level 3');
  });

  it('flips the duration to where there is room', () => {
    const view = wholeTrace(1000);
    expect(durationLabel(shop, 1, view, 0.1)).toMatchObject({ side: 'right-of-bar', percent: 21 });
    expect(durationLabel(shop, 6, view, 0.1)?.side).toBe('left-of-bar');
    expect(durationLabel(shop, 0, view, 0.1)?.side).toBe('over-bar');
    expect(durationLabel(shop, 6, { from: 0, to: 100 }, 0.1)).toEqual({ text: '50 ns ›', side: 'left-of-bar', percent: 0 });
    expect(durationLabel(shop, 1, { from: 500, to: 600 }, 0.1)).toEqual({ text: '‹ 200 ns', side: 'right-of-bar', percent: 0 });
  });
});

it('is young for a minute after its end, by either clock', () => {
  const trace = { startUnixNano: 1_000_000_000_000n, durationNanos: 5_000_000_000n };
  expect(isYoung(trace, 1_005_000 + 59_000)).toBe(true);
  expect(isYoung(trace, 1_005_000 + 61_000)).toBe(false);
  expect(isYoung(trace, 1_005_000 - 30_000)).toBe(true);
});

it('paints the minimap', () => {
  const { bands, bins, cells } = minimapGrid(shop, 10, 48);
  expect([bands, bins]).toEqual([7, 10]);
  expect([...cells.subarray(0, 10)]).toEqual(Array.from({ length: 10 }, () => 1));
  expect([...cells.subarray(30, 40)]).toEqual([0, CELL_ERROR, 0, 0, 0, 0, 0, 0, 0, 0]);
});
