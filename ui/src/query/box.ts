// What the box at the top of every page means: a reference to a trace, or filter clauses. A few keys name
// fields of the search form, everything else is a tag.

import { parseDuration, normalizeDuration } from '../lib/duration';
import { readTraceReference } from '../lib/ids';
import { EMPTY_SEARCH, KINDS, STATUSES, type SearchState } from './search-state';
import { isTag, splitTags } from './tags';

export type BoxTarget =
  | { kind: 'trace'; traceId: string; spanId?: string }
  | { kind: 'search'; state: SearchState }
  | { kind: 'problem'; message: string };

/** Reads the text; blank text searches for everything. */
export function readBox(text: string): BoxTarget {
  const reference = readTraceReference(text);
  if (reference !== null) return { kind: 'trace', ...reference };
  const clauses = splitTags(text);
  if (clauses.length === 1 && /^[\w.-]+$/.test(clauses[0])) return search({ ...EMPTY_SEARCH, tags: clauses });
  const bad = clauses.find((clause) => !isTag(clause));
  if (bad !== undefined) {
    return { kind: 'problem', message: `“${bad}” is neither a trace id nor a filter. A filter looks like key=value, key>=5 or just key.` };
  }
  return search(clauses.reduce(applyClause, EMPTY_SEARCH));
}

function search(state: SearchState): BoxTarget {
  return { kind: 'search', state };
}

function applyClause(state: SearchState, clause: string): SearchState {
  const match = /^(service|service\.name|operation|name|status|kind|duration)(=|>=|<=|>|<)(.+)$/s.exec(clause);
  const value = match === null ? '' : unquote(match[3]);
  const isEqual = match?.[2] === '=';
  if (isEqual && (match[1] === 'service' || match[1] === 'service.name')) return { ...state, service: value };
  if (isEqual && (match[1] === 'operation' || match[1] === 'name')) return { ...state, operation: value };
  const status = STATUSES.find((candidate) => candidate !== '' && candidate === value);
  if (isEqual && match[1] === 'status' && status !== undefined) return { ...state, status };
  const kind = KINDS.find((candidate) => candidate !== '' && candidate === value);
  if (isEqual && match[1] === 'kind' && kind !== undefined) return { ...state, kind };
  if (match?.[1] === 'duration' && parseDuration(value) !== null) {
    if (match[2].startsWith('>')) return { ...state, minDuration: normalizeDuration(value) };
    if (match[2].startsWith('<')) return { ...state, maxDuration: normalizeDuration(value) };
  }
  return { ...state, tags: [...state.tags, clause] };
}

function unquote(value: string): string {
  return /^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}
