// Durations in nanoseconds as text and back. Integer arithmetic only: what is printed as exact is exact.
// Fed by every page; knows nothing of dates or of the DOM.

const NANOSECOND = 1n;
const MICROSECOND = 1_000n;
const MILLISECOND = 1_000_000n;
export const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;

const SMALL_UNITS: readonly [string, bigint][] = [
  ['ns', NANOSECOND],
  ['µs', MICROSECOND],
  ['ms', MILLISECOND],
  ['s', SECOND],
];

const PARSED_UNITS: Readonly<Record<string, bigint>> = {
  ns: NANOSECOND,
  us: MICROSECOND,
  µs: MICROSECOND,
  μs: MICROSECOND,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
};

/** Three significant digits with a fitting unit: `300 ns`, `412 ms`, `1.82 s`, `2 m 5 s`. Whole values keep no decimals. */
export function formatDuration(nanos: bigint | number): string {
  const value = toBigInt(nanos);
  if (value < 0n) return `−${formatDuration(-value)}`;
  if (value >= MINUTE) return formatLong(value);
  for (let index = 0; index < SMALL_UNITS.length; index += 1) {
    const [unit, size] = SMALL_UNITS[index];
    const limit = unit === 's' ? 60n : 1000n;
    const digits = decimalsFor(value, size);
    const scale = 10n ** BigInt(digits);
    const rounded = (value * scale + size / 2n) / size;
    if (rounded < limit * scale) return `${decimal(rounded, digits, value % size === 0n)} ${unit}`;
  }
  return formatLong(MINUTE);
}

/** Every digit: `1.820334112 s`, `412.0003 ms`, `300 ns`. */
export function formatDurationExact(nanos: bigint | number): string {
  const value = toBigInt(nanos);
  if (value < 0n) return `−${formatDurationExact(-value)}`;
  const [unit, size] = SMALL_UNITS.findLast(([, candidate]) => value >= candidate) ?? SMALL_UNITS[0];
  const fraction = (value % size).toString().padStart(size.toString().length - 1, '0').replace(/0+$/, '');
  const whole = (value / size).toString();
  return size > 1n && fraction !== '' ? `${whole}.${fraction} ${unit}` : `${whole} ${unit}`;
}

/** The duration in words, for accessible names: `1.82 seconds`, `300 nanoseconds`. */
export function spokenDuration(nanos: bigint | number): string {
  const words: Readonly<Record<string, string>> = {
    ns: 'nanoseconds',
    µs: 'microseconds',
    ms: 'milliseconds',
    s: 'seconds',
    m: 'minutes',
    h: 'hours',
    d: 'days',
  };
  return formatDuration(nanos).replace(/[a-zµ]+/g, (unit) => words[unit] ?? unit);
}

/** Reads `250ms`, `1.5 s`, `2m`; null when it is not a duration (a unit is needed, except for 0). */
export function parseDuration(text: string): bigint | null {
  const match = /^\s*(\d{1,15})(?:\.(\d{1,9}))?\s*([a-zµμ]*)\s*$/i.exec(text);
  if (match === null) return null;
  const [, whole, fraction = '', rawUnit] = match;
  const unit = rawUnit.toLowerCase();
  if (unit === '') return BigInt(whole) === 0n && /^0*$/.test(fraction) ? 0n : null;
  const size = PARSED_UNITS[unit];
  if (size === undefined) return null;
  return BigInt(whole) * size + (BigInt(fraction || '0') * size) / 10n ** BigInt(fraction.length);
}

/** The text as the server reads it: no spaces, ASCII units; the empty string when it is not a duration. */
export function normalizeDuration(text: string): string {
  if (parseDuration(text) === null) return '';
  return text.toLowerCase().replace(/\s+/g, '').replace(/[µμ]/g, 'u');
}

function formatLong(value: bigint): string {
  const parts: [bigint, string][] = [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'm'],
    [SECOND, 's'],
  ];
  const first = parts.findIndex(([size]) => value >= size);
  const [bigSize, bigUnit] = parts[first];
  const [smallSize, smallUnit] = parts[first + 1];
  const small = (value % bigSize) / smallSize;
  const big = `${value / bigSize} ${bigUnit}`;
  return small === 0n ? big : `${big} ${small} ${smallUnit}`;
}

function decimalsFor(value: bigint, size: bigint): number {
  if (size === 1n || value >= 100n * size) return 0;
  return value >= 10n * size ? 1 : 2;
}

function decimal(scaled: bigint, digits: number, isWhole: boolean): string {
  const text = scaled.toString().padStart(digits + 1, '0');
  if (digits === 0) return text;
  const point = text.length - digits;
  return isWhole ? text.slice(0, point) : `${text.slice(0, point)}.${text.slice(point)}`;
}

function toBigInt(nanos: bigint | number): bigint {
  return typeof nanos === 'bigint' ? nanos : BigInt(Math.round(nanos));
}
