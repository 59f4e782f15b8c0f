// Which rows are visible. Collapsed rows are a byte array; the visible ordinals are one ascending typed array,
// recomputed only on collapse and expand (a jump over each hidden subtree), never on scroll, hover or select.

import { hasChildren, type Trace } from './columns';

/** 1 where the subtree below the row is hidden. */
export type Collapsed = Uint8Array;

/** Ordinals of the visible rows, ascending. */
export function visibleRows(trace: Trace, collapsed: Collapsed): Uint32Array {
  const rows = new Uint32Array(trace.count);
  let length = 0;
  for (let ordinal = 0; ordinal < trace.count; ) {
    rows[length] = ordinal;
    length += 1;
    ordinal = collapsed[ordinal] === 1 ? Math.max(trace.subtreeEnd[ordinal], ordinal + 1) : ordinal + 1;
  }
  return rows.subarray(0, length);
}

/** Index of the first entry not below `wanted` in an ascending array. */
export function lowerBound(sorted: Uint32Array, wanted: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Place of the ordinal among the visible rows, -1 when it is hidden. */
export function visibleIndexOf(rows: Uint32Array, ordinal: number): number {
  const index = lowerBound(rows, ordinal);
  return index < rows.length && rows[index] === ordinal ? index : -1;
}

/** Opens every ancestor of the row; true when that changed anything. */
export function reveal(trace: Trace, collapsed: Collapsed, ordinal: number): boolean {
  let isChanged = false;
  for (let row = trace.parent[ordinal]; row >= 0; row = trace.parent[row]) {
    isChanged ||= collapsed[row] === 1;
    collapsed[row] = 0;
  }
  return isChanged;
}

/** Collapses every open row with children on the deepest level that still shows children; true when any was. */
export function collapseOneLevel(trace: Trace, collapsed: Collapsed, rows: Uint32Array): boolean {
  let deepest = -1;
  for (const row of rows) {
    if (collapsed[row] === 0 && hasChildren(trace, row)) deepest = Math.max(deepest, trace.depth[row]);
  }
  if (deepest < 0) return false;
  for (const row of rows) {
    if (trace.depth[row] === deepest && hasChildren(trace, row)) collapsed[row] = 1;
  }
  return true;
}

/** Expands every collapsed row on the shallowest level that has one; true when any was. */
export function expandOneLevel(trace: Trace, collapsed: Collapsed, rows: Uint32Array): boolean {
  let shallowest = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    if (collapsed[row] === 1) shallowest = Math.min(shallowest, trace.depth[row]);
  }
  if (shallowest === Number.POSITIVE_INFINITY) return false;
  for (const row of rows) {
    if (trace.depth[row] === shallowest) collapsed[row] = 0;
  }
  return true;
}

/** Collapses every row with children. */
export function collapseAll(trace: Trace, collapsed: Collapsed): void {
  for (let row = 0; row < trace.count; row += 1) collapsed[row] = hasChildren(trace, row) ? 1 : 0;
}

/** Ordinals of the ancestors of a row, root first. */
export function ancestorsOf(trace: Trace, ordinal: number): number[] {
  const found: number[] = [];
  for (let row = trace.parent[ordinal]; row >= 0; row = trace.parent[row]) found.push(row);
  return found.toReversed();
}
