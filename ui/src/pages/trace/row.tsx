// One recycled row of the waterfall: names, marks, the printed duration. The bar is on the canvas behind. While
// scrolling only the rows that take another place render again; the others ride on their layer.

import { Icon } from '../../parts/icon';
import { memo } from '../../parts/memo';
import { slotToken } from '../../parts/service';
import { formatCount } from '../../lib/text';
import { hasChildren, isSynthetic, STATUS_ERROR } from '../../trace/columns';
import { includes } from '../../trace/find';
import { durationLabel, rowLabel, serviceName, serviceSlot, spanName } from '../../trace/labels';
import type { TraceView } from '../../trace/view';
import type { Viewport } from '../../trace/viewport';
import type { Geometry } from './geometry';
import styles from './waterfall.module.css';

const INDENT = 14;
const INDENT_LEVELS_MAX = 12;
const INDENT_LEVELS_NARROW = 6;

interface Properties {
  view: TraceView;
  ordinal: number;
  index: number;
  /** Pixels below the top of the layer of rows. */
  top: number;
  geometry: Geometry;
  viewport: Viewport;
  isCollapsed: boolean;
  isCursor: boolean;
  isSelected: boolean;
  matches: Uint32Array;
}

export const Row = memo(function Row({ view, ordinal, index, top, geometry, viewport, isCollapsed, isCursor, isSelected, matches }: Properties) {
  const { trace } = view;
  const isMatch = matches.length > 0 && includes(matches, ordinal);
  const states = [styles.row, isCursor ? styles.cursor : '', isSelected ? styles.selected : '', isMatch ? styles.match : ''];
  return (
    <div
      id={`row-${ordinal}`}
      data-ordinal={ordinal}
      class={states.join(' ')}
      role="row"
      aria-label={rowLabel(trace, ordinal)}
      aria-rowindex={index + 2}
      aria-level={trace.depth[ordinal] + 1}
      aria-posinset={trace.siblingIndex[ordinal]}
      aria-setsize={trace.siblingCount[ordinal]}
      aria-expanded={hasChildren(trace, ordinal) ? !isCollapsed : undefined}
      aria-selected={isSelected}
      style={{ transform: `translateY(${top}px)`, height: `${geometry.rowHeight}px` }}
    >
      <NameCell view={view} ordinal={ordinal} geometry={geometry} isCollapsed={isCollapsed} />
      <TimeCell view={view} ordinal={ordinal} geometry={geometry} viewport={viewport} />
    </div>
  );
});

function NameCell({ view, ordinal, geometry, isCollapsed }: Pick<Properties, 'view' | 'ordinal' | 'geometry' | 'isCollapsed'>) {
  const { trace } = view;
  const depth = trace.depth[ordinal];
  const levels = geometry.isNarrow ? INDENT_LEVELS_NARROW : INDENT_LEVELS_MAX;
  const isMissing = isSynthetic(trace, ordinal);
  return (
    <div class={styles.nameCell} role="gridcell" style={{ width: `${geometry.nameWidth}px` }}>
      <span class={styles.indent} style={{ width: `${Math.min(depth, levels) * INDENT}px` }} />
      {depth > levels && <span class={styles.depth} title={`Level ${depth + 1}`}>{depth + 1}</span>}
      {hasChildren(trace, ordinal) ? (
        <span class={styles.toggle} data-toggle aria-hidden="true">
          <Icon name={isCollapsed ? 'chevronRight' : 'chevronDown'} size={14} />
        </span>
      ) : (
        <span class={styles.toggle} aria-hidden="true" />
      )}
      <span class={styles.stripe} style={{ '--slot': isMissing ? 'var(--line)' : `var(${slotToken(serviceSlot(trace, ordinal))})` }} />
      <span class={styles.words} title={isMissing ? undefined : `${serviceName(trace, ordinal)} ${spanName(trace, ordinal)}`}>
        {!isMissing && <span class={styles.service}>{serviceName(trace, ordinal)} </span>}
        <span class={isMissing ? styles.missing : styles.name}>{spanName(trace, ordinal)}</span>
      </span>
      {trace.status[ordinal] === STATUS_ERROR && <span class={styles.errorMark}><Icon name="alert" size={13} /></span>}
      {isCollapsed && <span class={styles.badge}>+{formatCount(trace.subtreeEnd[ordinal] - ordinal - 1)}</span>}
      {trace.events[ordinal] > 0 && <span class={styles.badge} title="Events">◆ {trace.events[ordinal]}</span>}
      {trace.links[ordinal] > 0 && <span class={styles.badge} title="Links">↗ {trace.links[ordinal]}</span>}
    </div>
  );
}

function TimeCell({ view, ordinal, geometry, viewport }: Pick<Properties, 'view' | 'ordinal' | 'geometry' | 'viewport'>) {
  const label = durationLabel(view.trace, ordinal, viewport, geometry.labelFraction);
  const edge = label?.side === 'right-of-bar' ? { left: `${label.percent}%` } : { right: `${label?.percent ?? 0}%` };
  return (
    <div class={styles.timeCell} role="gridcell" style={{ left: `${geometry.left}px`, width: `${geometry.width}px` }}>
      {label !== null && (
        <span class={`${styles.label} ${label.side === 'over-bar' ? styles.overBar : ''}`} style={edge}>
          {label.text}
        </span>
      )}
    </div>
  );
}
