// The imports in the corner of the page: how far each file is, what came of it, where its traces are.

import { withBase } from '../lib/base';
import { formatBytes, plural } from '../lib/text';
import button from '../parts/button.module.css';
import { Icon } from '../parts/icon';
import type { ImportResponse } from '../api/types';
import { forgetEnded, imports, isImporting, isUnderWay, stopImport, type FileImport } from './imports';
import { placeOf, summaryOf } from './result';
import styles from './import.module.css';

export function ImportPanel() {
  const files = imports.value;
  if (files.length === 0) return null;
  return (
    <section class={styles.panel} aria-label="Imports">
      <div class={styles.head}>
        <h2>{isImporting() ? 'Importing' : 'Imported'}</h2>
        {files.some((file) => !isUnderWay(file)) && (
          <button type="button" class={`${button.button} ${button.quiet} ${button.small} ${button.icon}`} aria-label="Close the imports that have ended" title="Close" onClick={forgetEnded}>
            <Icon name="close" size={14} />
          </button>
        )}
      </div>
      <ul class={styles.files}>
        {files.map((file) => (
          <li key={file.id} class={styles.file}>
            <div class={styles.name}>
              <StateIcon file={file} />
              <span title={file.name}>{file.name}</span>
              <small>{formatBytes(file.bytes)}</small>
            </div>
            <FileState file={file} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function StateIcon({ file: { state } }: { file: FileImport }) {
  if (state.step === 'failed') return <span class={styles.bad}><Icon name="alert" size={14} /></span>;
  if (state.step === 'done') {
    const isGood = state.result.problem === undefined && state.result.rejected_spans === 0;
    return <span class={isGood ? styles.good : styles.odd}><Icon name={isGood ? 'check' : 'alert'} size={14} /></span>;
  }
  return <Icon name="upload" size={14} />;
}

function FileState({ file }: { file: FileImport }) {
  const { state } = file;
  switch (state.step) {
    case 'waiting':
      return (
        <div class={styles.sending}>
          <span class={styles.waiting}>Waiting for its turn</span>
          <StopButton file={file} />
        </div>
      );
    case 'sending':
      return <Sending file={file} share={state.share} />;
    case 'failed':
      return <p class={styles.words}>{state.failure.message}</p>;
    case 'done':
      return <Done result={state.result} />;
  }
}

/** Everything has left before everything is stored. */
function Sending({ file, share }: { file: FileImport; share: number }) {
  const percent = Math.floor(share * 100);
  return (
    <div class={styles.sending}>
      <progress max={100} value={percent} aria-label={`Sending ${file.name}`} />
      <span class={styles.percent}>{share < 1 ? `${percent} %` : 'storing …'}</span>
      <StopButton file={file} />
    </div>
  );
}

function StopButton({ file }: { file: FileImport }) {
  return (
    <button type="button" class={`${button.button} ${button.quiet} ${button.small}`} aria-label={`Stop ${file.name}`} onClick={() => stopImport(file.id)}>
      Stop
    </button>
  );
}

function Done({ result }: { result: ImportResponse }) {
  const target = placeOf(result);
  return (
    <>
      <p class={styles.words}>{summaryOf(result)}</p>
      {result.rejects.map((reject) => (
        <p key={reject.reason} class={styles.words}>
          <strong>{plural(reject.span_count, 'span')} rejected</strong>: {reject.detail}
        </p>
      ))}
      {result.problem !== undefined && <p class={styles.words}><strong>Not read to its end</strong>: {result.problem}</p>}
      {target !== null && (
        <a class={styles.open} href={withBase(target)}>
          {result.trace_count === 1 ? 'Open the trace' : 'Show the traces'} <Icon name="chevronRight" size={12} />
        </a>
      )}
    </>
  );
}
