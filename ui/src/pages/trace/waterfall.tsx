// The waterfall: a treegrid of recycled rows over one canvas of bars. Scrolling is virtual: the scroller holds an
// empty element of the content's height and a view that sticks to its top. The grid keeps the keyboard focus and
// names the current row by aria-activedescendant, so focus survives the recycling of rows.

import { useComputed, useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { nameWidth, shownTheme } from '../../app/settings';
import { prepareCanvas } from '../../parts/canvas';
import { readColors } from '../../parts/colors';
import { isStriped } from '../../parts/service';
import { useSize } from '../../parts/use-size';
import { drawBars } from '../../trace/draw';
import { visibleIndexOf } from '../../trace/rows';
import { contentOffset, nativeHeight, offsetShowing, rowWindow, scrollTopFor, type ScrollGeometry } from '../../trace/scroll';
import { rulerTicks } from '../../trace/ticks';
import type { TraceView } from '../../trace/view';
import { geometryFor, HEAD_HEIGHT, type Geometry } from './geometry';
import { NameDivider } from './name-divider';
import { Row } from './row';
import { Ruler } from './ruler';
import { useWheelZoom } from './use-wheel-zoom';
import styles from './waterfall.module.css';

const OVERSCAN = 3;
const TICK_WIDTH = 110;
/** Rows stand relative to a layer that moves in steps of this many rows, so that no offset is huge. */
const LAYER_ROWS = 512;

interface Properties {
  view: TraceView;
  /** Events of the selected span: times after the start of the trace. */
  marked: { ordinal: number; times: readonly number[] };
  onKeyDown: (event: KeyboardEvent) => void;
}

export function Waterfall({ view, marked, onKeyDown }: Properties) {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize(scroller);
  const geometry = useMemo(() => geometryFor(size.width, nameWidth.value), [size.width, nameWidth.value]);
  const rows = view.rows.value;
  const scroll: ScrollGeometry = { rowCount: rows.length, rowHeight: geometry.rowHeight, viewHeight: Math.max(0, size.height - HEAD_HEIGHT) };
  const [scrollTop, onScroll] = useScrollTop(scroller);
  const offset = contentOffset(scroll, scrollTop);
  useRevealWishes(view, scroller, scroll);
  useWheelZoom(scroller, view, geometry);
  const drawn = rowWindow(scroll, offset, OVERSCAN);
  const slots = Math.ceil(scroll.viewHeight / geometry.rowHeight) + 2 * OVERSCAN + 2;
  const cursor = view.cursor.value;
  return (
    <div class={`${styles.frame} ${geometry.isNarrow ? styles.narrow : ''}`}>
      <div
        ref={scroller}
        class={styles.scroller}
        role="treegrid"
        tabIndex={0}
        aria-label={`Spans of the trace, ${view.trace.count} rows`}
        aria-rowcount={rows.length + 1}
        aria-colcount={2}
        aria-activedescendant={visibleIndexOf(rows, cursor) >= 0 ? `row-${cursor}` : undefined}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onClick={(event) => clickRow(view, event)}
      >
        <div role="presentation" style={{ height: `${nativeHeight(scroll) + HEAD_HEIGHT}px` }}>
          <div role="presentation" class={styles.view} style={{ height: `${size.height}px` }}>
            <Ruler view={view} geometry={geometry} />
            <div role="presentation" class={styles.body} style={{ height: `${scroll.viewHeight}px` }}>
              <Bars view={view} geometry={geometry} offset={offset} first={drawn.first} end={drawn.end} paneWidth={size.width} height={scroll.viewHeight} marked={marked} />
              <Rows view={view} rows={rows} first={drawn.first} end={drawn.end} offset={offset} slots={slots} geometry={geometry} />
            </div>
          </div>
        </div>
      </div>
      {!geometry.isNarrow && <NameDivider left={geometry.nameWidth} />}
    </div>
  );
}

interface RowsProperties {
  view: TraceView;
  rows: Uint32Array;
  first: number;
  end: number;
  offset: number;
  /** More than are ever drawn at once: a row keeps its element while it is in view. */
  slots: number;
  geometry: Geometry;
}

function Rows({ view, rows, first, end, offset, slots, geometry }: RowsProperties) {
  const cursorIndex = visibleIndexOf(rows, view.cursor.value);
  const base = first - (first % LAYER_ROWS);
  const indices = Array.from({ length: end - first }, (_, step) => first + step);
  if (cursorIndex >= 0 && (cursorIndex < first || cursorIndex >= end)) indices.push(cursorIndex);
  return (
    <div role="presentation" class={styles.layer} style={{ transform: `translateY(${base * geometry.rowHeight - offset}px)` }}>
      {indices.map((index) => (
        <Row
          key={index >= first && index < end ? index % slots : 'cursor'}
          view={view}
          ordinal={rows[index]}
          index={index}
          top={(index - base) * geometry.rowHeight}
          geometry={geometry}
          viewport={view.viewport.value}
          isCollapsed={view.isCollapsed(rows[index])}
          isCursor={index === cursorIndex}
          isSelected={rows[index] === view.selected.value}
          matches={view.matches.value}
        />
      ))}
    </div>
  );
}

interface BarsProperties {
  view: TraceView;
  geometry: Geometry;
  offset: number;
  first: number;
  end: number;
  paneWidth: number;
  height: number;
  marked: Properties['marked'];
}

function Bars({ view, geometry, offset, first, end, paneWidth, height, marked }: BarsProperties) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const viewport = view.viewport.value;
  const ticks = useMemo(() => rulerTicks(viewport, geometry.width / TICK_WIDTH), [viewport, geometry.width]);
  const theme = shownTheme.value;
  useLayoutEffect(() => {
    const context = prepareCanvas(canvas.current, paneWidth, height);
    if (context === null) return;
    const scene = { ...geometry, trace: view.trace, rows: view.rows.value, first, end, offset, height, viewport, ticks, matches: view.matches.value, selected: view.selected.value, paneWidth, marked, isStriped };
    drawBars(context, scene, readColors(theme));
  });
  return <canvas ref={canvas} class={styles.canvas} aria-hidden="true" />;
}

/** The native scroll position, at most one change a frame. */
function useScrollTop(scroller: { current: HTMLElement | null }): [number, () => void] {
  const [scrollTop, setScrollTop] = useState(0);
  const frame = useRef(0);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  const onScroll = useCallback(() => {
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      setScrollTop(scroller.current?.scrollTop ?? 0);
    });
  }, []);
  return [scrollTop, onScroll];
}

function useRevealWishes(view: TraceView, scroller: { current: HTMLElement | null }, scroll: ScrollGeometry): void {
  const latest = useRef(scroll);
  latest.current = scroll;
  const height = scroll.viewHeight;
  const isReady = useComputed(() => view.wish.value !== null);
  const show = useCallback(() => {
    const wish = view.wish.peek();
    const element = scroller.current;
    if (wish === null || element === null || latest.current.viewHeight <= 0) return;
    const geometry = { ...latest.current, rowCount: view.rows.peek().length };
    const index = visibleIndexOf(view.rows.peek(), wish.ordinal);
    const offset = contentOffset(geometry, element.scrollTop);
    const wanted = offsetShowing(geometry, offset, index);
    if (index >= 0 && wanted !== offset) element.scrollTop = scrollTopFor(geometry, wanted);
    view.wish.value = null;
  }, []);
  useSignalEffect(() => {
    if (isReady.value) requestAnimationFrame(show);
  });
  useEffect(show, [height > 0]);
}

function clickRow(view: TraceView, event: MouseEvent): void {
  const target = event.target instanceof Element ? event.target : null;
  const row = target?.closest<HTMLElement>('[data-ordinal]');
  if (row === null || row === undefined) return;
  const ordinal = Number(row.dataset.ordinal);
  if (target?.closest('[data-toggle]') === null) view.select(ordinal);
  else view.toggle(ordinal);
}
