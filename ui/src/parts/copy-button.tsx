// Copies a text and says so, in the button and to screen readers.

import { useEffect, useState } from 'preact/hooks';
import { announce } from './announcer';
import { Icon } from './icon';
import button from './button.module.css';

const SHOWN_MS = 1_500;

interface Properties {
  /** The text, or how to get it. */
  text: string | (() => string);
  /** Accessible name, and tooltip: "Copy trace id". */
  label: string;
  /** Printed beside the icon. */
  caption?: string;
}

export function CopyButton({ text, label, caption }: Properties) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => {
    const isDone = await copyText(typeof text === 'string' ? text : text());
    setCopied(isDone);
    announce(isDone ? 'Copied' : 'The browser refused to copy');
  };
  return (
    <button type="button" class={`${button.button} ${button.quiet} ${button.small} ${caption === undefined ? button.icon : ''}`} aria-label={label} title={label} onClick={copy}>
      <Icon name={isCopied ? 'check' : 'copy'} size={14} />
      {caption}
    </button>
  );
}

/** True when the text is on the clipboard. Works on plain http too, where the clipboard API is missing. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}
