// What the driver of a GPU prints. Kernel words stand between backticks.

import type { Told } from '../captions/told.ts';
import { num } from '../phrases.ts';

export const gpuLogs: Readonly<Record<string, Told>> = {
  'log.memremap.exceeds-range': {
    what: 'The kernel warns: `Hotplug memory exceeds maximum addressable range`.',
    why: 'The direct map reaches 64 TiB with four levels of page tables. Memory above cannot be registered.',
  },
  'log.memremap.misaligned': {
    what: 'The kernel warns: `Misaligned __add_pages`.',
    why: 'Memory is added in pieces of 2 MiB. A range that does not begin and end on such a border is refused.',
  },
  'log.memremap.section-present': {
    what: 'The kernel warns: `add_pages` failed.',
    why: 'Another registered range lies within this one. Its `struct page`s are there already and cannot be made twice: `-EEXIST`.',
  },
  'log.kfd.register-failed': {
    what: 'The driver prints `failed to register HMM device memory`.',
    why: 'The GPU works, but without shared virtual memory: its VRAM has no `struct page`s.',
  },
  'log.kfd.registered': {
    what: (p) => `The driver prints \`HMM registered ${num(p, 'a')}MB device memory\`.`,
    why: 'Its VRAM now consists of pages of the system, all of them free and in the hands of the driver.',
  },
  'log.svm.mem-limit': {
    what: 'The driver prints `SVM mapping failed, exceeds resident system memory limit`.',
    why: 'Without XNACK ranges count in full: together they may not be larger than 15/16 of the memory.',
  },
  'log.svm.bo-missing': {
    what: 'The driver warns: `VRAM BO missing during validation`.',
    why: 'The range says that it is in VRAM and has no buffer object there.',
  },
  'log.svm.eviction-failed': {
    what: 'The driver prints `Migration failed during eviction`.',
    why: 'Pages were left behind in all three attempts.',
  },
  'log.svm.not-last-reference': {
    what: 'The driver warns: `This was not the last reference`.',
    why: 'The fence is signalled all the same, while pages of the buffer object are still in use.',
  },
};
