// Absolute times, nanoseconds since the Unix epoch as bigint, as text. The zone is the browser's unless
// the name says UTC; digits below the millisecond are carried through, never rounded.

const NANOS_PER_MS = 1_000_000n;
/** The largest instant a Date holds, in milliseconds. */
const DATE_LIMIT_MS = 8_640_000_000_000_000n;

/** `2026-11-21 05:41:02.118` in the browser's zone. */
export function formatDateTime(unixNanos: bigint): string {
  const date = toDate(unixNanos);
  return date === null ? `${unixNanos} ns` : `${localDate(date)} ${localTime(date)}`;
}

/** `05:41:02.118` in the browser's zone. */
export function formatTimeOfDay(unixNanos: bigint): string {
  const date = toDate(unixNanos);
  return date === null ? `${unixNanos} ns` : localTime(date);
}

/** `2026-11-21` in the browser's zone. */
export function formatDay(unixNanos: bigint): string {
  const date = toDate(unixNanos);
  return date === null ? '' : localDate(date);
}

/** `2026-11-21T05:41:02.118000300Z`, every digit, UTC. */
export function formatUtcExact(unixNanos: bigint): string {
  const date = toDate(unixNanos);
  if (date === null) return `${unixNanos} ns`;
  const below = (((unixNanos % NANOS_PER_MS) + NANOS_PER_MS) % NANOS_PER_MS).toString().padStart(6, '0');
  return date.toISOString().replace('Z', `${below}Z`);
}

/** `just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`; the empty string for the future. */
export function formatAgo(unixNanos: bigint, nowMs: number): string {
  const seconds = Math.floor((nowMs - Number(unixNanos / NANOS_PER_MS)) / 1000);
  if (seconds < 0) return '';
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

function toDate(unixNanos: bigint): Date | null {
  const ms = unixNanos / NANOS_PER_MS;
  return ms > DATE_LIMIT_MS || ms < -DATE_LIMIT_MS ? null : new Date(Number(ms));
}

function localDate(date: Date): string {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
}

function localTime(date: Date): string {
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part, 2)).join(':');
  return `${clock}.${pad(date.getMilliseconds(), 3)}`;
}

function pad(value: number, width: number): string {
  return value.toString().padStart(width, '0');
}
