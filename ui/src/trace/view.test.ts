// Checks the behaviour of an open trace: cursor, collapse, selection, errors, find, zoom.

import { describe, expect, it } from 'vitest';
import { outline } from './sample';
import { TraceView } from './view';

const open = () =>
  new TraceView(
    outline(`
      web GET 0 1000
        cart Load 10 200
          db SELECT 20 100
          db SELECT 130 50 error
        pay Charge 300 600 error
    `),
  );

describe('TraceView', () => {
  it('moves over visible rows and stops at the ends', () => {
    const view = open();
    view.step(1);
    expect(view.cursor.value).toBe(0);
    view.setCollapsed(1, true);
    view.step(2);
    expect(view.cursor.value).toBe(4);
    view.step(5);
    expect(view.cursor.value).toBe(4);
    view.step(-9);
    expect(view.cursor.value).toBe(0);
  });

  it('goes left and right as a tree does', () => {
    const view = open();
    view.goTo(2);
    view.left();
    expect(view.cursor.value).toBe(1);
    view.left();
    expect([view.isCollapsed(1), [...view.rows.value]]).toEqual([true, [0, 1, 4]]);
    view.left();
    expect(view.cursor.value).toBe(0);
    view.goTo(1);
    view.right();
    expect(view.isCollapsed(1)).toBe(false);
    view.right();
    expect(view.cursor.value).toBe(2);
  });

  it('keeps the cursor visible when its row is hidden', () => {
    const view = open();
    view.goTo(3);
    view.setCollapsed(1, true);
    expect(view.cursor.value).toBe(1);
    view.collapseAll();
    expect(view.cursor.value).toBe(0);
  });

  it('walks errors, opening what hides them', () => {
    const view = open();
    view.collapseAll();
    view.stepError(1);
    expect([view.selected.value, view.rows.value.includes(3)]).toEqual([3, true]);
    view.stepError(1);
    expect(view.selected.value).toBe(4);
    view.stepError(1);
    expect(view.selected.value).toBe(3);
    view.stepError(-1);
    expect(view.selected.value).toBe(4);
  });

  it('finds and walks matches', () => {
    const view = open();
    view.findText.value = 'db';
    expect([...view.matches.value]).toEqual([2, 3]);
    view.stepMatch(1);
    view.stepMatch(1);
    expect(view.selected.value).toBe(3);
  });

  it('lets the open panel follow the cursor, and only then', () => {
    const view = open();
    view.goTo(1);
    expect(view.selected.value).toBe(-1);
    view.select(1);
    view.step(1);
    expect(view.selected.value).toBe(2);
    view.deselect();
    view.step(1);
    expect(view.selected.value).toBe(-1);
  });

  it('knows whether it has been touched', () => {
    const view = open();
    expect(view.isUntouched()).toBe(true);
    view.setCollapsed(1, true);
    expect(view.isUntouched()).toBe(false);
    view.expandAll();
    expect(view.isUntouched()).toBe(true);
    view.step(1);
    expect(view.isUntouched()).toBe(false);
  });

  it('zooms to the cursor and back', () => {
    const view = open();
    view.goTo(4);
    view.zoomToCursor();
    expect(view.isZoomed()).toBe(true);
    expect(view.viewport.value.from).toBeGreaterThan(200);
    view.resetZoom();
    expect(view.isZoomed()).toBe(false);
  });
});
