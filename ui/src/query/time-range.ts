// The time range of a search: any time, the last so-and-so, or from–to. Text form as in the URL:
// `1h` or `2026-11-21T05:00:00.000Z..2026-11-21T06:00:00.000Z`; any time is the empty string.

export type TimeRange =
  | { kind: 'any' }
  | { kind: 'relative'; seconds: number }
  | { kind: 'absolute'; startMs: number; endMs: number };

/** Bounds in nanoseconds since the Unix epoch; a missing bound is open. */
export interface TimeBounds {
  start?: bigint;
  end?: bigint;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const UNITS_BIG_FIRST = ['w', 'd', 'h', 'm', 's'];
const RELATIVE_SECONDS_MAX = 3_650 * 86_400;

export const ANY_TIME: TimeRange = { kind: 'any' };

/** Total: whatever cannot be read is any time. */
export function parseTimeRange(text: string): TimeRange {
  return parseRelative(text) ?? parseAbsolute(text) ?? ANY_TIME;
}

export function formatTimeRange(range: TimeRange): string {
  if (range.kind === 'any') return '';
  if (range.kind === 'absolute') {
    return `${new Date(range.startMs).toISOString()}..${new Date(range.endMs).toISOString()}`;
  }
  const unit = UNITS_BIG_FIRST.find((candidate) => range.seconds % UNIT_SECONDS[candidate] === 0) ?? 's';
  return `${range.seconds / UNIT_SECONDS[unit]}${unit}`;
}

/** What the range means at the instant `nowMs`. */
export function boundsOf(range: TimeRange, nowMs: number): TimeBounds {
  if (range.kind === 'any') return {};
  if (range.kind === 'relative') return { start: BigInt(Math.floor(nowMs) - range.seconds * 1000) * 1_000_000n };
  return { start: BigInt(range.startMs) * 1_000_000n, end: BigInt(range.endMs) * 1_000_000n };
}

/** For a sentence: `at any time`, `in the last 1 h`, `between … and …`. */
export function describeTimeRange(range: TimeRange): string {
  if (range.kind === 'any') return 'at any time';
  if (range.kind === 'relative') return `in the last ${formatTimeRange(range).replace(/([a-z])$/, ' $1')}`;
  const [start, end] = [range.startMs, range.endMs].map((ms) => new Date(ms).toLocaleString());
  return `between ${start} and ${end}`;
}

function parseRelative(text: string): TimeRange | null {
  const match = /^(\d{1,9})([smhdw])$/.exec(text);
  if (match === null) return null;
  const seconds = Number(match[1]) * UNIT_SECONDS[match[2]];
  return seconds > 0 && seconds <= RELATIVE_SECONDS_MAX ? { kind: 'relative', seconds } : null;
}

function parseAbsolute(text: string): TimeRange | null {
  const [left, right, ...rest] = text.split('..');
  if (right === undefined || rest.length > 0) return null;
  const [startMs, endMs] = [Date.parse(left), Date.parse(right)];
  return Number.isNaN(startMs) || Number.isNaN(endMs) || startMs > endMs ? null : { kind: 'absolute', startMs, endMs };
}
