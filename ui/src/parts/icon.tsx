// The icons, drawn on a 16 px grid with 1.5 px strokes. Decoration only: whoever shows one names the control.

const PATHS = {
  alert: 'M8 2.2 14.6 13.6H1.4Z M8 6.4v3.4 M8 11.7v.1',
  check: 'M3 8.5 6.5 12 13 4.5',
  chevronDown: 'M4 6l4 4 4-4',
  chevronLeft: 'M10 4 6 8l4 4',
  chevronRight: 'M6 4l4 4-4 4',
  chevronUp: 'M4 10l4-4 4 4',
  close: 'M4 4l8 8 M12 4l-8 8',
  collapse: 'M3 8h10 M8 1.5v3.5 M6 3.5l2 2 2-2 M8 14.5V11 M6 12.5l2-2 2 2',
  copy: 'M5.5 5.5h8v8h-8z M10.5 5.5v-3h-8v8h3',
  download: 'M8 2v8 M4.5 7 8 10.5 11.5 7 M2.5 13.5h11',
  expand: 'M3 8h10 M8 5V1.5 M6 3l2-2 2 2 M8 11v3.5 M6 13l2 2 2-2',
  external: 'M6 3.5H3v9.5h9.5V10 M9 2.5h4.5V7 M13.5 2.5 7.5 8.5',
  filter: 'M2 3h12l-4.5 5.5V13l-3-1.5v-3z',
  keyboard: 'M1.5 4h13v8.5h-13z M4 7h.1 M6.5 7h.1 M9 7h.1 M11.5 7h.1 M5 10h6',
  link: 'M6.8 9.2 9.2 6.8 M5.5 7 3.7 8.8a2.5 2.5 0 0 0 3.5 3.5L9 10.5 M7 5.5l1.8-1.8a2.5 2.5 0 0 1 3.5 3.5L10.5 9',
  minus: 'M3 8h10',
  moon: 'M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z',
  plus: 'M3 8h10 M8 3v10',
  reset: 'M2 3v10 M14 3v10 M5 8h6 M6.8 6 5 8l1.8 2 M9.2 6 11 8l-1.8 2',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z M10.5 10.5 14 14',
  send: 'M14 2 7.5 8.5 M14 2l-4.3 12-2.2-5.5L2 6.3z',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6z M8 1v1.5 M8 13.5V15 M1 8h1.5 M13.5 8H15 M3 3l1 1 M12 12l1 1 M3 13l1-1 M12 4l1-1',
  upload: 'M8 10.5v-8 M4.5 5.5 8 2l3.5 3.5 M2.5 13.5h11',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: a ship's lantern. */
export function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 24 24" fill="none" aria-hidden="true" focusable="false">
      <path d="M8.4 9h7.2l1 9H7.4z M9 6.3h6 M12 3v3.3 M6.8 20.8h10.4" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" />
      <circle cx="12" cy="13.4" r="2.3" fill="var(--beacon)" />
      <path d="M2.2 9.6 4.6 11 M2 14.6l2.5-.6 M21.8 9.6 19.4 11 M22 14.6l-2.5-.6" stroke="var(--beacon)" stroke-width="1.5" stroke-linecap="round" />
    </svg>
  );
}
