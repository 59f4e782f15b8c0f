// The state of the search form and its URL form. `parse` is total (anything unreadable is its default) and
// `format` leaves defaults out; parse(format(state)) is the state again. The URL is the only place it lives.

import { normalizeDuration } from '../lib/duration';
import { ANY_TIME, boundsOf, formatTimeRange, parseTimeRange, type TimeRange } from './time-range';
import { isTag } from './tags';

export interface SearchState {
  service: string;
  operation: string;
  /** Clauses, each as the server reads them. */
  tags: readonly string[];
  status: Status;
  kind: Kind;
  /** `250ms`, empty for none. */
  minDuration: string;
  maxDuration: string;
  time: TimeRange;
  /** Traces a page. */
  limit: number;
}

export const STATUSES = ['', 'error', 'ok', 'unset'] as const;
export type Status = (typeof STATUSES)[number];

export const KINDS = ['', 'server', 'client', 'producer', 'consumer', 'internal'] as const;
export type Kind = (typeof KINDS)[number];

export const LIMITS = [20, 50, 100, 200, 500, 1000] as const;
const LIMIT_MAX = 1000;
const TAGS_MAX = 20;

export const EMPTY_SEARCH: SearchState = {
  service: '',
  operation: '',
  tags: [],
  status: '',
  kind: '',
  minDuration: '',
  maxDuration: '',
  time: ANY_TIME,
  limit: 20,
};

/** Reads the query part of the URL, with or without `?`. */
export function parseSearch(query: string): SearchState {
  const params = new URLSearchParams(query);
  const limit = Number(params.get('limit') ?? EMPTY_SEARCH.limit);
  return {
    service: params.get('service')?.trim() ?? '',
    operation: params.get('operation')?.trim() ?? '',
    tags: params.getAll('tag').map((tag) => tag.trim()).filter(isTag).slice(0, TAGS_MAX),
    status: oneOf(STATUSES, params.get('status')),
    kind: oneOf(KINDS, params.get('kind')),
    minDuration: normalizeDuration(params.get('min') ?? ''),
    maxDuration: normalizeDuration(params.get('max') ?? ''),
    time: parseTimeRange(params.get('t') ?? ''),
    limit: Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX ? limit : EMPTY_SEARCH.limit,
  };
}

/** The query part of the URL with its `?`, empty when every field is at its default. */
export function formatSearch(state: SearchState): string {
  const params = new URLSearchParams();
  put(params, 'service', state.service);
  put(params, 'operation', state.operation);
  for (const tag of state.tags) params.append('tag', tag);
  put(params, 'status', state.status);
  put(params, 'kind', state.kind);
  put(params, 'min', state.minDuration);
  put(params, 'max', state.maxDuration);
  put(params, 't', formatTimeRange(state.time));
  if (state.limit !== EMPTY_SEARCH.limit) params.set('limit', state.limit.toString());
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** The parameters of `GET /search` for this state at the instant `nowMs`. */
export function searchParams(state: SearchState, nowMs: number, cursor?: string): URLSearchParams {
  const params = new URLSearchParams();
  const bounds = boundsOf(state.time, nowMs);
  put(params, 'service', state.service);
  put(params, 'operation', state.operation);
  for (const tag of state.tags) params.append('tag', tag);
  put(params, 'status', state.status);
  put(params, 'kind', state.kind);
  put(params, 'min_duration', state.minDuration);
  put(params, 'max_duration', state.maxDuration);
  put(params, 'start', bounds.start?.toString() ?? '');
  put(params, 'end', bounds.end?.toString() ?? '');
  params.set('limit', state.limit.toString());
  put(params, 'cursor', cursor ?? '');
  return params;
}

/** True when the search asks for everything. */
export function isEmptySearch(state: SearchState): boolean {
  return formatSearch({ ...state, limit: EMPTY_SEARCH.limit }) === '';
}

function put(params: URLSearchParams, key: string, value: string): void {
  if (value !== '') params.set(key, value);
}

function oneOf<T extends string>(values: readonly T[], value: string | null): T {
  return values.find((candidate) => candidate === value) ?? values[0];
}
