// The title of the browser tab while a page is shown.

import { useEffect } from 'preact/hooks';

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Fanal' : `${title} · Fanal`;
  }, [title]);
}
