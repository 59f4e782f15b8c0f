// First run: waits for the first span, shows where it is listened, how to send one, and what came in so far;
// the moment a span lands it becomes that trace.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { asFailure, fetchTrace, postOtlp } from '../../api/client';
import { makeTestTrace } from '../../api/test-trace';
import type { StatusResponse } from '../../api/types';
import { navigate } from '../../app/place';
import { tracePath } from '../../app/routes';
import { useTitle } from '../../app/use-title';
import { ImportButton } from '../../import/import-button';
import { isImporting } from '../../import/imports';
import { withBase } from '../../lib/base';
import { plural } from '../../lib/text';
import button from '../../parts/button.module.css';
import { CopyButton } from '../../parts/copy-button';
import { Icon } from '../../parts/icon';
import { Notice } from '../../parts/notice';
import { Tabs } from '../../parts/tabs';
import { Arrivals, Listeners } from './ingest-cards';
import { endpointsOf, snippetsFor } from './snippets';
import { traceToOpen } from './arrival';
import { usePolledStatus } from './use-polled-status';
import styles from './start.module.css';

export function StartPage() {
  useTitle('Get started');
  const { status, arrival, isLost } = usePolledStatus();
  // A file says itself where its traces are, once it is read.
  const target = isImporting() ? null : traceToOpen(arrival);
  useEffect(() => {
    if (target !== null) navigate(tracePath(target), 'replace');
  }, [target]);
  return (
    <div class={styles.page}>
      <Hero status={status} isLost={isLost} landed={arrival?.landed} />
      <Snippets status={status} />
      <aside class={styles.side} aria-label="What the server sees">
        <Listeners status={status} />
        <Arrivals status={status} />
      </aside>
    </div>
  );
}

function Hero({ status, isLost, landed }: { status: StatusResponse | null; isLost: boolean; landed: string | undefined }) {
  const stored = status?.storage.spans ?? 0;
  const isEmpty = status !== null && status.storage.newest_trace_id === undefined;
  const title = isLost ? 'The server does not answer' : isEmpty || status === null ? 'Waiting for your first span' : 'Listening for spans';
  return (
    <section class={styles.hero} aria-label="First span">
      <div class={`${styles.pulse} ${isLost ? styles.lost : ''}`} aria-hidden="true" />
      <div class={styles.words}>
        <h1>{title}</h1>
        {isLost && <p>Trying again every second. What is below may be out of date.</p>}
        {!isLost && isEmpty && <p>Point any OpenTelemetry SDK at one of the addresses below. The moment a span lands, this page turns into its trace. Or drop a file of traces here.</p>}
        {!isLost && !isEmpty && status !== null && (
          <p>
            {plural(stored, 'span')} stored. <a href={withBase('/explore')}>Explore them</a>
            {landed !== undefined && <>, or <a href={withBase(tracePath(landed))}>open the trace that just came in</a></>}.
          </p>
        )}
      </div>
      <div class={styles.ways}>
        <TestTraceButton />
        <ImportButton size="large" />
      </div>
    </section>
  );
}

function TestTraceButton() {
  const [isSending, setSending] = useState(false);
  const [problem, setProblem] = useState('');
  const send = async () => {
    setSending(true);
    setProblem('');
    try {
      const { traceId, body } = makeTestTrace(Date.now(), randomHex);
      await postOtlp(body);
      await waitForTrace(traceId);
      navigate(tracePath(traceId));
    } catch (cause) {
      setProblem(asFailure(cause).message);
      setSending(false);
    }
  };
  return (
    <div class={styles.send}>
      <button type="button" class={`${button.button} ${button.primary} ${button.large}`} disabled={isSending} onClick={send}>
        <Icon name="send" /> {isSending ? 'Sending …' : 'Send a test trace'}
      </button>
      {problem !== '' && <Notice tone="error" title="The test trace was not accepted">{problem}</Notice>}
    </div>
  );
}

function Snippets({ status }: { status: StatusResponse | null }) {
  const [selected, setSelected] = useState('curl');
  const endpoints = endpointsOf(status?.listeners ?? [], window.location.hostname);
  const snippets = useMemo(() => snippetsFor(endpoints), [endpoints.http, endpoints.grpc]);
  const snippet = snippets.find((candidate) => candidate.id === selected) ?? snippets[0];
  return (
    <section class={styles.steps} aria-labelledby="send-a-span">
      <h2 id="send-a-span">Send a span</h2>
      <Tabs label="Language" tabs={snippets} selected={selected} onSelect={setSelected}>
        <p class={styles.intro}>{snippet.intro}</p>
        <div class={styles.code}>
          <pre tabIndex={0} role="region" aria-label={`${snippet.label} snippet`}><code>{snippet.code}</code></pre>
          <CopyButton text={snippet.code} label={`Copy the ${snippet.label} snippet`} />
        </div>
      </Tabs>
    </section>
  );
}

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Resolves once the trace can be read; gives up after three seconds and lets its page explain. */
async function waitForTrace(traceId: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const isThere = await fetchTrace(traceId).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
