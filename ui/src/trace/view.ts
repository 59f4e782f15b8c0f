// The state of one open trace and everything that can be done to it: what is collapsed, where the cursor is,
// what is selected, which time is shown, what was found. Signals, no DOM; the components only follow.

import { batch, computed, signal, type ReadonlySignal, type Signal } from '@preact/signals';
import { hasChildren, type Trace } from './columns';
import { findSpans, nextIn } from './find';
import { collapseAll, collapseOneLevel, expandOneLevel, reveal, visibleIndexOf, visibleRows } from './rows';
import { fit, isWhole, pan, wholeTrace, zoomAt, type Viewport } from './viewport';

const ZOOM_STEP = 0.5;
const PAN_STEP = 0.25;

/** A wish to bring a row into view; a new object each time, so that the same row can be asked for twice. */
export interface RevealWish {
  ordinal: number;
}

export class TraceView {
  readonly trace: Trace;
  readonly viewport: Signal<Viewport>;
  /** Row that the keys act on, -1 before the first. */
  readonly cursor = signal(-1);
  /** Row whose details are shown, -1 for none. */
  readonly selected = signal(-1);
  readonly findText = signal('');
  /** Ordinals found, ascending. */
  readonly matches: ReadonlySignal<Uint32Array>;
  /** Ordinals of the visible rows, ascending. */
  readonly rows: ReadonlySignal<Uint32Array>;
  readonly wish = signal<RevealWish | null>(null);
  readonly #collapsed: Uint8Array;
  readonly #rows: Signal<Uint32Array>;

  constructor(trace: Trace) {
    this.trace = trace;
    this.viewport = signal(wholeTrace(trace.extent));
    this.#collapsed = new Uint8Array(trace.count);
    this.#rows = signal(visibleRows(trace, this.#collapsed));
    this.rows = this.#rows;
    this.matches = computed(() => findSpans(trace, this.findText.value));
  }

  isCollapsed(ordinal: number): boolean {
    return this.#collapsed[ordinal] === 1;
  }

  setCollapsed(ordinal: number, isCollapsed: boolean): void {
    if (!hasChildren(this.trace, ordinal) || this.isCollapsed(ordinal) === isCollapsed) return;
    this.#collapsed[ordinal] = isCollapsed ? 1 : 0;
    this.#recompute();
  }

  toggle(ordinal: number): void {
    this.setCollapsed(ordinal, !this.isCollapsed(ordinal));
  }

  collapseLevel(): void {
    if (collapseOneLevel(this.trace, this.#collapsed, this.rows.value)) this.#recompute();
  }

  expandLevel(): void {
    if (expandOneLevel(this.trace, this.#collapsed, this.rows.value)) this.#recompute();
  }

  collapseAll(): void {
    collapseAll(this.trace, this.#collapsed);
    this.#recompute();
  }

  expandAll(): void {
    this.#collapsed.fill(0);
    this.#recompute();
  }

  /** Moves the cursor to the row, opening what hides it; the open panel follows. */
  goTo(ordinal: number): void {
    if (ordinal < 0 || ordinal >= this.trace.count) return;
    batch(() => {
      if (reveal(this.trace, this.#collapsed, ordinal)) this.#recompute();
      this.cursor.value = ordinal;
      if (this.selected.value >= 0) this.selected.value = ordinal;
      this.wish.value = { ordinal };
    });
  }

  /** Shows the details of the row. */
  select(ordinal: number): void {
    batch(() => {
      this.cursor.value = ordinal;
      this.selected.value = ordinal;
    });
  }

  deselect(): void {
    this.selected.value = -1;
  }

  /** Moves the cursor over visible rows. */
  step(count: number): void {
    const rows = this.rows.value;
    const index = visibleIndexOf(rows, this.cursor.value);
    const target = index < 0 ? 0 : Math.min(Math.max(index + count, 0), rows.length - 1);
    if (rows.length > 0) this.goTo(rows[target]);
  }

  toFirst(): void {
    this.goTo(0);
  }

  toLast(): void {
    this.goTo(this.rows.value.at(-1) ?? -1);
  }

  /** Collapses the row, or goes to its parent when there is nothing to collapse. */
  left(): void {
    const row = this.cursor.value;
    if (row < 0) return;
    if (hasChildren(this.trace, row) && !this.isCollapsed(row)) this.setCollapsed(row, true);
    else this.goTo(this.trace.parent[row]);
  }

  /** Expands the row, or goes to its first child. */
  right(): void {
    const row = this.cursor.value;
    if (row < 0 || !hasChildren(this.trace, row)) return;
    if (this.isCollapsed(row)) this.setCollapsed(row, false);
    else this.goTo(row + 1);
  }

  /** To the next (1) or previous (-1) span in error. */
  stepError(step: 1 | -1): void {
    this.#open(nextIn(this.trace.errors, this.cursor.value, step));
  }

  stepMatch(step: 1 | -1): void {
    this.#open(nextIn(this.matches.value, this.cursor.value, step));
  }

  zoom(direction: 1 | -1, anchor = 0.5): void {
    this.viewport.value = zoomAt(this.viewport.value, this.trace.extent, direction === 1 ? ZOOM_STEP : 1 / ZOOM_STEP, anchor);
  }

  pan(direction: 1 | -1): void {
    this.viewport.value = pan(this.viewport.value, this.trace.extent, direction * PAN_STEP);
  }

  zoomToCursor(): void {
    const row = this.cursor.value;
    if (row >= 0) this.viewport.value = fit(this.trace.start[row], this.trace.duration[row], this.trace.extent);
  }

  resetZoom(): void {
    this.viewport.value = wholeTrace(this.trace.extent);
  }

  isZoomed(): boolean {
    return !isWhole(this.viewport.value, this.trace.extent);
  }

  /** True while nothing has been collapsed, zoomed, searched or walked to. */
  isUntouched(): boolean {
    return this.cursor.peek() < 0 && this.findText.peek() === '' && !this.isZoomed() && this.rows.peek().length === this.trace.count;
  }

  #open(ordinal: number): void {
    if (ordinal < 0) return;
    this.select(ordinal);
    this.goTo(ordinal);
  }

  #recompute(): void {
    batch(() => {
      this.#rows.value = visibleRows(this.trace, this.#collapsed);
      if (this.cursor.value >= 0) this.cursor.value = this.#visibleAncestor(this.cursor.value);
    });
  }

  /** The row itself while visible, else the collapsed ancestor that hides it. */
  #visibleAncestor(ordinal: number): number {
    let shown = ordinal;
    for (let row = this.trace.parent[ordinal]; row >= 0; row = this.trace.parent[row]) {
      if (this.isCollapsed(row)) shown = row;
    }
    return shown;
  }
}
