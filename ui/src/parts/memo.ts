// A component that renders again only when one of its properties is another value.

import { Component, type ComponentChildren, type FunctionComponent } from 'preact';

/** Properties are compared one by one, by identity. */
export function memo<P extends object>(render: (properties: P) => ComponentChildren) {
  const Inner = render as FunctionComponent<P>;
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const present = this.props as P;
      return (Object.keys(next) as (keyof P)[]).some((key) => next[key] !== present[key]);
    }

    override render() {
      return Inner(this.props as P);
    }
  };
}
