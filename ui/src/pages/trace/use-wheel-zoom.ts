// Ctrl and the wheel (or a pinch) zoom at the pointer, shift and the wheel or a sideways swipe pan.

import { useEffect, useRef } from 'preact/hooks';
import type { TraceView } from '../../trace/view';
import { pan, zoomAt } from '../../trace/viewport';
import type { Geometry } from './geometry';

const ZOOM_PER_PIXEL = 0.004;

export function useWheelZoom(scroller: { current: HTMLElement | null }, view: TraceView, geometry: Geometry): void {
  const latest = useRef(geometry);
  latest.current = geometry;
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const onWheel = (event: WheelEvent) => {
      const { left, width } = latest.current;
      const { extent } = view.trace;
      const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (event.ctrlKey) {
        const x = event.clientX - element.getBoundingClientRect().left - left;
        const anchor = Math.min(Math.max(x / width, 0), 1);
        view.viewport.value = zoomAt(view.viewport.peek(), extent, Math.exp(event.deltaY * ZOOM_PER_PIXEL), anchor);
      } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY) && view.isZoomed()) {
        view.viewport.value = pan(view.viewport.peek(), extent, sideways / width);
      } else {
        return;
      }
      event.preventDefault();
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [view]);
}
