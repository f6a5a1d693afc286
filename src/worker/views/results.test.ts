import { expect, test } from 'vitest';
import { NO_PFN } from '../../core/uapi/units.ts';
import { resultText } from './results.ts';

test('a function that returns a page says which, or NULL', () => {
  // mm/gup.c: try_grab_folio refuses with NULL, not with an error
  expect(resultText('try_grab_folio', NO_PFN)).toBe('NULL');
  expect(resultText('vm_normal_page', 0x5fffc)).toBe('pfn 0x5fffc');
});

test('all others return a number or an error', () => {
  expect(resultText('pin_user_pages', 4)).toBe('4');
  expect(resultText('check_and_migrate_movable_pages', -16)).toBe('-EBUSY');
  expect(resultText('lru_add_drain_all', Number.NaN)).toBe('');
});
