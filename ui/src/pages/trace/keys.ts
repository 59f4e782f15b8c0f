// The keys of the trace page: arrows belong to the focused grid, letters work from anywhere on the page.

import { announce } from '../../parts/announcer';
import { copyText } from '../../parts/copy-button';
import type { Shortcut } from '../../app/shortcuts';
import type { TraceView } from '../../trace/view';

const PAGE_ROWS = 20;

/** Keys of the focused treegrid, after the ARIA authoring practices. */
export function gridKeys(view: TraceView, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const actions: Readonly<Record<string, () => void>> = {
    ArrowDown: () => view.step(1),
    ArrowUp: () => view.step(-1),
    ArrowLeft: () => view.left(),
    ArrowRight: () => view.right(),
    PageDown: () => view.step(PAGE_ROWS),
    PageUp: () => view.step(-PAGE_ROWS),
    Home: () => view.toFirst(),
    End: () => view.toLast(),
    Enter: () => view.select(Math.max(0, view.cursor.value)),
    ' ': () => view.select(Math.max(0, view.cursor.value)),
  };
  const action = actions[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
}

export function traceShortcuts(view: TraceView, focusFind: () => void): Shortcut[] {
  return [
    { keys: ['j', 'ArrowDown'], label: 'Next row', run: () => view.step(1) },
    { keys: ['k', 'ArrowUp'], label: 'Previous row', run: () => view.step(-1) },
    { keys: ['ArrowLeft'], label: 'Collapse, or to the parent', run: () => view.left() },
    { keys: ['ArrowRight'], label: 'Expand, or to the first child', run: () => view.right() },
    { keys: ['['], label: 'Collapse one level', run: () => view.collapseLevel() },
    { keys: [']'], label: 'Expand one level', run: () => view.expandLevel() },
    { keys: ['{'], label: 'Collapse all', run: () => view.collapseAll() },
    { keys: ['}'], label: 'Expand all', run: () => view.expandAll() },
    { keys: ['Enter'], label: 'Show the span', run: () => view.select(Math.max(0, view.cursor.value)) },
    { keys: ['Escape'], label: 'Close the span, or the whole trace again', run: () => backOut(view) },
    { keys: ['f'], label: 'Find spans', run: focusFind },
    { keys: ['n'], label: 'Next found', run: () => view.stepMatch(1) },
    { keys: ['N'], label: 'Previous found', run: () => view.stepMatch(-1) },
    { keys: ['e'], label: 'Next error', run: () => view.stepError(1) },
    { keys: ['E'], label: 'Previous error', run: () => view.stepError(-1) },
    { keys: ['z'], label: 'Zoom to the span', run: () => view.zoomToCursor() },
    { keys: ['0'], label: 'Whole trace', run: () => view.resetZoom() },
    { keys: ['+', '='], label: 'Zoom in', run: () => view.zoom(1) },
    { keys: ['-'], label: 'Zoom out', run: () => view.zoom(-1) },
    { keys: ['a'], label: 'Earlier', run: () => view.pan(-1) },
    { keys: ['d'], label: 'Later', run: () => view.pan(1) },
    { keys: ['y'], label: 'Copy link', run: copyLink },
  ];
}

function backOut(view: TraceView): void {
  if (view.selected.value >= 0) view.deselect();
  else view.resetZoom();
}

function copyLink(): void {
  void copyText(window.location.href).then((isDone) => announce(isDone ? 'Link copied' : 'The browser refused to copy'));
}
