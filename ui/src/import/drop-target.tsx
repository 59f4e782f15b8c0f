// Takes files that are dropped anywhere on the page, and says so while one is held over it.

import { useEffect, useState } from 'preact/hooks';
import { Icon } from '../parts/icon';
import { importFiles } from './imports';
import styles from './import.module.css';

export function DropTarget() {
  const isOver = useDrop();
  if (!isOver) return null;
  return (
    <div class={styles.overlay} aria-hidden="true">
      <div class={styles.frame}>
        <Icon name="upload" size={32} />
        <strong>Drop to import</strong>
        <span>OTLP JSON or protobuf, Jaeger JSON, Zipkin JSON; gzip and zstd too</span>
      </div>
    </div>
  );
}

function useDrop(): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    // Each element under the pointer is entered before the one before is left.
    let depth = 0;
    const on = (change: number, event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = Math.max(0, depth + change);
      setOver(depth > 0);
    };
    const enter = (event: DragEvent) => on(1, event);
    const leave = (event: DragEvent) => on(-1, event);
    const over = (event: DragEvent) => {
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      importFiles([...(event.dataTransfer?.files ?? [])]);
    };
    const listeners = { dragenter: enter, dragleave: leave, dragover: over, drop };
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) window.removeEventListener(name, listener as EventListener);
    };
  }, []);
  return isOver;
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
