// The picture above the list: one dot a trace, start time against duration. A help for the eye and the mouse;
// the list below says the same in words.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TraceSummary } from '../../api/types';
import { navigate } from '../../app/place';
import { tracePath } from '../../app/routes';
import { shownTheme } from '../../app/settings';
import { formatDateTime, formatTimeOfDay } from '../../lib/clock';
import { formatDuration } from '../../lib/duration';
import { plural } from '../../lib/text';
import { prepareCanvas } from '../../parts/canvas';
import { readColors, type Colors } from '../../parts/colors';
import { useSize } from '../../parts/use-size';
import { dotAt, scatterOf, type Dot, type Scatter } from './scatter';
import styles from './results.module.css';

const PADDING = { left: 62, right: 18, top: 14, bottom: 24 };
const REACH = 14;

interface Plot {
  width: number;
  height: number;
}

export function ScatterPlot({ traces }: { traces: readonly TraceSummary[] }) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(frame);
  const scatter = useMemo(() => scatterOf(traces), [traces]);
  const [hovered, setHovered] = useState<Dot | null>(null);
  const plot: Plot = { width: size.width - PADDING.left - PADDING.right, height: size.height - PADDING.top - PADDING.bottom };
  const theme = shownTheme.value;
  useEffect(() => {
    const context = prepareCanvas(canvas.current, size.width, size.height);
    if (context !== null) draw(context, scatter, plot, readColors(theme), hovered);
  }, [scatter, size.width, size.height, theme, hovered]);
  const find = (event: MouseEvent) => dotAt(scatter, event.offsetX - PADDING.left, event.offsetY - PADDING.top, plot.width, plot.height, REACH);
  return (
    <div ref={frame} class={styles.plot}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={summary(traces)}
        onMouseMove={(event) => {
          const dot = find(event);
          event.currentTarget.style.cursor = dot === null ? '' : 'pointer';
          setHovered(dot);
        }}
        onMouseLeave={() => setHovered(null)}
        onClick={(event) => {
          const dot = find(event);
          if (dot !== null) navigate(tracePath(traces[dot.index].trace_id));
        }}
      />
      {hovered !== null && <Tip dot={hovered} trace={traces[hovered.index]} plot={plot} />}
    </div>
  );
}

function Tip({ dot, trace, plot }: { dot: Dot; trace: TraceSummary; plot: Plot }) {
  const x = PADDING.left + dot.x * plot.width;
  const isLeft = dot.x < 0.6;
  const side = isLeft ? { left: `${x + 14}px` } : { right: `${PADDING.right + (1 - dot.x) * plot.width + 14}px` };
  return (
    <div class={styles.tip} style={{ ...side, top: `${Math.max(4, (1 - dot.y) * plot.height - 24)}px` }} aria-hidden="true">
      <b>{formatDuration(BigInt(trace.duration_nanos))}</b> {trace.root_service} {trace.root_name ?? 'no root yet'}
      <br />
      {formatDateTime(BigInt(trace.start_unix_nano))}, {plural(trace.span_count, 'span')}
      {trace.error_count > 0 && `, ${plural(trace.error_count, 'error')}`}
    </div>
  );
}

function draw(context: CanvasRenderingContext2D, scatter: Scatter, plot: Plot, colors: Colors, hovered: Dot | null): void {
  context.font = colors.font;
  drawGrid(context, scatter, plot, colors);
  for (const dot of scatter.dots) {
    const [x, y] = [PADDING.left + dot.x * plot.width, PADDING.top + (1 - dot.y) * plot.height];
    context.beginPath();
    context.arc(x, y, dot.radius, 0, 2 * Math.PI);
    context.globalAlpha = dot === hovered ? 1 : 0.72;
    context.fillStyle = colors.slot(dot.slot);
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = dot.isError ? 2 : 1;
    context.strokeStyle = dot.isError ? colors.error : colors.background;
    if (dot === hovered) context.strokeStyle = colors.text;
    context.stroke();
  }
}

function drawGrid(context: CanvasRenderingContext2D, scatter: Scatter, plot: Plot, colors: Colors): void {
  const room = Math.max(1, Math.ceil((scatter.levels.length * 18) / plot.height));
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  scatter.levels.forEach((level, index) => {
    if (index % room !== 0) return;
    const y = Math.round(PADDING.top + (1 - level.y) * plot.height) + 0.5;
    context.strokeStyle = colors.grid;
    context.beginPath();
    context.moveTo(PADDING.left - 8, y);
    context.lineTo(PADDING.left + plot.width + 8, y);
    context.stroke();
    context.fillStyle = colors.faint;
    context.fillText(formatDuration(level.nanos), PADDING.left - 14, y);
  });
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  context.fillText(formatTimeOfDay(scatter.startNanos), PADDING.left - 8, PADDING.top + plot.height + 18);
  if (scatter.endNanos === scatter.startNanos) return;
  context.textAlign = 'right';
  context.fillText(formatTimeOfDay(scatter.endNanos), PADDING.left + plot.width + 8, PADDING.top + plot.height + 18);
}

function summary(traces: readonly TraceSummary[]): string {
  const durations = traces.map((trace) => Number(trace.duration_nanos));
  const errors = traces.filter((trace) => trace.error_count > 0).length;
  return `Start time against duration of ${plural(traces.length, 'trace')}, from ${formatDuration(Math.min(...durations))} to ${formatDuration(Math.max(...durations))}, ${errors} with errors. The list below holds the same.`;
}
