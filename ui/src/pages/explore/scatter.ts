// Where a trace stands in the picture of start time against duration. Pure; the component only draws.

import type { TraceSummary } from '../../api/types';

export interface Dot {
  /** Index into the traces. */
  index: number;
  /** 0 left … 1 right, by start time. */
  x: number;
  /** 0 bottom … 1 top, by the logarithm of the duration. */
  y: number;
  /** Radius in pixels, by the number of spans. */
  radius: number;
  isError: boolean;
  /** Palette slot of the root's service, or of the largest. */
  slot: number;
}

export interface Scatter {
  dots: Dot[];
  startNanos: bigint;
  endNanos: bigint;
  /** Round durations with their height, for the grid. */
  levels: { y: number; nanos: number }[];
}

const DECADES_MIN = 1;

export function scatterOf(traces: readonly TraceSummary[]): Scatter {
  const starts = traces.map((trace) => BigInt(trace.start_unix_nano));
  const logs = traces.map((trace) => Math.log10(Math.max(1, Number(trace.duration_nanos))));
  const startNanos = starts.reduce((least, at) => (at < least ? at : least), starts[0] ?? 0n);
  const endNanos = starts.reduce((most, at) => (at > most ? at : most), starts[0] ?? 0n);
  const width = Number(endNanos - startNanos);
  const low = Math.floor(Math.min(...logs, 9));
  const high = Math.max(Math.ceil(Math.max(...logs, 0)), low + DECADES_MIN);
  const height = (log: number) => (log - low) / (high - low);
  const dots = traces.map((trace, index) => ({
    index,
    x: width === 0 ? 0.5 : Number(starts[index] - startNanos) / width,
    y: height(logs[index]),
    radius: Math.min(9, 3 + Math.log10(Math.max(1, trace.span_count)) * 1.4),
    isError: trace.error_count > 0,
    slot: (trace.services.find((service) => service.name === trace.root_service) ?? trace.services[0])?.color_slot ?? 0,
  }));
  const levels = Array.from({ length: high - low + 1 }, (_, step) => ({ y: height(low + step), nanos: 10 ** (low + step) }));
  return { dots, startNanos, endNanos, levels };
}

/** The dot nearest to a point within `reach` pixels, or null. `width` and `height` are those of the plot. */
export function dotAt(scatter: Scatter, x: number, y: number, width: number, height: number, reach: number): Dot | null {
  let best: Dot | null = null;
  let bestDistance = reach;
  for (const dot of scatter.dots) {
    const distance = Math.hypot(dot.x * width - x, (1 - dot.y) * height - y);
    if (distance <= bestDistance) {
      best = dot;
      bestDistance = distance;
    }
  }
  return best;
}
