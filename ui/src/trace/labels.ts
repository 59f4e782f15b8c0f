// What a row says: the accessible sentence, the printed name, and where the duration stands beside its bar.

import { spokenDuration, formatDuration } from '../lib/duration';
import { isSynthetic, KIND_NAMES, STATUS_ERROR, type Trace } from './columns';
import { position, type Viewport } from './viewport';

/** Name of the span, in words for a row whose span never arrived. */
export function spanName(trace: Trace, ordinal: number): string {
  const name = trace.names[trace.name[ordinal]] ?? '';
  if (isSynthetic(trace, ordinal)) return `missing span ${name}`;
  return name === '' ? '(no name)' : name;
}

export function serviceName(trace: Trace, ordinal: number): string {
  return trace.services[trace.service[ordinal]]?.name ?? '';
}

export function serviceSlot(trace: Trace, ordinal: number): number {
  return trace.services[trace.service[ordinal]]?.color_slot ?? 0;
}

/** `payment Charge, 1.10 seconds, starts at 120 milliseconds, error, level 2` */
export function rowLabel(trace: Trace, ordinal: number): string {
  const level = `level ${trace.depth[ordinal] + 1}`;
  if (isSynthetic(trace, ordinal)) return `${spanName(trace, ordinal)}, never arrived, ${level}`;
  const parts = [
    `${serviceName(trace, ordinal)} ${spanName(trace, ordinal)}`,
    spokenDuration(trace.duration[ordinal]),
    `starts at ${spokenDuration(trace.start[ordinal])}`,
  ];
  if (trace.kind[ordinal] > 1) parts.push(KIND_NAMES[trace.kind[ordinal]]);
  if (trace.status[ordinal] === STATUS_ERROR) parts.push('error');
  parts.push(level);
  return parts.join(', ');
}

/** Where the printed duration stands: the side of the bar, and the distance from that edge in percent. */
export interface DurationLabel {
  text: string;
  side: 'right-of-bar' | 'left-of-bar' | 'over-bar';
  percent: number;
}

/** `labelFraction` is the width of a label as a fraction of the timeline. A bar out of view is pointed at from the edge. Null without a bar. */
export function durationLabel(trace: Trace, ordinal: number, view: Viewport, labelFraction: number): DurationLabel | null {
  if (isSynthetic(trace, ordinal)) return null;
  const left = position(view, trace.start[ordinal]);
  const right = position(view, trace.start[ordinal] + trace.duration[ordinal]);
  const text = formatDuration(trace.duration[ordinal]);
  if (right < 0) return { text: `‹ ${text}`, side: 'right-of-bar', percent: 0 };
  if (left > 1) return { text: `${text} ›`, side: 'left-of-bar', percent: 0 };
  if (right + labelFraction <= 1) return { text, side: 'right-of-bar', percent: Math.max(0, right) * 100 };
  if (left - labelFraction >= 0) return { text, side: 'left-of-bar', percent: (1 - left) * 100 };
  return { text, side: 'over-bar', percent: (1 - Math.min(1, right)) * 100 };
}
