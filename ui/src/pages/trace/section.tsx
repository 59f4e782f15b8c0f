// A part of the span panel that folds.

import type { ComponentChildren } from 'preact';
import { Icon } from '../../parts/icon';
import styles from './panel.module.css';

interface Properties {
  title: string;
  count?: number;
  isOpen?: boolean;
  isHidden?: boolean;
  children: ComponentChildren;
}

export function Section({ title, count, isOpen = false, isHidden = false, children }: Properties) {
  if (isHidden) return null;
  return (
    <details class={styles.section} open={isOpen}>
      <summary>
        <Icon name="chevronRight" size={14} /> {title} {count !== undefined && <span class={styles.count}>{count}</span>}
      </summary>
      <div class={styles.content}>{children}</div>
    </details>
  );
}
