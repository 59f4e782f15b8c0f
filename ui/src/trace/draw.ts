// Draws the bars of the rows in view. Work is proportional to the rows on the screen, never to the trace.

import { isSynthetic, STATUS_ERROR, type Trace } from './columns';
import { includes } from './find';
import type { Tick } from './ticks';
import { position, type Viewport } from './viewport';
import { serviceSlot } from './labels';

/** Colours that drawing needs; read from the tokens by the component. */
export interface BarColors {
  background: string;
  faint: string;
  grid: string;
  selected: string;
  error: string;
  text: string;
  slot: (slot: number) => string;
}

export interface BarScene {
  trace: Trace;
  rows: Uint32Array;
  /** First row drawn and one past the last. */
  first: number;
  end: number;
  /** Pixels of content above the view. */
  offset: number;
  rowHeight: number;
  /** Where the bar lies inside its row, pixels. */
  barTop: number;
  barHeight: number;
  /** The timeline inside the canvas, pixels. */
  left: number;
  width: number;
  height: number;
  viewport: Viewport;
  ticks: readonly Tick[];
  /** Row that is marked over the whole width, -1 for none. */
  selected: number;
  paneWidth: number;
  /** Ordinals found; others are dimmed while there are any. */
  matches: Uint32Array;
  /** Row whose events are known, and their times after the start of the trace. */
  marked: { ordinal: number; times: readonly number[] };
  /** True for slots that reuse a hue. */
  isStriped: (slot: number) => boolean;
}

const WIDTH_MIN = 2;
const NOTCH = 4;

export function drawBars(context: CanvasRenderingContext2D, scene: BarScene, colors: BarColors): void {
  drawSelected(context, scene, colors);
  context.save();
  context.beginPath();
  context.rect(scene.left - 2, 0, scene.width + 4, scene.height);
  context.clip();
  drawGrid(context, scene, colors);
  for (let index = scene.first; index < scene.end; index += 1) {
    const ordinal = scene.rows[index];
    const top = Math.round(index * scene.rowHeight - scene.offset) + scene.barTop;
    const isDimmed = scene.matches.length > 0 && !includes(scene.matches, ordinal);
    context.globalAlpha = isDimmed ? 0.3 : 1;
    if (isSynthetic(scene.trace, ordinal)) drawMissing(context, scene, ordinal, top, colors);
    else drawBar(context, scene, ordinal, top, colors);
    if (ordinal === scene.marked.ordinal) drawMarks(context, scene, top, colors);
  }
  context.restore();
}

function drawSelected(context: CanvasRenderingContext2D, scene: BarScene, colors: BarColors): void {
  for (let index = scene.first; index < scene.end; index += 1) {
    if (scene.rows[index] !== scene.selected) continue;
    context.fillStyle = colors.selected;
    context.fillRect(0, Math.round(index * scene.rowHeight - scene.offset), scene.paneWidth, scene.rowHeight);
  }
}

function drawGrid(context: CanvasRenderingContext2D, scene: BarScene, colors: BarColors): void {
  context.fillStyle = colors.grid;
  for (const tick of scene.ticks) {
    context.fillRect(Math.round(pixel(scene, tick.at)), 0, 1, scene.height);
  }
}

function drawBar(context: CanvasRenderingContext2D, scene: BarScene, ordinal: number, top: number, colors: BarColors): void {
  const { trace } = scene;
  const slot = serviceSlot(trace, ordinal);
  const end = trace.start[ordinal] + trace.duration[ordinal];
  const { left, width } = extent(scene, trace.start[ordinal], end);
  const body = bodyWidth(scene, ordinal, left, width);
  context.fillStyle = colors.slot(slot);
  bar(context, left, top, body, scene.barHeight);
  if (body < width) context.fillRect(left + body, top + scene.barHeight / 2 - 1.5, width - body, 3);
  if (scene.isStriped(slot)) {
    context.fillStyle = colors.background;
    context.fillRect(left, top + scene.barHeight / 2 - 1, body, 2);
  }
  if (trace.status[ordinal] === STATUS_ERROR) drawError(context, scene, left, top, width, colors);
}

/** Width of the part inside the parent; a child that outlasts its parent ends in a thin tail. */
function bodyWidth(scene: BarScene, ordinal: number, left: number, width: number): number {
  const parent = scene.trace.parent[ordinal];
  if (parent < 0 || isSynthetic(scene.trace, parent)) return width;
  const parentEnd = pixel(scene, scene.trace.start[parent] + scene.trace.duration[parent]);
  return parentEnd <= left ? width : Math.min(width, Math.max(WIDTH_MIN, parentEnd - left));
}

/** A red edge round the bar and a notch at its end, so that an error shows without its colour. */
function drawError(context: CanvasRenderingContext2D, scene: BarScene, left: number, top: number, width: number, colors: BarColors): void {
  const right = left + width;
  context.fillStyle = colors.error;
  context.fillRect(left, top + scene.barHeight - 2, width, 2);
  if (width < 3 * NOTCH) {
    context.fillRect(left, top, Math.min(width, 3), scene.barHeight);
    return;
  }
  context.fillRect(right - NOTCH - 2, top, NOTCH + 2, scene.barHeight);
  context.fillStyle = colors.background;
  context.beginPath();
  context.moveTo(right + 0.5, top);
  context.lineTo(right - NOTCH, top + scene.barHeight / 2);
  context.lineTo(right + 0.5, top + scene.barHeight);
  context.fill();
}

function drawMissing(context: CanvasRenderingContext2D, scene: BarScene, ordinal: number, top: number, colors: BarColors): void {
  const { left, width } = extent(scene, scene.trace.start[ordinal], scene.trace.start[ordinal] + scene.trace.duration[ordinal]);
  context.strokeStyle = colors.faint;
  context.setLineDash([3, 3]);
  context.strokeRect(left + 0.5, top + 0.5, Math.max(width - 1, 4), scene.barHeight - 1);
  context.setLineDash([]);
}

function drawMarks(context: CanvasRenderingContext2D, scene: BarScene, top: number, colors: BarColors): void {
  const middle = top + scene.barHeight / 2;
  for (const time of scene.marked.times) {
    const x = pixel(scene, time);
    context.beginPath();
    context.moveTo(x, middle - 5);
    context.lineTo(x + 4, middle);
    context.lineTo(x, middle + 5);
    context.lineTo(x - 4, middle);
    context.closePath();
    context.fillStyle = colors.text;
    context.fill();
    context.strokeStyle = colors.background;
    context.stroke();
  }
}

/** Pixels of a stretch of time, cut to just outside the view so that no coordinate is huge. */
function extent(scene: BarScene, from: number, to: number): { left: number; width: number } {
  const low = scene.left - 8;
  const high = scene.left + scene.width + 8;
  const left = Math.min(Math.max(pixel(scene, from), low), high);
  const right = Math.min(Math.max(pixel(scene, to), low), high);
  return { left, width: Math.max(WIDTH_MIN, right - left) };
}

function pixel(scene: BarScene, time: number): number {
  return scene.left + position(scene.viewport, time) * scene.width;
}

function bar(context: CanvasRenderingContext2D, left: number, top: number, width: number, height: number): void {
  if (width < 5) {
    context.fillRect(left, top, width, height);
    return;
  }
  context.beginPath();
  context.roundRect(left, top, width, height, 2);
  context.fill();
}
