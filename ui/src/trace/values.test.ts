// Checks the text forms of every type of value.

import { describe, expect, it } from 'vitest';
import type { TypedValue } from '../api/types';
import { filterAttributes, structuredText, tagOf, valueText } from './values';

const rows: [TypedValue, string, string | null][] = [
  [{ type: 'empty' }, '', null],
  [{ type: 'string', value: 'GET' }, 'GET', 'k=GET'],
  [{ type: 'string', value: 'two words' }, 'two words', 'k="two words"'],
  [{ type: 'string', value: '200' }, '200', 'k="200"'],
  [{ type: 'string', value: '' }, '', 'k=""'],
  [{ type: 'bool', value: true }, 'true', 'k=true'],
  [{ type: 'int', value: '9223372036854775807' }, '9223372036854775807', 'k=9223372036854775807'],
  [{ type: 'float', value: '0.5' }, '0.5', 'k=0.5'],
  [{ type: 'float', value: 'NaN' }, 'NaN', null],
  [{ type: 'bytes', value: 'AAE=' }, 'AAE=', null],
  [{ type: 'array', value: [{ type: 'int', value: '1' }, { type: 'string', value: 'a' }] }, '[ 1, "a" ]', null],
  [{ type: 'map', value: [{ key: 'a', value: { type: 'bool', value: false } }] }, '{ "a": false }', null],
];

describe('values', () => {
  it.each(rows)('%j', (value, text, tag) => {
    expect(valueText(value)).toBe(text);
    expect(tagOf({ key: 'k', value })).toBe(tag);
  });

  it('keeps integers beyond the safe range as text inside structures', () => {
    expect(structuredText({ type: 'array', value: [{ type: 'int', value: '9223372036854775807' }] })).toContain('"9223372036854775807"');
  });

  it('filters by key and by value', () => {
    const attributes = rows.map(([value], index) => ({ key: `key${index}`, value }));
    expect(filterAttributes(attributes, 'key11')).toHaveLength(1);
    expect(filterAttributes(attributes, 'get')).toHaveLength(1);
    expect(filterAttributes(attributes, ' ')).toBe(attributes);
  });
});
