// Shown for an address that means nothing.

import { useTitle } from '../app/use-title';
import { withBase } from '../lib/base';
import { EmptyPane } from '../parts/notice';
import button from '../parts/button.module.css';

export function UnknownPage() {
  useTitle('Not found');
  return (
    <EmptyPane icon="search" title="There is no such page" actions={<a class={button.button} href={withBase('/explore')}>Explore traces</a>}>
      <p>Traces live at <code>/trace/</code> followed by a trace id of 32 hex digits. The box above takes ids in any form.</p>
    </EmptyPane>
  );
}
