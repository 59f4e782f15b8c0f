// The two cards beside the snippets: where the server listens, and what has come in since it started.

import type { Listener, Rejection, StatusResponse } from '../../api/types';
import { formatAgo } from '../../lib/clock';
import { formatCount } from '../../lib/text';
import { CopyButton } from '../../parts/copy-button';
import { Notice } from '../../parts/notice';
import { clientAddress } from './snippets';
import styles from './start.module.css';

const CONSUMER_NAMES: Record<string, string> = {
  kafka: 'Kafka',
};

export function Listeners({ status }: { status: StatusResponse | null }) {
  return (
    <section aria-labelledby="listening-on">
      <h2 id="listening-on">Listening on</h2>
      <dl class={styles.card}>
        {(status?.listeners ?? []).map((listener) => (
          <div key={listener.name} class={styles.line}>
            <dt>
              {listener.title}
              <span class={`${styles.small} ${styles.listening}`}>listening</span>
            </dt>
            <dd>
              <code>{listener.address}</code>
              <CopyButton text={clientAddress(listener.address, window.location.hostname)} label={`Copy the address for ${listener.title}`} />
            </dd>
          </div>
        ))}
        {(status?.consumers ?? []).map((consumer) => (
          <div key={consumer.name} class={styles.line}>
            <dt>
              {CONSUMER_NAMES[consumer.name] ?? consumer.name}
              <span class={`${styles.small} ${styles.listening}`}>consuming</span>
            </dt>
            <dd>
              <code>{consumer.origin}</code>
            </dd>
          </div>
        ))}
        {status === null && <div class={styles.line}><dt>Asking the server …</dt></div>}
      </dl>
    </section>
  );
}

export function Arrivals({ status }: { status: StatusResponse | null }) {
  if (status === null) return null;
  const { ingest, sampling } = status;
  const newest = ingest.recent_rejections[0];
  return (
    <section aria-labelledby="came-in">
      <h2 id="came-in">Came in so far</h2>
      <dl class={styles.card}>
        <Counter label="Requests" count={ingest.requests} />
        <Counter label="Accepted spans" count={ingest.accepted_spans} />
        <Counter label="Rejected spans" count={ingest.rejected_spans} isBad />
        <Counter label="Rejected requests" count={ingest.rejected_requests} isBad />
      </dl>
      {newest !== undefined && <NewestRejection rejection={newest} listeners={status.listeners} />}
      {sampling.file_problem !== undefined && (
        <div class={styles.rejection}>
          <Notice tone="error" title="Sampling strategies are not up to date">
            <p>{sampling.file_problem}</p>
          </Notice>
        </div>
      )}
    </section>
  );
}

function Counter({ label, count, isBad = false }: { label: string; count: number; isBad?: boolean }) {
  return (
    <div class={styles.line}>
      <dt>{label}</dt>
      <dd class={`${styles.count} ${isBad && count > 0 ? styles.bad : ''}`}>{formatCount(count)}</dd>
    </div>
  );
}

function NewestRejection({ rejection, listeners }: { rejection: Rejection; listeners: readonly Listener[] }) {
  const listener = listeners.find((candidate) => candidate.name === rejection.receiver);
  return (
    <div class={styles.rejection}>
      <Notice tone="error" title="Last rejection">
        <p>{rejection.message}</p>
        <p class={styles.small}>
          {listener?.title ?? rejection.receiver}, {formatAgo(BigInt(rejection.time_unix_nano), Date.now())}
        </p>
      </Notice>
    </div>
  );
}
