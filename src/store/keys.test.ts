import { describe, expect, test } from 'vitest';
import { canRemap, KEY_BINDINGS, keyGroups, keyText, ownerOf, shownKey } from './keys.ts';

describe('the table of keys', () => {
  test('no key does two things', () => {
    const keys = KEY_BINDINGS.flatMap((binding) => binding.keys);
    expect(keys.length).toBe(new Set(keys).size);
  });

  test('keys of the browser are not taken, but the one for a palette', () => {
    for (const key of KEY_BINDINGS.flatMap((binding) => binding.keys).filter((each) => each !== '$mod+k'))
      expect(key).not.toMatch(/Control|Meta|Alt|\$mod|^F\d+$|Tab|Enter|ArrowUp|ArrowDown/);
  });

  test('letters, digits and signs can be switched off', () => {
    for (const { keys, single } of KEY_BINDINGS) {
      const isPlainCharacter = keys.some((key) => /^(Key)?[A-Za-z0-9]$/.test(key));
      if (isPlainCharacter) expect(single).toBe(true);
    }
  });
});

describe("keys of one's own", () => {
  test('take the place of the single keys, and leave the others', () => {
    const own = { togglePlay: 'Alt+p' };
    const keys = keyGroups(own)
      .flatMap(({ bindings }) => bindings)
      .filter(({ command }) => command === 'togglePlay');
    expect(keys.map((binding) => [binding.keys, binding.single])).toEqual([
      [['Space'], false],
      [['Alt+p'], false],
    ]);
  });

  test('a key that another action has is known', () => {
    expect(ownerOf('j', 'present', {})?.command).toBe('momentBack');
    expect(ownerOf('p', 'present', {})).toBeUndefined();
    expect(ownerOf('p', 'fit', { present: 'x' })).toBeUndefined();
    expect(ownerOf('x', 'fit', { present: 'x' })?.command).toBe('present');
  });

  test('are shown in tooltips; a single key that is switched off is not', () => {
    expect(keyText('text', {}, true)).toBe('T');
    expect(keyText('text', {}, false)).toBe('');
    expect(keyText('text', { text: 'Control+Shift+y' }, false)).toBe('Ctrl Shift Y');
    expect(shownKey('+')).toEqual(['+']);
  });

  test('every single key but the digits can be changed', () => {
    for (const binding of KEY_BINDINGS)
      expect(canRemap(binding)).toBe(binding.single && binding.command !== 'jump');
  });
});
