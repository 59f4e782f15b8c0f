// Catches what a pane throws while rendering, so that a bug never leaves a blank page.

import { Component, type ComponentChildren } from 'preact';
import { EmptyPane } from './notice';
import button from './button.module.css';

interface Properties {
  /** What failed, for the heading: "This page". */
  what: string;
  /** A change of it tries again. */
  resetKey: string;
  children: ComponentChildren;
}

interface State {
  error: Error | null;
  key: string;
}

export class ErrorBoundary extends Component<Properties, State> {
  override state: State = { error: null, key: this.props.resetKey };

  static override getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  static override getDerivedStateFromProps(properties: Properties, state: State): Partial<State> | null {
    return properties.resetKey === state.key ? null : { error: null, key: properties.resetKey };
  }

  override render({ what, children }: Properties, { error }: State) {
    if (error === null) return children;
    const retry = () => this.setState({ error: null });
    return (
      <EmptyPane
        icon="alert"
        title={`${what} stopped working`}
        actions={
          <>
            <button type="button" class={`${button.button} ${button.primary}`} onClick={retry}>Try again</button>
            <a class={button.button} href="./" data-reload>Reload Fanal</a>
          </>
        }
      >
        <p>This is a bug in Fanal, your data is not affected. It said: <code>{error.message}</code></p>
      </EmptyPane>
    );
  }
}
