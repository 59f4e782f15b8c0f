// The whole trace in a strip. Painted once a trace and theme, then only scaled; a drag zooms, a double click
// shows everything again. The keys and the buttons above do the same without a mouse.

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { shownTheme } from '../../app/settings';
import { formatDuration } from '../../lib/duration';
import { plural } from '../../lib/text';
import { prepareCanvas } from '../../parts/canvas';
import { readColors, type Colors } from '../../parts/colors';
import { useSize } from '../../parts/use-size';
import type { Trace } from '../../trace/columns';
import { CELL_ERROR, minimapGrid, type MinimapGrid } from '../../trace/minimap';
import type { TraceView } from '../../trace/view';
import { between, position, wholeTrace } from '../../trace/viewport';
import { useRangeDrag } from './use-range-drag';
import styles from './minimap.module.css';

const PADDING_Y = 6;

export function Minimap({ view }: { view: TraceView }) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(frame);
  const theme = shownTheme.value;
  const { trace } = view;
  const grid = useMemo(() => minimapGrid(trace), [trace]);
  const picture = useMemo(() => paint(grid, trace, readColors(theme)), [grid, theme]);
  useEffect(() => {
    const context = prepareCanvas(canvas.current, size.width, size.height);
    if (context === null) return;
    context.imageSmoothingEnabled = grid.bands > size.height;
    const height = Math.min(size.height - 2 * PADDING_Y, grid.bands * 5);
    context.drawImage(picture, 0, (size.height - height) / 2, size.width, height);
  }, [picture, size.width, size.height]);
  const whole = wholeTrace(trace.extent);
  const { range, onPointerDown } = useRangeDrag((first, second) => {
    view.viewport.value = between(whole, trace.extent, first, second);
  });
  const [left, right] = [view.viewport.value.from, view.viewport.value.to].map((at) => position(whole, at) * 100);
  return (
    <div ref={frame} class={styles.minimap} onPointerDown={(event) => onPointerDown(event, size.width)} onDblClick={() => view.resetZoom()} title="Drag to zoom, double-click for the whole trace">
      <canvas ref={canvas} class={styles.canvas} role="img" aria-label={summary(trace)} />
      {view.isZoomed() && (
        <>
          <div class={styles.shade} style={{ left: '0', width: `${left}%` }} />
          <div class={styles.shade} style={{ left: `${right}%`, right: '0' }} />
          <div class={styles.window} style={{ left: `${left}%`, width: `max(4px, ${right - left}%)` }} />
        </>
      )}
      {range !== null && <div class={styles.drag} style={{ left: `${range.from * 100}%`, width: `${(range.to - range.from) * 100}%` }} />}
    </div>
  );
}

function paint(grid: MinimapGrid, trace: Trace, colors: Colors): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = grid.bins;
  canvas.height = grid.bands;
  const context = canvas.getContext('2d');
  if (context === null) return canvas;
  const image = context.createImageData(grid.bins, grid.bands);
  const pixels = new Uint32Array(image.data.buffer);
  const palette = [0, ...trace.services.slice(0, CELL_ERROR - 1).map((service) => packed(colors.slot(service.color_slot)))];
  palette[CELL_ERROR] = packed(colors.error);
  for (let cell = 0; cell < grid.cells.length; cell += 1) pixels[cell] = palette[grid.cells[cell]] ?? 0;
  context.putImageData(image, 0, 0);
  return canvas;
}

/** `rgb(r, g, b)` as a pixel of a little-endian image. */
function packed(color: string): number {
  const [red, green, blue] = (color.match(/\d+(\.\d+)?/g) ?? ['0', '0', '0']).map(Number);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function summary(trace: Trace): string {
  return `Overview of the whole trace: ${plural(trace.spanCount, 'span')} over ${formatDuration(trace.durationNanos)}, ${plural(trace.errorCount, 'error')}`;
}
