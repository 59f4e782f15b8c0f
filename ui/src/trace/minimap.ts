// The whole trace as a small picture: time bins across, bands of rows down. Computed once a trace into bytes;
// a cell holds the service of the last row that crosses it, and errors go on top.

import { STATUS_ERROR, isSynthetic, type Trace } from './columns';

export const BINS = 2_000;
export const BANDS = 48;
/** Cell values: 0 is empty, this is an error, everything else is 1 + the index of a service. */
export const CELL_ERROR = 255;
const SERVICES_MAX = 254;

export interface MinimapGrid {
  bins: number;
  bands: number;
  cells: Uint8Array;
}

export function minimapGrid(trace: Trace, bins = BINS, bandsMax = BANDS): MinimapGrid {
  const bands = Math.max(1, Math.min(bandsMax, trace.count));
  const cells = new Uint8Array(bins * bands);
  for (let row = 0; row < trace.count; row += 1) {
    if (!isSynthetic(trace, row)) paint(cells, trace, row, bins, bands, 1 + Math.min(trace.service[row], SERVICES_MAX - 1));
  }
  for (const row of trace.errors) {
    if (trace.status[row] === STATUS_ERROR) paint(cells, trace, row, bins, bands, CELL_ERROR);
  }
  return { bins, bands, cells };
}

function paint(cells: Uint8Array, trace: Trace, row: number, bins: number, bands: number, value: number): void {
  const band = Math.floor((row / trace.count) * bands);
  const scale = bins / trace.extent;
  const first = Math.min(bins - 1, Math.max(0, Math.floor(trace.start[row] * scale)));
  const end = Math.min(bins, Math.max(first + 1, Math.ceil((trace.start[row] + trace.duration[row]) * scale)));
  cells.fill(value, band * bins + first, band * bins + end);
}
