// The forms in which a trace can be taken away, each for another tool.

import { useRef, useState } from 'preact/hooks';
import { downloadAddress } from '../../api/client';
import button from '../../parts/button.module.css';
import { Icon } from '../../parts/icon';
import styles from './download-menu.module.css';

const FORMS = [
  { format: 'otlp-json', name: 'OTLP JSON', words: 'Everything, to read or to import again' },
  { format: 'otlp-protobuf', name: 'OTLP protobuf', words: 'Everything, in the fewest bytes' },
  { format: 'jaeger-json', name: 'Jaeger JSON', words: 'For Jaeger’s UI; times in microseconds' },
  { format: 'zipkin-json', name: 'Zipkin JSON', words: 'For Zipkin’s UI; every value a text' },
] as const;

export function DownloadMenu({ traceId }: { traceId: string }) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  return (
    <div
      ref={root}
      class={styles.menu}
      onFocusOut={(event) => {
        const next = event.relatedTarget;
        if (!(next instanceof Node) || root.current?.contains(next) !== true) setOpen(false);
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen) return;
        event.stopPropagation();
        setOpen(false);
        opener.current?.focus();
      }}
    >
      <button
        ref={opener}
        type="button"
        class={`${button.button} ${button.quiet} ${button.small}`}
        aria-expanded={isOpen}
        title="Download the trace"
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="download" size={14} /> Download <Icon name="chevronDown" size={12} />
      </button>
      {isOpen && (
        <ul class={styles.forms} aria-label="Download as">
          {FORMS.map((form) => (
            <li key={form.format}>
              <a href={downloadAddress(traceId, form.format)} download onClick={() => setOpen(false)}>
                <strong>{form.name}</strong>
                <small>{form.words}</small>
              </a>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
