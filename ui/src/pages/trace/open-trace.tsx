// A loaded trace: header, tools, overview, waterfall and the panel beside it. Ties the view to the URL
// (`?span=`) and to the keys.

import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { TraceView } from '../../trace/view';
import { useShortcuts } from '../../app/shortcuts';
import { plural } from '../../lib/text';
import button from '../../parts/button.module.css';
import { Minimap } from './minimap';
import { gridKeys, traceShortcuts } from './keys';
import { SpanPanel } from './span-panel';
import { TraceHeader } from './trace-header';
import { TraceTools } from './trace-tools';
import { useSelectedSpan } from './use-selected-span';
import { Waterfall } from './waterfall';
import styles from './trace.module.css';

const NO_EVENTS: readonly number[] = [];

interface Properties {
  view: TraceView;
  /** Spans that have arrived since. */
  more: number;
  onShowMore: (() => void) | undefined;
}

export function OpenTrace({ view, more, onShowMore }: Properties) {
  const findBox = useRef<HTMLInputElement>(null);
  const span = useSelectedSpan(view);
  useShortcuts(() => ({ title: 'Trace', shortcuts: traceShortcuts(view, () => findBox.current?.select()) }), [view]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== 'f' || event.shiftKey || event.altKey) return;
      event.preventDefault();
      findBox.current?.select();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
  useFocusAfterPanel(view.selected.value >= 0);
  const { detail } = span;
  const marked = useMemo(() => {
    const times = detail?.events.map((event) => Number(BigInt(event.time_unix_nano) - view.trace.startUnixNano));
    return { ordinal: detail?.ordinal ?? -1, times: times ?? NO_EVENTS };
  }, [detail]);
  return (
    <div class={styles.page}>
      <TraceHeader view={view} spanId={detail?.span_id} />
      {onShowMore !== undefined && (
        <div class={styles.more} role="status">
          {plural(more, 'more span')} arrived. <button type="button" class={`${button.button} ${button.small}`} onClick={onShowMore}>Show</button>
        </div>
      )}
      <TraceTools view={view} findBox={findBox} />
      <Minimap view={view} />
      <div class={styles.split}>
        <Waterfall view={view} marked={marked} onKeyDown={(event) => gridKeys(view, event)} />
        {view.selected.value >= 0 && <SpanPanel view={view} span={span} />}
      </div>
    </div>
  );
}

/** Focus that was inside the panel goes back to the rows when the panel closes. */
function useFocusAfterPanel(isOpen: boolean): void {
  const wasOpen = useRef(false);
  useEffect(() => {
    if (wasOpen.current && !isOpen && document.activeElement === document.body) {
      document.querySelector<HTMLElement>('[role="treegrid"]')?.focus({ preventScroll: true });
    }
    wasOpen.current = isOpen;
  }, [isOpen]);
}
