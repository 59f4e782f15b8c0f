// The server's status, asked for every second while the page is visible.

import { useEffect, useState } from 'preact/hooks';
import { fetchStatus } from '../../api/client';
import type { StatusResponse } from '../../api/types';
import { follow, type Arrival } from './arrival';

const INTERVAL_MS = 1_000;

export interface PolledStatus {
  /** Last good answer, null before the first. */
  status: StatusResponse | null;
  arrival: Arrival | null;
  /** True while the last request failed. */
  isLost: boolean;
}

export function usePolledStatus(): PolledStatus {
  const [state, setState] = useState<PolledStatus>({ status: null, arrival: null, isLost: false });
  useEffect(() => {
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const poll = async () => {
      if (document.visibilityState === 'visible') {
        const status = await fetchStatus(controller.signal).catch(() => null);
        if (controller.signal.aborted) return;
        setState((previous) =>
          status === null ? { ...previous, isLost: true } : { status, arrival: follow(previous.arrival, status), isLost: false },
        );
      }
      timer = setTimeout(poll, INTERVAL_MS);
    };
    void poll();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, []);
  return state;
}
