// The button that opens the browser's choice of files.

import { useRef } from 'preact/hooks';
import button from '../parts/button.module.css';
import { Icon } from '../parts/icon';
import { importFiles } from './imports';

export function ImportButton({ size }: { size?: 'large' | 'small' }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class={`${button.button} ${size === undefined ? '' : button[size]}`}
        title="OTLP, Jaeger or Zipkin; a file can also be dropped anywhere on this page"
        onClick={() => input.current?.click()}
      >
        <Icon name="upload" size={size === 'small' ? 14 : 16} /> Import files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files of traces"
        onChange={(event) => {
          importFiles([...(event.currentTarget.files ?? [])]);
          // The same file may be chosen again.
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}
