// An empty result explains itself: what was searched, and what to drop.

import { withBase } from '../../lib/base';
import { formatCount } from '../../lib/text';
import button from '../../parts/button.module.css';
import { EmptyPane } from '../../parts/notice';
import { clausesOf } from '../../query/clauses';
import { formatSearch, isEmptySearch, type SearchState } from '../../query/search-state';
import type { SearchRun } from './use-search';

export function NothingFound({ state, run }: { state: SearchState; run: SearchRun }) {
  if (isEmptySearch(state)) {
    return (
      <EmptyPane icon="search" title="Nothing is stored yet" actions={<a class={`${button.button} ${button.primary}`} href={withBase('/start')}>Send a first span</a>}>
        <p>The search asked for everything and found no trace.</p>
      </EmptyPane>
    );
  }
  const clauses = clausesOf(state);
  return (
    <EmptyPane
      icon="search"
      title="No trace matches"
      actions={clauses.map((clause) => (
        <a key={clause.label} class={button.button} href={withBase(`/explore${formatSearch(clause.without)}`)}>
          Without “{clause.label}”
        </a>
      ))}
    >
      <p>
        One span had to meet all of: {clauses.map((clause) => clause.label).join(', ')}.
        {' '}Fanal read {formatCount(run.scanned.spans)} spans in {formatCount(run.scanned.granules_read)} of {formatCount(run.scanned.granules_total)} granules{run.isComplete ? '; the others cannot hold a match' : ''}.
      </p>
    </EmptyPane>
  );
}
