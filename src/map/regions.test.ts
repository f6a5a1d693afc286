import { describe, expect, test } from 'vitest';
import type { RangeInfo } from '../store/views.ts';
import { regionsOf } from './regions.ts';

const range = (more: Partial<RangeInfo>): RangeInfo => ({
  id: 'ram',
  start: 0x1000,
  npages: 0x1000,
  kind: 'ram',
  node: 0,
  zone: 'Normal',
  cma: false,
  reserved: '',
  device: -1,
  ...more,
});

const namesOf = (more: Partial<RangeInfo>): readonly string[] =>
  regionsOf({ ranges: [range(more)] }).flatMap(({ name, brief }) => [name, brief]);

describe('the strip of all memory', () => {
  test('has a shorter word for a part with little room, and the whole of it in the name that is read', () => {
    expect(namesOf({ reserved: 'firmware and boot data' })).toEqual(['firmware and boot data', 'FW']);
    expect(namesOf({ reserved: 'kernel image and struct pages' })).toEqual([
      'kernel image and struct pages',
      'kernel',
    ]);
    expect(namesOf({ reserved: 'struct pages of RAM' })).toEqual(['struct pages of RAM', 'memmap']);
    expect(namesOf({ kind: 'coherent', device: 3, zone: 'Device' })).toEqual(['device 3', 'D3']);
    expect(namesOf({ node: 2 })).toEqual(['Normal', 'N2']);
    expect(regionsOf({ ranges: [range({ node: 2 })] })[0]?.text).toBe(
      'System RAM, zone Normal, node 2, 16 MiB from 0x1000000',
    );
  });

  test('names memory of other drivers by their word', () => {
    const dax = { kind: 'fsdax', device: 1, zone: 'Device' } as const;
    expect(namesOf(dax)).toEqual(['fsdax', 'fsdax']);
    expect(regionsOf({ ranges: [range(dax)] })[0]?.text).toBe(
      'Persistent Memory, fsdax memory of device 1, node 0, 16 MiB from 0x1000000',
    );
  });

  test('keeps names that are short already, and what a zone is lent for', () => {
    expect(namesOf({ zone: 'DMA' })).toEqual(['DMA', 'DMA']);
    expect(namesOf({ cma: true })).toEqual(['CMA', 'CMA']);
  });

  test('draws a small beginning that the kernel keeps with what it lies before, and says it', () => {
    const kept = { reserved: 'struct pages of RAM', npages: 0x100 };
    const parts = (npages: number, more: Partial<RangeInfo> = {}) =>
      regionsOf({ ranges: [range(kept), range({ id: 'rest', start: 0x1100, npages, ...more })] });
    const [whole, ...others] = parts(0x2000);
    expect(others).toEqual([]);
    expect([whole?.range.start, whole?.range.npages, whole?.name]).toEqual([0x1000, 0x2100, 'Normal']);
    expect(whole?.text).toMatch(/ 33 MiB from 0x1000000, 1 MiB of it reserved: struct pages of RAM$/);
    // not what is a good part of it, of another node, or of another zone
    for (const two of [parts(0x1fff), parts(0x2000, { node: 1 }), parts(0x2000, { zone: 'Movable' })])
      expect(two).toHaveLength(2);
  });
});
