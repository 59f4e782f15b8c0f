// The line between names and timeline: drag it, or move it with the arrow keys.

import { clampNameWidth, nameWidth } from '../../app/settings';
import styles from './waterfall.module.css';

const KEY_STEP = 24;

export function NameDivider({ left }: { left: number }) {
  const onPointerDown = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof HTMLElement)) return;
    const target = event.currentTarget;
    const start = { x: event.clientX, width: nameWidth.value };
    target.setPointerCapture(event.pointerId);
    const onMove = (move: PointerEvent) => {
      nameWidth.value = clampNameWidth(start.width + move.clientX - start.x);
    };
    const onEnd = () => target.removeEventListener('pointermove', onMove);
    target.addEventListener('pointermove', onMove);
    target.addEventListener('pointerup', onEnd, { once: true });
    target.addEventListener('pointercancel', onEnd, { once: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowLeft' ? -KEY_STEP : event.key === 'ArrowRight' ? KEY_STEP : 0;
    if (step === 0) return;
    event.preventDefault();
    nameWidth.value = clampNameWidth(nameWidth.value + step);
  };
  return (
    <div
      class={styles.divider}
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label="Width of the name column"
      aria-valuenow={left}
      aria-valuemin={160}
      aria-valuemax={720}
      style={{ left: `${left}px` }}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    />
  );
}
