// The head of the waterfall: column names and the time marks. A drag over the marks zooms.

import { useMemo } from 'preact/hooks';
import { rulerTicks } from '../../trace/ticks';
import type { TraceView } from '../../trace/view';
import { between, position } from '../../trace/viewport';
import type { Geometry } from './geometry';
import { useRangeDrag } from './use-range-drag';
import styles from './waterfall.module.css';

const TICK_WIDTH = 110;
/** A label with less room than this to the right edge is left out. */
const LABEL_ROOM = 30;

export function Ruler({ view, geometry }: { view: TraceView; geometry: Geometry }) {
  const viewport = view.viewport.value;
  const ticks = useMemo(() => rulerTicks(viewport, geometry.width / TICK_WIDTH), [viewport, geometry.width]);
  const { range, onPointerDown } = useRangeDrag((first, second) => {
    view.viewport.value = between(view.viewport.peek(), view.trace.extent, first, second);
  });
  return (
    <div class={styles.head} role="row" aria-rowindex={1}>
      <div class={styles.headName} role="columnheader" style={{ width: `${geometry.nameWidth}px` }}>
        Service and span
      </div>
      <div
        class={styles.ruler}
        role="columnheader"
        aria-label="Timeline"
        title="Drag to zoom, double-click for the whole trace"
        style={{ left: `${geometry.left}px`, width: `${geometry.width + 14}px` }}
        onPointerDown={(event) => onPointerDown(event, geometry.width)}
        onDblClick={() => view.resetZoom()}
      >
        {ticks.map((tick) => (
          <span key={tick.at} class={styles.tick} style={{ left: `${position(viewport, tick.at) * geometry.width}px` }}>
            {position(viewport, tick.at) * geometry.width < geometry.width - LABEL_ROOM && tick.label}
          </span>
        ))}
        {range !== null && <span class={styles.drag} style={{ left: `${range.from * geometry.width}px`, width: `${(range.to - range.from) * geometry.width}px` }} />}
      </div>
    </div>
  );
}
