// The files that are being imported and those that were: one signal, so that an import goes on while the user goes
// elsewhere. Files go one after the other.

import { signal } from '@preact/signals';
import { ApiFailure, asFailure } from '../api/client';
import type { ImportResponse } from '../api/types';
import { navigate, place } from '../app/place';
import { announce } from '../parts/announcer';
import { isWhole, placeOf, summaryOf } from './result';
import { upload } from './upload';

export type ImportState =
  | { step: 'waiting' }
  | { step: 'sending'; share: number }
  | { step: 'done'; result: ImportResponse }
  | { step: 'failed'; failure: ApiFailure };

export interface FileImport {
  id: number;
  name: string;
  bytes: number;
  state: ImportState;
}

/** Pauses before a file is offered again to a server that has its hands full. */
const BUSY_PAUSES_MS = [1_000, 2_000, 4_000, 8_000];

const importsSignal = signal<readonly FileImport[]>([]);
const stoppers = new Map<number, AbortController>();
let lastId = 0;
let queue = Promise.resolve();

/** Read `.value` in a component to follow them. */
export const imports = { get value(): readonly FileImport[] { return importsSignal.value; } };

export function isImporting(): boolean {
  return importsSignal.value.some(isUnderWay);
}

export function isUnderWay({ state }: FileImport): boolean {
  return state.step === 'waiting' || state.step === 'sending';
}

/** Sends the files. A single one that is stored whole is opened, unless its user has gone elsewhere. */
export function importFiles(files: readonly File[]): void {
  const from = place.value.path;
  for (const file of files) {
    lastId += 1;
    const id = lastId;
    const stopper = new AbortController();
    stoppers.set(id, stopper);
    importsSignal.value = [...importsSignal.value, { id, name: file.name, bytes: file.size, state: { step: 'waiting' } }];
    queue = queue.then(async () => {
      const result = await run(id, file, stopper.signal);
      const target = result === null || !isWhole(result) ? null : placeOf(result);
      if (files.length === 1 && target !== null && place.value.path === from) navigate(target);
    });
  }
}

/** Stops an import that is under way, or that waits for its turn. */
export function stopImport(id: number): void {
  stoppers.get(id)?.abort();
  const isWaiting = importsSignal.value.some((entry) => entry.id === id && entry.state.step === 'waiting');
  if (isWaiting) change(id, { step: 'failed', failure: new ApiFailure('stopped', 'stopped before it was sent') });
}

/** Takes those that have ended off the page. */
export function forgetEnded(): void {
  importsSignal.value = importsSignal.value.filter(isUnderWay);
}

async function run(id: number, file: File, signal: AbortSignal): Promise<ImportResponse | null> {
  try {
    if (signal.aborted) return null;
    const result = await uploadPatiently(id, file, signal);
    change(id, { step: 'done', result });
    announce(`${file.name}: ${summaryOf(result)}`);
    return result;
  } catch (cause) {
    const failure = asFailure(cause);
    change(id, { step: 'failed', failure });
    announce(`${file.name}: ${failure.message}`);
    return null;
  } finally {
    stoppers.delete(id);
  }
}

async function uploadPatiently(id: number, file: File, signal: AbortSignal): Promise<ImportResponse> {
  for (const pause of BUSY_PAUSES_MS) {
    change(id, { step: 'sending', share: 0 });
    try {
      return await upload(file, (share) => change(id, { step: 'sending', share }), signal);
    } catch (cause) {
      if (asFailure(cause).kind !== 'overloaded') throw cause;
      await new Promise((resolve) => {
        setTimeout(resolve, pause);
        signal.addEventListener('abort', resolve);
      });
    }
  }
  return upload(file, (share) => change(id, { step: 'sending', share }), signal);
}

function change(id: number, state: ImportState): void {
  importsSignal.value = importsSignal.value.map((entry) => (entry.id === id ? { ...entry, state } : entry));
}
