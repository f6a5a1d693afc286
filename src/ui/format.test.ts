import { describe, expect, test } from 'vitest';
import { grouped } from '../words/en/phrases.ts';
import { formatAddress, formatBytes, formatCount, formatCounted, formatHex } from './format.ts';

describe('numbers as text', () => {
  test('thousands are set apart', () => {
    expect(formatCount(65536)).toBe('65\u202f536');
    expect(formatCount(201326592)).toBe('201\u202f326\u202f592');
    expect(formatCount(512)).toBe('512');
  });

  test('sentences and panels spell a figure alike', () => {
    for (const n of [0, 999, 1024, 65536, 134217728]) expect(grouped(n)).toBe(formatCount(n));
  });

  test('one page is singular', () => {
    expect([formatCounted(1, 'page'), formatCounted(0, 'page')]).toEqual(['1 page', '0 pages']);
    expect(formatCounted(2, 'entry', 'entries')).toBe('2 entries');
  });

  test('a missing frame is a dash', () => {
    expect(formatHex(-1)).toBe('\u2212');
    expect(formatHex(0x5fffd)).toBe('0x5fffd');
    expect(formatHex(2 ** 39)).toBe('0x8000000000');
  });

  test('sizes keep binary units', () => {
    expect([formatBytes(4096), formatBytes(2 ** 28), formatBytes(1.5 * 2 ** 30)]).toEqual([
      '4 KiB',
      '256 MiB',
      '1.5 GiB',
    ]);
  });

  test('addresses are grouped', () => {
    expect(formatAddress(0x7f8000002000)).toBe('0x7f80_0000_2000');
  });
});
