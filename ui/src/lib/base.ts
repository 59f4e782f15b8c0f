// The prefix that the UI is served under, from `<base href>`; every address the UI uses goes through here, so
// a reverse proxy may put Fanal below any path.

const prefix = new URL('.', document.baseURI).pathname;

/** `/explore?x` → `/prefix/explore?x`. */
export function withBase(path: string): string {
  return prefix + path.replace(/^\//, '');
}

/** `/prefix/explore` → `/explore`; null when the address is not below the prefix. */
export function withoutBase(pathname: string): string | null {
  return pathname.startsWith(prefix) ? `/${pathname.slice(prefix.length)}` : null;
}
