// The frame: bar, page, dialogs, live region. Decides which page an address shows and moves focus to it.

import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchStatus } from '../api/client';
import { DropTarget } from '../import/drop-target';
import { ImportPanel } from '../import/import-panel';
import { Announcer } from '../parts/announcer';
import { ErrorBoundary } from '../parts/error-boundary';
import { ExplorePage } from '../pages/explore/explore-page';
import { StartPage } from '../pages/start/start-page';
import { TracePage } from '../pages/trace/trace-page';
import { UnknownPage } from '../pages/unknown-page';
import { navigate, place } from './place';
import { routeOf, type Route } from './routes';
import { toggleTheme } from './settings';
import { useShortcuts } from './shortcuts';
import { ShortcutsDialog } from './shortcuts-dialog';
import { TopBar } from './top-bar';

/** Pages on which a file can be dropped. */
const TAKES_FILES: ReadonlySet<Route['page']> = new Set<Route['page']>(['start', 'explore']);

export function App() {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const { path } = place.value;
  useGlobalShortcuts(() => setHelpOpen(true));
  useFocusOnArrival(main.current, path);
  return (
    <>
      <TopBar onHelp={() => setHelpOpen(true)} />
      <main ref={main} tabIndex={-1}>
        <ErrorBoundary what="This page" resetKey={path}>
          <Page route={routeOf(path)} />
        </ErrorBoundary>
      </main>
      {isHelpOpen && <ShortcutsDialog onClose={() => setHelpOpen(false)} />}
      {TAKES_FILES.has(routeOf(path).page) && <DropTarget />}
      <ImportPanel />
      <Announcer />
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'home':
      return <Home />;
    case 'start':
      return <StartPage />;
    case 'explore':
      return <ExplorePage />;
    case 'trace':
      return <TracePage key={route.traceId} traceId={route.traceId} />;
    case 'unknown':
      return <UnknownPage />;
  }
}

/** Shows nothing of its own: a full store is explored, an empty one is explained. */
function Home() {
  useEffect(() => {
    const controller = new AbortController();
    fetchStatus(controller.signal).then(
      (status) => navigate(status.storage.newest_trace_id === undefined && status.storage.spans === 0 ? '/start' : '/explore', 'replace'),
      () => {
        if (!controller.signal.aborted) navigate('/explore', 'replace');
      },
    );
    return () => controller.abort();
  }, []);
  return <h1 class="visually-hidden">Fanal</h1>;
}

function useGlobalShortcuts(openHelp: () => void): void {
  useShortcuts(
    () => ({
      title: 'Everywhere',
      shortcuts: [
        { keys: ['g e'], label: 'Go to Explore', run: () => navigate('/explore') },
        { keys: ['g s'], label: 'Go to Get started', run: () => navigate('/start') },
        { keys: ['D'], label: 'Switch theme', run: toggleTheme },
        { keys: ['?'], label: 'Show shortcuts', run: openHelp },
      ],
    }),
    [],
  );
}

/** A new page takes the focus, as a page load would; the first page leaves it where the browser put it. */
function useFocusOnArrival(main: HTMLElement | null, path: string): void {
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) main?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [path]);
}
