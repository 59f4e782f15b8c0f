// One polite live region for the whole page.

import { signal } from '@preact/signals';

const message = signal('');

/** Has screen readers say the text. */
export function announce(text: string): void {
  message.value = message.peek() === text ? `${text}\u00a0` : text;
}

export function Announcer() {
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {message.value}
    </div>
  );
}
