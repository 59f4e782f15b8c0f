// The search form. It edits a draft; only Search writes the URL, which is what runs a search.

import { useEffect, useState } from 'preact/hooks';
import { suggestOperations, suggestServices } from '../../api/suggestions';
import { navigate } from '../../app/place';
import button from '../../parts/button.module.css';
import { Combobox, type Option } from '../../parts/combobox';
import { Icon } from '../../parts/icon';
import { ServiceDot } from '../../parts/service';
import { EMPTY_SEARCH, formatSearch, KINDS, LIMITS, STATUSES, type SearchState } from '../../query/search-state';
import { draftOf, readDraft, type Draft, type DraftProblems } from './draft';
import { Field, Select, TextField } from './fields';
import { TimeField } from './time-field';
import styles from './form.module.css';

type Change = (change: Partial<Draft>) => void;

export function SearchForm({ state, onRun }: { state: SearchState; onRun?: () => void }) {
  const query = formatSearch(state);
  const [draft, setDraft] = useState<Draft>(() => draftOf(state));
  const [problems, setProblems] = useState<DraftProblems>({});
  useEffect(() => {
    setDraft(draftOf(state));
    setProblems({});
  }, [query]);
  const change: Change = (part) => setDraft((previous) => ({ ...previous, ...part }));
  const run = (event: Event) => {
    event.preventDefault();
    const read = readDraft(draft);
    setProblems(read.problems);
    if (read.state === null) return;
    const wanted = formatSearch(read.state);
    navigate(`/explore${wanted}`, wanted === query ? 'replace' : 'push');
    onRun?.();
  };
  return (
    <form class={styles.form} aria-label="Search traces" onSubmit={run} noValidate>
      <ServiceFields draft={draft} change={change} />
      <TextField label="Tags" placeholder="http.route=/pay retry>1 error" value={draft.tags} problem={problems.tags} isMono onChange={(tags) => change({ tags })} help="key=value, !=, >, >=, <, <=, or just a key. All must hold on one span." />
      <div class={styles.pair}>
        <TextField label="Min duration" placeholder="250ms" value={draft.minDuration} problem={problems.minDuration} onChange={(minDuration) => change({ minDuration })} />
        <TextField label="Max duration" placeholder="1.5s" value={draft.maxDuration} problem={problems.maxDuration} onChange={(maxDuration) => change({ maxDuration })} />
      </div>
      <div class={styles.pair}>
        <Select label="Status" value={draft.status} options={STATUSES.map((status) => ({ value: status, label: status === '' ? 'Any' : status }))} onChange={(status) => change({ status })} />
        <Select label="Kind" value={draft.kind} options={KINDS.map((kind) => ({ value: kind, label: kind === '' ? 'Any' : kind }))} onChange={(kind) => change({ kind })} />
      </div>
      <TimeField draft={draft} problem={problems.time} change={change} />
      <Select label="Traces a page" value={draft.limit.toString()} options={limitOptions(draft.limit)} onChange={(limit) => change({ limit: Number(limit) })} />
      <div class={styles.buttons}>
        <button type="submit" class={`${button.button} ${button.primary}`}>
          <Icon name="search" /> Search
        </button>
        <button type="button" class={button.button} onClick={() => navigate(`/explore${formatSearch({ ...EMPTY_SEARCH, limit: state.limit })}`)}>
          Clear
        </button>
      </div>
    </form>
  );
}

function ServiceFields({ draft, change }: { draft: Draft; change: Change }) {
  const [services, setServices] = useState<readonly Option[]>([]);
  const [operations, setOperations] = useState<readonly Option[]>([]);
  const loadServices = () => {
    suggestServices().then(
      (found) => setServices(found.map((service) => ({ value: service.name, icon: <ServiceDot slot={service.color_slot} /> }))),
      () => setServices([]),
    );
  };
  const loadOperations = () => {
    setOperations([]);
    if (draft.service.trim() === '') return;
    suggestOperations(draft.service.trim()).then(
      (found) => setOperations(found.map((operation) => ({ value: operation.name, hint: operation.kind }))),
      () => setOperations([]),
    );
  };
  return (
    <>
      <Field label="Service">
        {(id) => <Combobox id={id} inputClass={styles.input} value={draft.service} placeholder="Any service" options={services} onOpen={loadServices} onChange={(service) => change({ service })} />}
      </Field>
      <Field label="Operation">
        {(id) => <Combobox id={id} inputClass={styles.input} value={draft.operation} placeholder="Any operation" options={operations} onOpen={loadOperations} onChange={(operation) => change({ operation })} />}
      </Field>
    </>
  );
}

function limitOptions(present: number): { value: string; label: string }[] {
  const values = [...new Set([...LIMITS, present])].toSorted((left, right) => left - right);
  return values.map((limit) => ({ value: limit.toString(), label: limit.toString() }));
}
