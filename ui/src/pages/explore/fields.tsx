// Labelled fields of the search form, with their problem and help tied to them for screen readers.

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import styles from './form.module.css';

export function Field({ label, children }: { label: string; children: (id: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class={styles.field}>
      <label for={id}>{label}</label>
      {children(id)}
    </div>
  );
}

interface TextFieldProperties {
  label: string;
  placeholder?: string;
  type?: 'text' | 'datetime-local';
  value: string;
  problem?: string | undefined;
  help?: string;
  isMono?: boolean;
  onChange: (value: string) => void;
}

export function TextField({ label, placeholder = '', type = 'text', value, problem, help, isMono = false, onChange }: TextFieldProperties) {
  const id = useId();
  const common = {
    id,
    class: `${styles.input} ${isMono ? styles.mono : ''}`,
    value,
    'aria-invalid': problem !== undefined,
    'aria-describedby': `${id}-words`,
    onInput: (event: { currentTarget: HTMLInputElement }) => onChange(event.currentTarget.value),
  };
  return (
    <div class={styles.field}>
      <label for={id}>{label}</label>
      {type === 'text' ? (
        <input {...common} type="text" autocomplete="off" spellcheck={false} placeholder={placeholder} />
      ) : (
        <input {...common} type="datetime-local" step="0.001" />
      )}
      <div id={`${id}-words`}>
        {problem !== undefined && <div class={styles.problem} role="alert">{problem}</div>}
        {help !== undefined && <div class={styles.help}>{help}</div>}
      </div>
    </div>
  );
}

interface SelectProperties<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

export function Select<T extends string>({ label, value, options, onChange }: SelectProperties<T>) {
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} class={styles.input} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
