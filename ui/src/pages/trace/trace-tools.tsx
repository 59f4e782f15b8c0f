// The row of tools above the overview: find, levels, zoom, next error, and the legend of services.

import type { ComponentChildren, RefObject } from 'preact';
import { formatCount } from '../../lib/text';
import { announce } from '../../parts/announcer';
import button from '../../parts/button.module.css';
import { Icon, type IconName } from '../../parts/icon';
import { ServiceDot } from '../../parts/service';
import { lowerBound } from '../../trace/rows';
import type { TraceView } from '../../trace/view';
import styles from './trace.module.css';

const LEGEND_MAX = 8;

export function TraceTools({ view, findBox }: { view: TraceView; findBox: RefObject<HTMLInputElement | null> }) {
  const { trace } = view;
  const isZoomed = view.isZoomed();
  return (
    <div class={styles.tools} role="group" aria-label="Tools">
      <FindBox view={view} findBox={findBox} />
      <Group>
        <Tool icon="collapse" label="Collapse one level ([)" onClick={() => view.collapseLevel()} />
        <Tool icon="expand" label="Expand one level (])" onClick={() => view.expandLevel()} />
      </Group>
      <Group isWideOnly>
        <Tool icon="plus" label="Zoom in (+)" onClick={() => view.zoom(1)} />
        <Tool icon="minus" label="Zoom out (-)" isOff={!isZoomed} onClick={() => view.zoom(-1)} />
        <Tool icon="reset" label="Whole trace (0)" isOff={!isZoomed} onClick={() => view.resetZoom()} />
      </Group>
      {trace.errorCount > 0 && (
        <button type="button" class={`${button.button} ${button.small} ${styles.wideOnly}`} title="Next error (e)" onClick={() => view.stepError(1)}>
          <Icon name="alert" size={14} /> Next error
        </button>
      )}
      <div class={styles.services} role="group" aria-label="Services">
        {trace.services.slice(0, LEGEND_MAX).map((service) => (
          <span key={service.name}>
            <ServiceDot slot={service.color_slot} /> {service.name} {formatCount(service.span_count)}
          </span>
        ))}
      </div>
    </div>
  );
}

function FindBox({ view, findBox }: { view: TraceView; findBox: RefObject<HTMLInputElement | null> }) {
  const matches = view.matches.value;
  const text = view.findText.value;
  const at = lowerBound(matches, view.cursor.value);
  const isOnMatch = at < matches.length && matches[at] === view.cursor.value;
  const found = matches.length === 0 ? 'none' : isOnMatch ? `${formatCount(at + 1)} of ${formatCount(matches.length)}` : `${formatCount(matches.length)} found`;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      view.stepMatch(event.shiftKey ? -1 : 1);
      announce(found);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      view.findText.value = '';
      findBox.current?.blur();
    }
  };
  return (
    <div class={styles.find} role="search" aria-label="In this trace">
      <input
        ref={findBox}
        type="text"
        aria-label="Find spans by service and name"
        placeholder="Find service or span …"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          view.findText.value = event.currentTarget.value;
        }}
        onKeyDown={onKeyDown}
      />
      {text.trim() !== '' && (
        <>
          <span class={styles.found} role="status">{found}</span>
          <Tool icon="chevronUp" label="Previous found (N)" isOff={matches.length === 0} onClick={() => view.stepMatch(-1)} />
          <Tool icon="chevronDown" label="Next found (n)" isOff={matches.length === 0} onClick={() => view.stepMatch(1)} />
        </>
      )}
    </div>
  );
}

function Group({ isWideOnly = false, children }: { isWideOnly?: boolean; children: ComponentChildren }) {
  return <div class={`${styles.group} ${isWideOnly ? styles.wideOnly : ''}`}>{children}</div>;
}

function Tool({ icon, label, isOff = false, onClick }: { icon: IconName; label: string; isOff?: boolean; onClick: () => void }) {
  return (
    <button type="button" class={`${button.button} ${button.quiet} ${button.icon}`} aria-label={label} title={label} disabled={isOff} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
