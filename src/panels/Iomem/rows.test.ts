// What the way from firmware to VRAM says of a view. Sizes of reference machine-and-drivers.md §1.3.

import { expect, test } from 'vitest';
import type { IomemView, RegistrationView } from '../../store/views.ts';
import { cardStates, iomemLines, latestOf, rangeText, sumsOf } from './rows.ts';

const GPU0 = { start: 0x10000000, npages: 2 ** 24 };
const registration = (part: Partial<RegistrationView>): RegistrationView => ({
  device: 0,
  step: 4,
  isPrivate: false,
  stages: [],
  outcome: 'registered',
  ...part,
});
const view = (part: Partial<IomemView>): IomemView => ({
  text: '',
  efi: [{ ...GPU0, type: 'EFI_CONVENTIONAL_MEMORY', specialPurpose: true }],
  e820: [{ ...GPU0, type: 'E820_TYPE_SOFT_RESERVED' }],
  stagesDone: 4,
  coldBoot: true,
  softReserve: true,
  managedPages: 0,
  freePages: 0,
  deviceZones: [],
  registrations: [],
  pgmaps: [],
  ...part,
});

test('a range is written as /proc/iomem writes it', () => {
  expect(rangeText(GPU0.start, GPU0.npages)).toBe('10000000000-10fffffffff');
  expect(rangeText(0, 1)).toBe('00000000-00000fff');
});

test('the stage that was last is now, those behind it are not yet; a running driver is now', () => {
  expect(cardStates(view({ stagesDone: 2 }))).toEqual(['done', 'now', 'later', 'later', 'later']);
  expect(cardStates(view({ registrations: [registration({ outcome: 'running' })] }))).toEqual([
    'done',
    'done',
    'done',
    'done',
    'now',
  ]);
  expect(cardStates(view({ coldBoot: false })).slice(0, 4)).toEqual(['done', 'done', 'done', 'done']);
});

test('of each GPU the last attempt counts, and the GPU of the last attempt comes first', () => {
  const attempts = [
    registration({}),
    registration({ device: 1, step: 5, outcome: 'refused' }),
    registration({ device: 1, step: 7 }),
  ];
  expect(latestOf(attempts).map(({ device, step }) => [device, step])).toEqual([
    [1, 7],
    [0, 4],
  ]);
});

test('each station in a few words', () => {
  const refused = view({ registrations: [registration({ outcome: 'refused' })] });
  expect(sumsOf(refused)).toMatchObject({
    efi: '1 range, 64 GiB for a device',
    e820: '0 B RAM, 64 GiB soft reserved',
    driver: '0 B registered, 1 refused',
  });
});

test('lines of /proc/iomem say what they are', () => {
  const text = '00000000-7fffffff : System RAM\n80000000-ffffffff : PCI Bus 0000:00\n';
  expect(iomemLines(text).map(({ kind }) => kind)).toEqual(['ram', 'other']);
});
