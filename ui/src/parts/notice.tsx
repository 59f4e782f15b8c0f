// Words from the system: a notice in the flow, the middle of an empty page, the grey shapes of a page loading.

import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon';
import styles from './notice.module.css';

export function Notice({ tone, title, children }: { tone: 'warn' | 'error' | 'info'; title?: string; children?: ComponentChildren }) {
  return (
    <div class={`${styles.notice} ${tone === 'info' ? '' : styles[tone]}`} role={tone === 'error' ? 'alert' : undefined}>
      {tone !== 'info' && <Icon name="alert" />}
      <div class={styles.body}>
        {title !== undefined && <div class={styles.title}>{title}</div>}
        {children}
      </div>
    </div>
  );
}

/** The whole pane says why it is empty and what to do. */
export function EmptyPane({ icon, title, children, actions }: { icon: IconName; title: string; children?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <div class={styles.empty}>
      <Icon name={icon} size={28} />
      <h1>{title}</h1>
      {children}
      {actions !== undefined && <div class={styles.actions}>{actions}</div>}
    </div>
  );
}

/** `height` in pixels, `width` as CSS. */
export function Skeleton({ height, width = '100%' }: { height: number; width?: string }) {
  return <div class={styles.skeleton} style={{ height: `${height}px`, width }} />;
}
