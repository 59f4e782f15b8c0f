// Search: the form, the picture of what was found, the list. The URL is the search.

import { useState } from 'preact/hooks';
import { place } from '../../app/place';
import { useTitle } from '../../app/use-title';
import { ImportButton } from '../../import/import-button';
import { withBase } from '../../lib/base';
import { plural } from '../../lib/text';
import button from '../../parts/button.module.css';
import { Icon } from '../../parts/icon';
import { Notice, Skeleton } from '../../parts/notice';
import { useDelayed } from '../../parts/use-delayed';
import { clausesOf } from '../../query/clauses';
import { formatSearch, parseSearch, type SearchState } from '../../query/search-state';
import { NothingFound } from './nothing-found';
import { ResultList } from './result-list';
import { ScatterPlot } from './scatter-plot';
import { SearchForm } from './search-form';
import { useSearch, type SearchRun, type SearchView } from './use-search';
import styles from './explore.module.css';

export function ExplorePage() {
  useTitle('Explore');
  const state = parseSearch(place.value.query);
  const view = useSearch();
  const [isFormOpen, setFormOpen] = useState(false);
  return (
    <div class={styles.page}>
      <aside class={styles.side} aria-label="Search">
        <button type="button" class={`${button.button} ${styles.toggle}`} aria-expanded={isFormOpen} onClick={() => setFormOpen(!isFormOpen)}>
          <Icon name="filter" /> {isFormOpen ? 'Hide the search form' : 'Search'}
        </button>
        <div class={isFormOpen ? '' : styles.closed}>
          <SearchForm state={state} onRun={() => setFormOpen(false)} />
        </div>
      </aside>
      <section class={styles.main} aria-label="Results" aria-busy={view.isLoading}>
        <div class={styles.top}>
          <Heading view={view} />
          <ImportButton size="small" />
        </div>
        <Chips state={state} />
        <Notices view={view} />
        <Results view={view} state={state} />
      </section>
    </div>
  );
}

function Heading({ view: { run, isLoading } }: { view: SearchView }) {
  const isSearching = useDelayed(isLoading);
  const count = run?.traces.length ?? 0;
  return (
    <div class={styles.head} role="status">
      <h1>{run === undefined ? 'Traces' : `${plural(count, 'trace')}${run.nextCursor === undefined ? '' : ' and more'}`}</h1>
      {run !== undefined && count > 0 && <p>newest first</p>}
      {isSearching && <p>Searching …</p>}
    </div>
  );
}

function Chips({ state }: { state: SearchState }) {
  const clauses = clausesOf(state);
  if (clauses.length === 0) return null;
  return (
    <div class={styles.chips} role="group" aria-label="Asked for">
      {clauses.map((clause) => (
        <a key={clause.label} class={styles.chip} href={withBase(`/explore${formatSearch(clause.without)}`)} aria-label={`Drop ${clause.label}`} title="Search without this">
          {clause.label} <Icon name="close" size={12} />
        </a>
      ))}
    </div>
  );
}

function Notices({ view: { run, error, retry } }: { view: SearchView }) {
  return (
    <div class={styles.notices}>
      {error !== undefined && (
        <Notice tone="error" title={error.kind === 'unreachable' ? 'The server does not answer' : 'The search failed'}>
          {error.kind !== 'unreachable' && <p>{error.parameter === undefined ? '' : `${error.parameter}: `}{error.message}</p>}
          <button type="button" class={`${button.button} ${button.small}`} onClick={retry}>Try again</button>
        </Notice>
      )}
      {error === undefined && run !== undefined && !run.isComplete && <Incomplete run={run} />}
      {error === undefined && run !== undefined && run.isComplete && run.warnings.length > 0 && <Notice tone="warn">{run.warnings.map((warning) => <p key={warning}>{warning}</p>)}</Notice>}
    </div>
  );
}

function Incomplete({ run }: { run: SearchRun }) {
  return (
    <Notice tone="warn" title="This answer is incomplete">
      {run.warnings.map((warning) => <p key={warning}>{warning}</p>)}
      {run.warnings.length === 0 && <p>The server stopped at a limit after {plural(run.scanned.spans, 'span')}. Narrow the search or its time.</p>}
    </Notice>
  );
}

function Results({ view, state }: { view: SearchView; state: SearchState }) {
  const { run, isLoading, isLoadingMore, loadMore, error } = view;
  const isSlow = useDelayed(isLoading);
  if (run === undefined) return isSlow ? <Skeletons /> : null;
  if (run.traces.length === 0) return error === undefined && !isLoading ? <NothingFound state={state} run={run} /> : null;
  return (
    <div class={isSlow || error !== undefined ? styles.stale : ''}>
      <ScatterPlot traces={run.traces} />
      <ResultList traces={run.traces} nowMs={run.nowMs} />
      <div class={styles.foot}>
        {run.nextCursor !== undefined && (
          <button type="button" class={button.button} aria-disabled={isLoadingMore} onClick={loadMore}>
            {isLoadingMore ? 'Loading …' : 'Load more'}
          </button>
        )}
        {run.nextCursor === undefined && run.isComplete && <p>That is all of them.</p>}
      </div>
    </div>
  );
}

function Skeletons() {
  return (
    <div class={styles.skeletons} aria-hidden="true">
      <Skeleton height={140} />
      {Array.from({ length: 6 }, (_, index) => (
        <Skeleton key={index} height={52} />
      ))}
    </div>
  );
}
