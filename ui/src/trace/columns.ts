// The trace as typed arrays, decoded once from the server's skeleton. Rows are in display order (pre-order,
// siblings by start), so a subtree is the run [i, subtreeEnd[i]) and nothing here ever builds a tree.

import type { ServiceCount, TraceSkeleton } from '../api/types';

export const STATUS_ERROR = 2;
export const FLAG_SYNTHETIC = 1;
export const FLAG_END_BEFORE_START = 2;
export const FLAG_CYCLE = 4;
export const KIND_NAMES = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

/** One trace, immutable. Arrays have one entry a row; times are nanoseconds after `startUnixNano`. */
export interface Trace {
  id: string;
  startUnixNano: bigint;
  durationNanos: bigint;
  /** The same duration as a number (exact below 104 days), never 0, for drawing. */
  extent: number;
  rootService: string | undefined;
  rootName: string | undefined;
  spanCount: number;
  errorCount: number;
  depthMax: number;
  services: ServiceCount[];
  names: string[];
  warnings: string[];
  /** Number of rows, synthetic ones included. */
  count: number;
  depth: Uint16Array;
  subtreeEnd: Uint32Array;
  parent: Int32Array;
  start: Float64Array;
  duration: Float64Array;
  service: Uint32Array;
  name: Uint32Array;
  kind: Uint8Array;
  status: Uint8Array;
  events: Uint32Array;
  links: Uint32Array;
  flags: Uint8Array;
  /** Position among the children of the same parent, from 1. */
  siblingIndex: Uint32Array;
  siblingCount: Uint32Array;
  /** Ordinals of rows with status ERROR, ascending. */
  errors: Uint32Array;
}

export function decodeTrace(skeleton: TraceSkeleton): Trace {
  const columns = skeleton.columns;
  const parent = Int32Array.from(columns.parent);
  const status = Uint8Array.from(columns.status);
  return {
    id: skeleton.trace_id,
    startUnixNano: BigInt(skeleton.start_unix_nano),
    durationNanos: BigInt(skeleton.duration_nanos),
    extent: Math.max(1, Number(skeleton.duration_nanos)),
    rootService: skeleton.root_service,
    rootName: skeleton.root_name,
    spanCount: skeleton.span_count,
    errorCount: skeleton.error_count,
    depthMax: skeleton.depth,
    services: skeleton.services,
    names: skeleton.names,
    warnings: skeleton.warnings,
    count: parent.length,
    depth: Uint16Array.from(columns.depth),
    subtreeEnd: Uint32Array.from(columns.subtree_end),
    parent,
    start: Float64Array.from(columns.start),
    duration: Float64Array.from(columns.duration),
    service: Uint32Array.from(columns.service),
    name: Uint32Array.from(columns.name),
    kind: Uint8Array.from(columns.kind),
    status,
    events: Uint32Array.from(columns.events),
    links: Uint32Array.from(columns.links),
    flags: Uint8Array.from(columns.flags),
    ...siblings(parent),
    errors: ordinalsWhere(status, STATUS_ERROR),
  };
}

/** True when the row has children. */
export function hasChildren(trace: Trace, ordinal: number): boolean {
  return trace.subtreeEnd[ordinal] > ordinal + 1;
}

/** True for a row that stands for a parent that never arrived. */
export function isSynthetic(trace: Trace, ordinal: number): boolean {
  return (trace.flags[ordinal] & FLAG_SYNTHETIC) !== 0;
}

function siblings(parent: Int32Array): { siblingIndex: Uint32Array; siblingCount: Uint32Array } {
  const counts = new Uint32Array(parent.length + 1);
  const siblingIndex = new Uint32Array(parent.length);
  for (let row = 0; row < parent.length; row += 1) {
    counts[parent[row] + 1] += 1;
    siblingIndex[row] = counts[parent[row] + 1];
  }
  const siblingCount = new Uint32Array(parent.length);
  for (let row = 0; row < parent.length; row += 1) siblingCount[row] = counts[parent[row] + 1];
  return { siblingIndex, siblingCount };
}

function ordinalsWhere(values: Uint8Array, wanted: number): Uint32Array {
  const found: number[] = [];
  for (let row = 0; row < values.length; row += 1) if (values[row] === wanted) found.push(row);
  return Uint32Array.from(found);
}
