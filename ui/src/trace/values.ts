// Typed values as text: for reading, for the clipboard, for a tag that searches them, and for a filter box.

import type { Attribute, TypedValue } from '../api/types';
import { makeTag } from '../query/tags';

/** Longer values are not worth a search, and not every server on the way takes them. */
const TAG_CHARACTERS_MAX = 500;

/** One line for reading; strings stand as they are. */
export function valueText(value: TypedValue): string {
  switch (value.type) {
    case 'empty':
      return '';
    case 'string':
    case 'int':
    case 'float':
    case 'bytes':
      return value.value;
    case 'bool':
      return value.value ? 'true' : 'false';
    case 'array':
    case 'map':
      return JSON.stringify(plain(value), null, 1).replace(/\n\s*/g, ' ');
  }
}

/** Name of the type for the badge: `array`, `int` …; strings carry none. */
export function typeLabel(value: TypedValue): string {
  return value.type;
}

/** Indented JSON of arrays and maps, else null. */
export function structuredText(value: TypedValue): string | null {
  return value.type === 'array' || value.type === 'map' ? JSON.stringify(plain(value), null, 2) : null;
}

/** The tag that finds spans with this value; null for types that a tag cannot name. */
export function tagOf(attribute: Attribute): string | null {
  const { key, value } = attribute;
  if (key === '' || /\p{Cc}/u.test(key + valueText(value)) || valueText(value).length > TAG_CHARACTERS_MAX) return null;
  if (value.type === 'float' && !Number.isFinite(Number(value.value))) return null;
  if (value.type === 'string') return makeTag(key, value.value, looksTyped(value.value) ? 'always' : 'when-needed');
  return value.type === 'bool' || value.type === 'int' || value.type === 'float' ? makeTag(key, valueText(value)) : null;
}

/** Attributes whose key or value holds the text, letter case ignored. */
export function filterAttributes(attributes: readonly Attribute[], text: string): readonly Attribute[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return attributes;
  return attributes.filter(({ key, value }) => `${key} ${valueText(value)}`.toLowerCase().includes(wanted));
}

/** True for strings that an unquoted tag would also compare as a number or a boolean. */
function looksTyped(text: string): boolean {
  return /^(true|false|-?\d.*)$/i.test(text);
}

function plain(value: TypedValue): unknown {
  switch (value.type) {
    case 'empty':
      return null;
    case 'array':
      return value.value.map(plain);
    case 'map':
      return Object.fromEntries(value.value.map((entry) => [entry.key, plain(entry.value)]));
    case 'int':
      return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value;
    case 'float':
      return Number.isFinite(Number(value.value)) ? Number(value.value) : value.value;
    default:
      return value.value;
  }
}
