// Which page a path means. Pure, so that it is tested without a browser.

import { isTraceId } from '../lib/ids';

export type Route =
  | { page: 'home' }
  | { page: 'start' }
  | { page: 'explore' }
  | { page: 'trace'; traceId: string }
  | { page: 'unknown' };

/** `path` begins with a slash and has no prefix of a reverse proxy. */
export function routeOf(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0 || (parts.length === 1 && parts[0] === 'index.html')) return { page: 'home' };
  if (parts.length === 1 && parts[0] === 'start') return { page: 'start' };
  if (parts.length === 1 && parts[0] === 'explore') return { page: 'explore' };
  if (parts.length === 2 && parts[0] === 'trace') return traceRoute(parts[1]);
  return { page: 'unknown' };
}

export function tracePath(traceId: string, spanId?: string): string {
  return `/trace/${traceId}${spanId === undefined ? '' : `?span=${spanId}`}`;
}

function traceRoute(text: string): Route {
  const traceId = text.toLowerCase().padStart(32, '0');
  return text.length >= 16 && isTraceId(traceId) ? { page: 'trace', traceId } : { page: 'unknown' };
}
