import { describe, expect, test } from 'vitest';
import { KEY_BINDINGS } from './keys.ts';

describe('the table of keys', () => {
  test('no key does two things', () => {
    const keys = KEY_BINDINGS.flatMap((binding) => binding.keys);
    expect(keys.length).toBe(new Set(keys).size);
  });

  test('keys of the browser are not taken', () => {
    for (const key of KEY_BINDINGS.flatMap((binding) => binding.keys))
      expect(key).not.toMatch(/Control|Meta|Alt|\$mod|^F\d+$|Tab|Enter|ArrowUp|ArrowDown/);
  });

  test('letters, digits and signs can be switched off', () => {
    for (const { keys, single } of KEY_BINDINGS) {
      const isPlainCharacter = keys.some((key) => /^(Key)?[A-Za-z0-9]$/.test(key));
      if (isPlainCharacter) expect(single).toBe(true);
    }
  });
});
