// The bar on every page: where one can go, the box that takes a trace id or a filter, theme, shortcuts.

import { useRef, useState } from 'preact/hooks';
import { withBase } from '../lib/base';
import { Icon, Mark } from '../parts/icon';
import { formatSearch } from '../query/search-state';
import { readBox } from '../query/box';
import button from '../parts/button.module.css';
import { navigate, place } from './place';
import { routeOf, tracePath } from './routes';
import { shownTheme, toggleTheme } from './settings';
import { useShortcuts } from './shortcuts';
import styles from './top-bar.module.css';

const PAGES = [
  { page: 'explore', path: '/explore', label: 'Explore' },
  { page: 'start', path: '/start', label: 'Get started' },
] as const;

export function TopBar({ onHelp }: { onHelp: () => void }) {
  const page = routeOf(place.value.path).page;
  const isDark = shownTheme.value === 'dark';
  return (
    <header class={styles.bar}>
      <button type="button" class={`${button.button} ${styles.skip}`} onClick={() => document.querySelector<HTMLElement>('main')?.focus()}>
        Skip to content
      </button>
      <a class={styles.logo} href={withBase('/')} aria-label="Fanal, home">
        <Mark />
        <span class={styles.name}>Fanal</span>
      </a>
      <nav class={styles.nav} aria-label="Pages">
        {PAGES.map((entry) => (
          <a key={entry.page} href={withBase(entry.path)} aria-current={entry.page === page ? 'page' : undefined}>
            {entry.label}
          </a>
        ))}
      </nav>
      <JumpBox />
      <div class={styles.tools}>
        <button type="button" class={`${button.button} ${button.quiet} ${button.icon}`} aria-label={isDark ? 'Use the light theme' : 'Use the dark theme'} title="Theme" onClick={toggleTheme}>
          <Icon name={isDark ? 'sun' : 'moon'} />
        </button>
        <button type="button" class={`${button.button} ${button.quiet} ${button.icon} ${styles.keysTool}`} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={onHelp}>
          <Icon name="keyboard" />
        </button>
      </div>
    </header>
  );
}

function JumpBox() {
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState('');
  useShortcuts(
    () => ({ title: 'Everywhere', shortcuts: [{ keys: ['/'], label: 'Find a trace or filter', run: () => input.current?.select() }] }),
    [],
  );
  const onSubmit = (event: Event) => {
    event.preventDefault();
    const target = readBox(input.current?.value ?? '');
    setProblem(target.kind === 'problem' ? target.message : '');
    if (target.kind === 'trace') navigate(tracePath(target.traceId, target.spanId));
    if (target.kind === 'search') navigate(`/explore${formatSearch(target.state)}`);
    if (target.kind === 'problem' || input.current === null) return;
    input.current.value = '';
    input.current.blur();
  };
  return (
    <form class={styles.search} role="search" aria-label="Everywhere" onSubmit={onSubmit}>
      <Icon name="search" />
      <input
        ref={input}
        type="text"
        aria-label="Trace id, traceparent or filter"
        placeholder="Trace id, traceparent, or a filter: service=cart http.response.status_code>=500"
        autocomplete="off"
        spellcheck={false}
        aria-invalid={problem !== ''}
        onInput={() => setProblem('')}
        onBlur={() => setProblem('')}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
      {problem !== '' && <div class={styles.problem} role="alert">{problem}</div>}
    </form>
  );
}
