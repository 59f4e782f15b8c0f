// Small traces for unit tests, written as an indented outline. Never part of the built UI.

import type { TraceSkeleton } from '../api/types';
import { decodeTrace, type Trace } from './columns';

/**
 * One line a span: two blanks a level, then `service name start duration [error|synthetic]`,
 * e.g. `  cart Get 10 5 error`. Times are nanoseconds.
 */
export function outline(text: string): Trace {
  return decodeTrace(skeletonOf(text));
}

function skeletonOf(text: string): TraceSkeleton {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const base = Math.min(...lines.map(indentOf));
  const depth = lines.map((line) => (indentOf(line) - base) / 2);
  const words = lines.map((line) => line.trim().split(/\s+/));
  const services = [...new Set(words.map(([service]) => service))];
  const names = [...new Set(words.map(([, name]) => name))];
  const start = words.map((row) => Number(row[2]));
  const duration = words.map((row) => Number(row[3]));
  const zeros = lines.map(() => 0);
  const isError = words.map((row) => row[4] === 'error');
  return {
    trace_id: '1'.repeat(32),
    start_unix_nano: '1000',
    duration_nanos: Math.max(...start.map((at, row) => at + duration[row])).toString(),
    root_service: services[0],
    root_name: names[0],
    span_count: lines.length,
    error_count: isError.filter(Boolean).length,
    depth: Math.max(...depth) + 1,
    services: services.map((name, slot) => ({ name, color_slot: slot, span_count: 1, error_count: 0 })),
    names,
    warnings: [],
    columns: {
      depth,
      subtree_end: depth.map((level, row) => subtreeEnd(depth, level, row)),
      parent: depth.map((level, row) => depth.slice(0, row).lastIndexOf(level - 1)),
      start,
      duration,
      service: words.map(([service]) => services.indexOf(service)),
      name: words.map(([, name]) => names.indexOf(name)),
      kind: zeros,
      status: isError.map((error) => (error ? 2 : 0)),
      events: zeros,
      links: zeros,
      flags: words.map((row) => (row[4] === 'synthetic' ? 1 : 0)),
    },
  };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function subtreeEnd(depth: number[], level: number, row: number): number {
  const next = depth.findIndex((other, index) => index > row && other <= level);
  return next < 0 ? depth.length : next;
}
