// The colour of a service: the server gives the slot, the tokens give the colour. Slots 10–19 reuse the hues
// with a stripe, later ones are neutral; the name is always printed beside it.

import type { ServiceCount } from '../api/types';
import styles from './service.module.css';

const HUES = 10;

/** Name of the token for a slot. */
export function slotToken(slot: number): string {
  return slot < 2 * HUES ? `--service-${slot % HUES}` : '--service-more';
}

export function isStriped(slot: number): boolean {
  return slot >= HUES && slot < 2 * HUES;
}

export function ServiceDot({ slot }: { slot: number }) {
  return <span class={`${styles.dot} ${isStriped(slot) ? styles.striped : ''}`} style={{ '--slot': `var(${slotToken(slot)})` }} aria-hidden="true" />;
}

/** Shares of the services as one thin bar; decoration, the counts stand beside it. */
export function ServiceBlock({ services }: { services: readonly ServiceCount[] }) {
  return (
    <div class={styles.block} aria-hidden="true">
      {services.map((service) => (
        <span
          key={service.name}
          class={`${styles.part} ${isStriped(service.color_slot) ? styles.striped : ''}`}
          style={{ '--slot': `var(${slotToken(service.color_slot)})`, flexGrow: service.span_count }}
        />
      ))}
    </div>
  );
}
