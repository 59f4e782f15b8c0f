// Keys and typed values. Long values are cut until asked for; every value can be copied, and searched for where
// a tag can name it.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Attribute } from '../../api/types';
import { withBase } from '../../lib/base';
import { formatCount, plural } from '../../lib/text';
import button from '../../parts/button.module.css';
import { CopyButton } from '../../parts/copy-button';
import { Icon } from '../../parts/icon';
import { EMPTY_SEARCH, formatSearch } from '../../query/search-state';
import { structuredText, tagOf, typeLabel, valueText } from '../../trace/values';
import styles from './panel.module.css';

const SHOWN_CHARACTERS = 600;
const SHOWN_ATTRIBUTES = 100;

interface Properties {
  attributes: readonly Attribute[];
  dropped: number;
  /** For the search for a value; none is offered without it. */
  service?: string;
}

export function AttributeList({ attributes, dropped, service }: Properties) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? attributes : attributes.slice(0, SHOWN_ATTRIBUTES);
  return (
    <>
      {attributes.length === 0 && <p class={styles.note}>None.</p>}
      <dl>
        {shown.map((attribute, index) => (
          <Line key={`${index} ${attribute.key}`} attribute={attribute} service={service} />
        ))}
      </dl>
      {shown.length < attributes.length && (
        <button type="button" class={styles.more} onClick={() => setWhole(true)}>
          Show all {formatCount(attributes.length)}
        </button>
      )}
      {dropped > 0 && <p class={styles.note}>{plural(dropped, 'more attribute')} dropped by the sender.</p>}
    </>
  );
}

function Line({ attribute, service }: { attribute: Attribute; service: string | undefined }) {
  const { key, value } = attribute;
  const tag = service === undefined ? null : tagOf(attribute);
  const structured = structuredText(value);
  return (
    <div class={styles.attribute}>
      <dt>{breakable(key)}</dt>
      <dd class={styles[value.type] ?? ''}>
        {structured === null ? <Text text={valueText(value)} isNone={value.type === 'empty'} /> : <pre tabIndex={0} role="region" aria-label={`Value of ${key}`}>{structured}</pre>}
        {value.type !== 'string' && <span class={styles.type}>{typeLabel(value)}</span>}
        <span class={styles.tools}>
          {tag !== null && (
            <a class={`${button.button} ${button.quiet} ${button.small} ${button.icon}`} href={withBase(`/explore${formatSearch({ ...EMPTY_SEARCH, tags: [tag] })}`)} aria-label={`Search traces with this ${key}`} title="Search traces with this value">
              <Icon name="search" size={13} />
            </a>
          )}
          <CopyButton text={structured ?? valueText(value)} label={`Copy the value of ${key}`} />
        </span>
      </dd>
    </div>
  );
}

/** The key with places to break a line after its dots and other joints. */
function breakable(key: string): ComponentChildren[] {
  return key.split(/(?<=[._/:-])/).flatMap((part, index) => (index === 0 ? [part] : [<wbr key={index} />, part]));
}

function Text({ text, isNone }: { text: string; isNone: boolean }) {
  const [isWhole, setWhole] = useState(false);
  if (isNone) return <span class={styles.none}>no value</span>;
  if (text === '') return <span class={styles.none}>empty text</span>;
  if (isWhole || text.length <= SHOWN_CHARACTERS) return <>{text}</>;
  return (
    <>
      {text.slice(0, SHOWN_CHARACTERS)}…{' '}
      <button type="button" class={styles.more} onClick={() => setWhole(true)}>
        Show all {formatCount(text.length)} characters
      </button>
    </>
  );
}
