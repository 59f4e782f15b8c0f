// What the search form holds while it is edited: texts as typed. Reading it gives a search or the problem of
// each field. Pure.

import { normalizeDuration, parseDuration } from '../../lib/duration';
import type { Kind, SearchState, Status } from '../../query/search-state';
import { isTag, joinTags, splitTags } from '../../query/tags';
import { formatTimeRange, parseTimeRange, type TimeRange } from '../../query/time-range';

export interface Draft {
  service: string;
  operation: string;
  tags: string;
  status: Status;
  kind: Kind;
  minDuration: string;
  maxDuration: string;
  /** `1h`, empty for any time, or `custom` for `from` and `to`. */
  time: string;
  /** As a `datetime-local` field holds it, in the browser's zone. */
  from: string;
  to: string;
  limit: number;
}

/** Words on what is wrong, by field. */
export type DraftProblems = Partial<Record<'tags' | 'minDuration' | 'maxDuration' | 'time', string>>;

export function draftOf(state: SearchState): Draft {
  const { time, tags, ...same } = state;
  const isCustom = time.kind === 'absolute';
  return {
    ...same,
    tags: joinTags(tags),
    time: isCustom ? 'custom' : formatTimeRange(time),
    from: isCustom ? localText(time.startMs) : '',
    to: isCustom ? localText(time.endMs) : '',
  };
}

/** The search, or null with at least one problem. */
export function readDraft(draft: Draft): { state: SearchState | null; problems: DraftProblems } {
  const tags = splitTags(draft.tags);
  const time = readTime(draft);
  const problems: DraftProblems = {};
  const badTag = tags.find((tag) => !isTag(tag));
  if (badTag !== undefined) problems.tags = `“${badTag}” is not a tag: write key=value, with double quotes around blanks`;
  for (const field of ['minDuration', 'maxDuration'] as const) {
    if (draft[field].trim() !== '' && parseDuration(draft[field]) === null) problems[field] = 'a number with a unit: 250ms, 1.5s';
  }
  const [least, most] = [parseDuration(draft.minDuration), parseDuration(draft.maxDuration)];
  if (least !== null && most !== null && least > most) problems.maxDuration = 'below the minimum';
  if (time === null) problems.time = 'give both times, the first before the second';
  if (time === null || Object.keys(problems).length > 0) return { state: null, problems };
  return {
    state: {
      service: draft.service.trim(),
      operation: draft.operation.trim(),
      tags,
      status: draft.status,
      kind: draft.kind,
      minDuration: normalizeDuration(draft.minDuration),
      maxDuration: normalizeDuration(draft.maxDuration),
      time,
      limit: draft.limit,
    },
    problems,
  };
}

function readTime(draft: Draft): TimeRange | null {
  if (draft.time !== 'custom') return parseTimeRange(draft.time);
  const [startMs, endMs] = [Date.parse(draft.from), Date.parse(draft.to)];
  return Number.isNaN(startMs) || Number.isNaN(endMs) || startMs > endMs ? null : { kind: 'absolute', startMs, endMs };
}

function localText(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 23);
}
