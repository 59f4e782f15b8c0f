// Maps the native scroll bar to rows. Browsers clamp the height of an element, so beyond a safe height the
// mapping is scaled: the bar covers the whole trace and the rows still move by whole pixels.

/** Native height never exceeds this many pixels. */
export const NATIVE_HEIGHT_MAX = 8_000_000;

export interface ScrollGeometry {
  rowCount: number;
  rowHeight: number;
  viewHeight: number;
}

/** Height of the element inside the scroller. */
export function nativeHeight({ rowCount, rowHeight }: ScrollGeometry): number {
  return Math.min(rowCount * rowHeight, NATIVE_HEIGHT_MAX);
}

/** Pixels of content above the view for a native scroll position. */
export function contentOffset(geometry: ScrollGeometry, scrollTop: number): number {
  const content = geometry.rowCount * geometry.rowHeight;
  if (content <= NATIVE_HEIGHT_MAX) return scrollTop;
  const nativeRange = NATIVE_HEIGHT_MAX - geometry.viewHeight;
  return nativeRange <= 0 ? 0 : Math.round((scrollTop / nativeRange) * (content - geometry.viewHeight));
}

/** The native scroll position that puts `offset` pixels of content above the view. */
export function scrollTopFor(geometry: ScrollGeometry, offset: number): number {
  const content = geometry.rowCount * geometry.rowHeight;
  const clamped = Math.min(Math.max(offset, 0), Math.max(0, content - geometry.viewHeight));
  if (content <= NATIVE_HEIGHT_MAX) return clamped;
  return (clamped / (content - geometry.viewHeight)) * (NATIVE_HEIGHT_MAX - geometry.viewHeight);
}

/** First row in view and one past the last, with `overscan` rows on both sides. */
export function rowWindow(geometry: ScrollGeometry, offset: number, overscan: number): { first: number; end: number } {
  const first = Math.max(0, Math.floor(offset / geometry.rowHeight) - overscan);
  const end = Math.ceil((offset + geometry.viewHeight) / geometry.rowHeight) + overscan;
  return { first: Math.min(first, geometry.rowCount), end: Math.min(end, geometry.rowCount) };
}

/** The content offset nearest to `offset` at which the row is wholly in view, centred when it was far away. */
export function offsetShowing(geometry: ScrollGeometry, offset: number, index: number): number {
  const top = index * geometry.rowHeight;
  const bottom = top + geometry.rowHeight;
  if (top >= offset && bottom <= offset + geometry.viewHeight) return offset;
  const isNear = top > offset - 3 * geometry.rowHeight && bottom < offset + geometry.viewHeight + 3 * geometry.rowHeight;
  if (!isNear) return Math.max(0, top - (geometry.viewHeight - geometry.rowHeight) / 2);
  return top < offset ? top : bottom - geometry.viewHeight;
}
