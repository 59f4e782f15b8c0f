// Where things stand in the waterfall, for a wide and for a narrow pane. Pure.

export const HEAD_HEIGHT = 28;
const GAP_LEFT = 10;
const GAP_RIGHT = 14;
const NARROW_BELOW = 560;
const LABEL_WIDTH = 62;

export interface Geometry {
  /** Names stand above bars instead of beside them. */
  isNarrow: boolean;
  rowHeight: number;
  barTop: number;
  barHeight: number;
  /** Width of the name column; the whole pane when narrow. */
  nameWidth: number;
  /** The timeline, pixels from the left of the pane. */
  left: number;
  width: number;
  /** Width of a duration label as a fraction of the timeline. */
  labelFraction: number;
}

export function geometryFor(paneWidth: number, wishedNameWidth: number): Geometry {
  const isNarrow = paneWidth < NARROW_BELOW;
  const nameWidth = isNarrow ? paneWidth : Math.min(wishedNameWidth, Math.round(paneWidth * 0.6));
  const left = (isNarrow ? 0 : nameWidth) + GAP_LEFT;
  const width = Math.max(1, paneWidth - left - GAP_RIGHT);
  return {
    isNarrow,
    rowHeight: isNarrow ? 44 : 24,
    barTop: isNarrow ? 25 : 6,
    barHeight: 12,
    nameWidth,
    left,
    width,
    labelFraction: LABEL_WIDTH / width,
  };
}
