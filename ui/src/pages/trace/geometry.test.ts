// Checks where things stand in the waterfall for wide and narrow panes.

import { expect, it } from 'vitest';
import { geometryFor } from './geometry';

it('puts names beside bars in a wide pane', () => {
  const geometry = geometryFor(1200, 340);
  expect(geometry).toMatchObject({ isNarrow: false, nameWidth: 340, left: 350, width: 836, rowHeight: 24 });
  expect(geometry.left + geometry.width).toBeLessThan(1200);
});

it('keeps room for the timeline', () => {
  expect(geometryFor(600, 720).nameWidth).toBe(360);
});

it('puts names above bars in a narrow pane', () => {
  const geometry = geometryFor(390, 340);
  expect(geometry).toMatchObject({ isNarrow: true, nameWidth: 390, left: 10, rowHeight: 44 });
  expect(geometry.barTop + geometry.barHeight).toBeLessThanOrEqual(geometry.rowHeight);
});

it('survives a pane without width', () => {
  expect(geometryFor(0, 340).width).toBe(1);
});
