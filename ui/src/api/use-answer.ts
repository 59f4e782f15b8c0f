// One server answer as component state: loads when the key changes, gives up the request when it is no longer
// wanted, keeps the last good answer while the next one loads.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { asFailure, isAbort, type ApiFailure } from './client';

export interface Answer<T> {
  data: T | undefined;
  error: ApiFailure | undefined;
  isLoading: boolean;
  reload: () => void;
}

interface Held<T> {
  key: string | null;
  data?: T;
  error?: ApiFailure;
}

/** `load` runs whenever `key` changes; a null key loads nothing. */
export function useAnswer<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [held, setHeld] = useState<Held<T>>({ key: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    load(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setHeld({ key, data });
      },
      (cause: unknown) => {
        if (!isAbort(cause) && !controller.signal.aborted) setHeld({ key, error: asFailure(cause) });
      },
    );
    return () => controller.abort();
  }, [key, round]);
  const reload = useCallback(() => {
    setHeld({ key: null });
    setRound((previous) => previous + 1);
  }, []);
  const isCurrent = held.key === key;
  return { data: held.data, error: isCurrent ? held.error : undefined, isLoading: key !== null && !isCurrent, reload };
}
