// The window of time that the timeline shows, and every way to move it. Pure; times are nanoseconds after
// the start of the trace, the whole trace is [0, extent].

export interface Viewport {
  from: number;
  to: number;
}

/** No zoom goes below this many nanoseconds. */
const WIDTH_MIN = 20;

export function wholeTrace(extent: number): Viewport {
  return { from: 0, to: extent };
}

export function isWhole(view: Viewport, extent: number): boolean {
  return view.from <= 0 && view.to >= extent;
}

/** The nearest valid window: inside the trace, not narrower than the minimum. */
export function clampViewport(view: Viewport, extent: number): Viewport {
  const least = Math.min(WIDTH_MIN, extent);
  const width = Math.min(Math.max(view.to - view.from, least), extent);
  const centre = (view.from + view.to) / 2;
  const from = Math.min(Math.max(centre - width / 2, 0), extent - width);
  return { from, to: from + width };
}

/** Zooms by `factor` (below 1 goes in) and keeps the instant at `anchor` (0 left edge … 1 right edge) in place. */
export function zoomAt(view: Viewport, extent: number, factor: number, anchor: number): Viewport {
  const width = view.to - view.from;
  const least = Math.min(WIDTH_MIN, extent);
  const newWidth = Math.min(Math.max(width * factor, least), extent);
  const pinned = view.from + width * anchor;
  const from = Math.min(Math.max(pinned - newWidth * anchor, 0), extent - newWidth);
  return { from, to: from + newWidth };
}

/** Moves by a fraction of the window's width, stopping at the ends. */
export function pan(view: Viewport, extent: number, fraction: number): Viewport {
  const width = view.to - view.from;
  const from = Math.min(Math.max(view.from + width * fraction, 0), extent - width);
  return { from, to: from + width };
}

/** The window that shows a span with a little air around it. */
export function fit(start: number, duration: number, extent: number): Viewport {
  const air = Math.max(duration * 0.05, WIDTH_MIN / 4);
  return clampViewport({ from: start - air, to: start + duration + air }, extent);
}

/** The window between two points of a drag, given as fractions of the present window. */
export function between(view: Viewport, extent: number, first: number, second: number): Viewport {
  const width = view.to - view.from;
  const [low, high] = [Math.min(first, second), Math.max(first, second)];
  return clampViewport({ from: view.from + width * low, to: view.from + width * high }, extent);
}

/** Fraction of the window's width at which the instant lies; outside 0…1 when it is not shown. */
export function position(view: Viewport, at: number): number {
  return (at - view.from) / (view.to - view.from);
}
