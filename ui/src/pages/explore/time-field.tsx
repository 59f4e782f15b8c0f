// The time range of the search form: a few relative ranges, or from–to.

import type { Draft } from './draft';
import { Select, TextField } from './fields';
import styles from './form.module.css';

const RANGES: readonly [string, string][] = [
  ['', 'Any time'],
  ['5m', 'Last 5 minutes'],
  ['15m', 'Last 15 minutes'],
  ['1h', 'Last hour'],
  ['6h', 'Last 6 hours'],
  ['1d', 'Last day'],
  ['1w', 'Last week'],
];

interface Properties {
  draft: Draft;
  problem: string | undefined;
  change: (change: Partial<Draft>) => void;
}

export function TimeField({ draft, problem, change }: Properties) {
  const isListed = draft.time === 'custom' || RANGES.some(([value]) => value === draft.time);
  const listed = isListed ? RANGES : [...RANGES, [draft.time, `Last ${draft.time}`] as const];
  const options = [...listed.map(([value, label]) => ({ value, label })), { value: 'custom', label: 'From … to …' }];
  return (
    <>
      <Select label="Time" value={draft.time} options={options} onChange={(time) => change({ time })} />
      {draft.time === 'custom' && (
        <div class={styles.field}>
          <TextField label="From" type="datetime-local" value={draft.from} problem={problem} onChange={(from) => change({ from })} />
          <TextField label="To" type="datetime-local" value={draft.to} onChange={(to) => change({ to })} />
        </div>
      )}
    </>
  );
}
