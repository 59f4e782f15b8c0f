// Find over every span, hidden ones included. The text is tried once against each distinct pair of service and
// name, so the pass over the rows only looks up a byte. Words are combined by AND, letter case is ignored.

import { lowerBound } from './rows';
import type { Trace } from './columns';

/** Ordinals that match, ascending; empty for blank text. */
export function findSpans(trace: Trace, text: string): Uint32Array {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return new Uint32Array(0);
  const services = trace.services.map((service) => service.name.toLowerCase());
  const names = trace.names.map((name) => name.toLowerCase());
  const verdicts = new Uint8Array(services.length * names.length <= 4_000_000 ? services.length * names.length : 0);
  const found: number[] = [];
  for (let row = 0; row < trace.count; row += 1) {
    const [service, name] = [trace.service[row], trace.name[row]];
    const pair = service * names.length + name;
    let verdict = verdicts[pair] ?? 0;
    if (verdict === 0) {
      const haystack = `${services[service] ?? ''} ${names[name] ?? ''}`;
      verdict = words.every((word) => haystack.includes(word)) ? 2 : 1;
      if (pair < verdicts.length) verdicts[pair] = verdict;
    }
    if (verdict === 2) found.push(row);
  }
  return Uint32Array.from(found);
}

/** The entry after (`step` 1) or before (`step` -1) `ordinal` in an ascending list, wrapping round; -1 when empty. */
export function nextIn(sorted: Uint32Array, ordinal: number, step: 1 | -1): number {
  if (sorted.length === 0) return -1;
  const at = lowerBound(sorted, step === 1 ? ordinal + 1 : ordinal);
  const index = step === 1 ? at : at - 1;
  return sorted[(index + sorted.length) % sorted.length];
}

/** True when the ascending list holds the ordinal. */
export function includes(sorted: Uint32Array, ordinal: number): boolean {
  const index = lowerBound(sorted, ordinal);
  return index < sorted.length && sorted[index] === ordinal;
}
