// A modal dialog on the browser's own element: focus stays inside, Escape and a click outside close it.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icon';
import button from './button.module.css';
import styles from './dialog.module.css';

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const titleId = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={styles.dialog}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class={styles.head}>
        <h2 id={titleId}>{title}</h2>
        <button type="button" class={`${button.button} ${button.quiet} ${button.icon}`} aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </button>
      </div>
      <div class={styles.body}>{children}</div>
    </dialog>
  );
}
