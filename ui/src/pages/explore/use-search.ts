// Runs the search that the URL asks for and appends further pages. Results are kept a while so that the
// browser's Back shows the same list at the same place without asking again.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asFailure, fetchSearch, isAbort, type ApiFailure } from '../../api/client';
import type { Scanned, SearchResponse, TraceSummary } from '../../api/types';
import { place } from '../../app/place';
import { Lru } from '../../lib/lru';
import { parseSearch, searchParams } from '../../query/search-state';

/** The pages of one search that have been loaded. */
export interface SearchRun {
  query: string;
  /** What "the last hour" was relative to, the same for every page. */
  nowMs: number;
  traces: TraceSummary[];
  nextCursor: string | undefined;
  isComplete: boolean;
  warnings: string[];
  scanned: Scanned;
  /** Where the list was scrolled to. */
  scrollTop: number;
}

export interface SearchView {
  run: SearchRun | undefined;
  error: ApiFailure | undefined;
  isLoading: boolean;
  isLoadingMore: boolean;
  loadMore: () => void;
  retry: () => void;
}

const KEPT_RUNS = 8;
const keptRuns = new Lru<SearchRun>(KEPT_RUNS);

export function useSearch(): SearchView {
  const { query, visit, by } = place.value;
  const [round, setRound] = useState(0);
  const [run, setRun] = useState<SearchRun>();
  const [error, setError] = useState<ApiFailure>();
  const [isLoading, setLoading] = useState(true);
  const more = useLoadMore(run, setRun, setError);
  useEffect(() => {
    const kept = by === 'back' ? keptRuns.get(query) : undefined;
    setError(undefined);
    if (kept !== undefined) {
      setRun(kept);
      setLoading(false);
      requestAnimationFrame(() => window.scrollTo(0, kept.scrollTop));
      return undefined;
    }
    setLoading(true);
    const controller = new AbortController();
    const nowMs = Date.now();
    fetchSearch(searchParams(parseSearch(query), nowMs), controller.signal)
      .then(
        (answer) => setRun(keep(append({ query, nowMs, traces: [], scrollTop: 0 }, answer))),
        (cause: unknown) => {
          if (!isAbort(cause)) setError(asFailure(cause));
        },
      )
      .finally(() => {
        if (!controller.signal.aborted) setLoading(false);
      });
    return () => controller.abort();
  }, [query, visit, round]);
  useKeptScroll(run);
  return { run, error, isLoading, ...more, retry: useCallback(() => setRound((previous) => previous + 1), []) };
}

function useLoadMore(run: SearchRun | undefined, setRun: (run: SearchRun) => void, setError: (error: ApiFailure | undefined) => void) {
  const [isLoadingMore, setLoadingMore] = useState(false);
  const present = useRef(run);
  present.current = run;
  const loadMore = async () => {
    if (run?.nextCursor === undefined || isLoadingMore) return;
    setLoadingMore(true);
    setError(undefined);
    try {
      const answer = await fetchSearch(searchParams(parseSearch(run.query), run.nowMs, run.nextCursor));
      const longer = keep(append(run, answer));
      if (present.current === run) setRun(longer);
    } catch (cause) {
      setError(asFailure(cause));
    } finally {
      setLoadingMore(false);
    }
  };
  return { isLoadingMore, loadMore };
}

function useKeptScroll(run: SearchRun | undefined): void {
  useEffect(() => {
    if (run === undefined) return undefined;
    const onScroll = () => {
      run.scrollTop = window.scrollY;
    };
    window.addEventListener('scroll', onScroll, { passive: true });
    return () => window.removeEventListener('scroll', onScroll);
  }, [run]);
}

function append(run: Pick<SearchRun, 'query' | 'nowMs' | 'traces' | 'scrollTop'> & Partial<SearchRun>, answer: SearchResponse): SearchRun {
  return {
    query: run.query,
    nowMs: run.nowMs,
    scrollTop: run.scrollTop,
    traces: [...run.traces, ...answer.traces],
    nextCursor: answer.next_cursor,
    isComplete: answer.complete && (run.isComplete ?? true),
    warnings: [...new Set([...(run.warnings ?? []), ...answer.warnings])],
    scanned: answer.scanned,
  };
}

function keep(run: SearchRun): SearchRun {
  keptRuns.set(run.query, run);
  return run;
}
