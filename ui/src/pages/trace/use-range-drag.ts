// A horizontal drag as two fractions of a width. Short drags are clicks and do nothing.

import { useState } from 'preact/hooks';

const PIXELS_MIN = 4;

interface Range {
  from: number;
  to: number;
}

/** `onDone` gets where the drag began and ended, each 0 … 1. */
export function useRangeDrag(onDone: (first: number, second: number) => void) {
  const [range, setRange] = useState<Range | null>(null);
  const onPointerDown = (event: PointerEvent, width: number) => {
    if (event.button !== 0 || !(event.currentTarget instanceof HTMLElement)) return;
    const target = event.currentTarget;
    const left = target.getBoundingClientRect().left;
    const fraction = (clientX: number) => Math.min(Math.max((clientX - left) / width, 0), 1);
    const first = fraction(event.clientX);
    target.setPointerCapture(event.pointerId);
    const onMove = (move: PointerEvent) => {
      const second = fraction(move.clientX);
      setRange({ from: Math.min(first, second), to: Math.max(first, second) });
    };
    const onEnd = (end: PointerEvent) => {
      target.removeEventListener('pointermove', onMove);
      target.removeEventListener('pointerup', onEnd);
      target.removeEventListener('pointercancel', onEnd);
      setRange(null);
      if (end.type === 'pointerup' && Math.abs(end.clientX - event.clientX) >= PIXELS_MIN) onDone(first, fraction(end.clientX));
    };
    target.addEventListener('pointermove', onMove);
    target.addEventListener('pointerup', onEnd);
    target.addEventListener('pointercancel', onEnd);
  };
  return { range, onPointerDown };
}
