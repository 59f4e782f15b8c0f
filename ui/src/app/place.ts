// Where the user is: the address without the prefix, as a signal, and the two ways to change it. Links are
// plain anchors; one listener turns clicks on them into navigation without a reload.

import { signal } from '@preact/signals';
import { withBase, withoutBase } from '../lib/base';

export interface Place {
  path: string;
  /** With its `?`, or empty. */
  query: string;
  /** Counts visits, so that the same address visited anew can be told apart. */
  visit: number;
  /** `back` for the browser's back and forward buttons, `go` for everything else. */
  by: 'go' | 'back';
}

const placeSignal = signal<Place>(read(0, 'go'));

/** The present place; read `.value` in a component to follow it. */
export const place = { get value(): Place { return placeSignal.value; } };

/** Goes to `to` (path and query, no prefix). `replace` leaves no entry in the history. */
export function navigate(to: string, how: 'push' | 'replace' = 'push'): void {
  const address = withBase(to);
  if (how === 'replace') history.replaceState(history.state, '', address);
  else history.pushState(null, '', address);
  if (how === 'push') window.scrollTo(0, 0);
  placeSignal.value = read(placeSignal.value.visit + 1, 'go');
}

/** Changes the query in place without counting as a visit. */
export function rewriteQuery(query: string): void {
  history.replaceState(history.state, '', withBase(placeSignal.value.path + query));
  placeSignal.value = { ...placeSignal.value, query };
}

/** Call once at start. */
export function followBrowser(): void {
  history.scrollRestoration = 'manual';
  window.addEventListener('popstate', () => {
    placeSignal.value = read(placeSignal.value.visit + 1, 'back');
  });
  document.addEventListener('click', (event) => {
    const path = localPathOf(event);
    if (path === null) return;
    event.preventDefault();
    navigate(path);
  });
}

function localPathOf(event: MouseEvent): string | null {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const anchor = event.target instanceof Element ? event.target.closest('a[href]') : null;
  if (!(anchor instanceof HTMLAnchorElement) || anchor.hasAttribute('download') || anchor.target !== '' || anchor.dataset.reload !== undefined) return null;
  const address = new URL(anchor.href);
  const path = address.origin === window.location.origin ? withoutBase(address.pathname) : null;
  return path === null || path.startsWith('/fanal/') ? null : path + address.search;
}

function read(visit: number, by: Place['by']): Place {
  return { path: withoutBase(window.location.pathname) ?? '/', query: window.location.search, visit, by };
}
