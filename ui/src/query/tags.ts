// The tag box: one line of `key=value`, `key!=value`, `key>value` … or bare `key` clauses, split at blanks
// outside double quotes; a key may be quoted too. The meaning of a clause is the server's business; here it is only cut and joined.

const CLAUSE = /^([^\s=!<>"]+|"(?:\\.|[^"\\])+")(?:(!=|>=|<=|=|>|<)(.*))?$/s;

/** Cuts the line into clauses; quotes keep blanks together and stay in the clause. */
export function splitTags(text: string): string[] {
  const found = text.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g);
  return found === null ? [] : [...found];
}

/** The line that splits into these clauses again. */
export function joinTags(tags: readonly string[]): string {
  return tags.join(' ');
}

/** True when the clause has the shape the server reads. */
export function isTag(clause: string): boolean {
  const match = CLAUSE.exec(clause);
  if (match === null) return false;
  return match[2] === undefined || (match[3] !== '' && areQuotesClosed(match[3]));
}

/** `key="value"`, quoted only where a blank, a quote or nothing at all makes it necessary. */
export function makeTag(key: string, value: string, quote: 'always' | 'when-needed' = 'when-needed'): string {
  const isPlain = /^[^\s"\\]+$/.test(value);
  const keyText = /^[^\s=!<>"\\]+$/.test(key) ? key : quoted(key);
  return isPlain && quote === 'when-needed' ? `${keyText}=${value}` : `${keyText}=${quoted(value)}`;
}

/** In double quotes, with a backslash before quotes and backslashes. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function areQuotesClosed(value: string): boolean {
  return !value.startsWith('"') || /^"(?:\\.|[^"\\])*"$/s.test(value);
}
