// Recognises trace and span identifiers in whatever a person pastes: bare hex, UUID form, a `traceparent`
// header, or an address of a trace page.

/** A trace, and a span of it where the text names one. */
export interface TraceReference {
  traceId: string;
  spanId?: string;
}

const ZERO = /^0+$/;

/** The trace that the text points at, or null. Ids come back in lower case; a 64-bit id is padded to 128. */
export function readTraceReference(text: string): TraceReference | null {
  const trimmed = text.trim().replace(/^["']|["']$/g, '');
  return readTraceparent(trimmed) ?? readAddress(trimmed) ?? readBareId(trimmed);
}

/** True for 16 hex digits, not all zero. */
export function isSpanId(text: string): boolean {
  return /^[0-9a-f]{16}$/i.test(text) && !ZERO.test(text);
}

/** True for 32 hex digits, not all zero. */
export function isTraceId(text: string): boolean {
  return /^[0-9a-f]{32}$/i.test(text) && !ZERO.test(text);
}

function readTraceparent(text: string): TraceReference | null {
  const match = /^(?:traceparent\s*[:=]\s*)?["']?[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\b/i.exec(text);
  return match === null ? null : reference(match[1], match[2]);
}

function readAddress(text: string): TraceReference | null {
  const match = /\/trace\/([0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-f])(?:.*[?&]span=([0-9a-f]{16})\b)?/i.exec(text);
  return match === null ? null : reference(match[1], match[2]);
}

function readBareId(text: string): TraceReference | null {
  const hex = text.replace(/^0x/i, '');
  const isUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(hex);
  const digits = isUuid ? hex.replaceAll('-', '') : hex;
  return /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/i.test(digits) ? reference(digits) : null;
}

function reference(traceId: string, spanId?: string): TraceReference | null {
  if (ZERO.test(traceId)) return null;
  const found: TraceReference = { traceId: traceId.toLowerCase().padStart(32, '0') };
  if (spanId !== undefined && isSpanId(spanId)) found.spanId = spanId.toLowerCase();
  return found;
}
