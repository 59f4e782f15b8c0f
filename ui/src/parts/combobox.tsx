// A text field with suggestions, after the ARIA authoring practices: the text is free, the list helps. Arrows
// walk the list, Enter takes the marked one, Escape closes.

import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import styles from './combobox.module.css';

export interface Option {
  value: string;
  /** Printed small at the end of the line. */
  hint?: string;
  icon?: ComponentChildren;
}

interface Properties {
  id: string;
  inputClass: string;
  value: string;
  placeholder: string;
  options: readonly Option[];
  onChange: (value: string) => void;
  /** Called when the list opens, so that it can be filled. */
  onOpen?: () => void;
}

const SHOWN_MAX = 50;

export function Combobox({ id, inputClass, value, placeholder, options, onChange, onOpen }: Properties) {
  const listId = useId();
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [isTyped, setTyped] = useState(false);
  const shown = isOpen ? matching(options, isTyped ? value : '') : [];
  const open = () => {
    if (!isOpen) onOpen?.();
    setOpen(true);
    setActive(-1);
  };
  const take = (option: Option) => {
    onChange(option.value);
    setOpen(false);
    setTyped(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen) return open();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setActive((active + step + shown.length + (active < 0 && step < 0 ? 1 : 0)) % Math.max(1, shown.length));
    } else if (event.key === 'Enter' && shown[active] !== undefined) {
      event.preventDefault();
      take(shown[active]);
    } else if (event.key === 'Escape' && isOpen) {
      event.preventDefault();
      setOpen(false);
    }
  };
  return (
    <div class={styles.box}>
      <input
        id={id}
        class={inputClass}
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={value}
        aria-autocomplete="list"
        aria-expanded={shown.length > 0}
        aria-controls={listId}
        aria-activedescendant={shown[active] === undefined ? undefined : `${listId}-${active}`}
        onFocus={open}
        onClick={open}
        onBlur={() => {
          setOpen(false);
          setTyped(false);
        }}
        onInput={(event) => {
          setTyped(true);
          onChange(event.currentTarget.value);
          open();
        }}
        onKeyDown={onKeyDown}
      />
      <OptionList id={listId} options={shown} active={active} onTake={take} />
    </div>
  );
}

function OptionList({ id, options, active, onTake }: { id: string; options: readonly Option[]; active: number; onTake: (option: Option) => void }) {
  return (
    <div id={id} class={styles.list} role="listbox" aria-label="Suggestions" hidden={options.length === 0}>
      {options.map((option, index) => (
        <div
          key={`${option.value} ${option.hint ?? ''}`}
          id={`${id}-${index}`}
          class={`${styles.option} ${index === active ? styles.active : ''}`}
          role="option"
          aria-selected={index === active}
          onMouseDown={(event) => {
            event.preventDefault();
            onTake(option);
          }}
        >
          {option.icon}
          <span>{option.value}</span>
          {option.hint !== undefined && <span class={styles.hint}>{option.hint}</span>}
        </div>
      ))}
    </div>
  );
}

function matching(options: readonly Option[], text: string): readonly Option[] {
  const wanted = text.trim().toLowerCase();
  return options.filter((option) => option.value.toLowerCase().includes(wanted)).slice(0, SHOWN_MAX);
}
