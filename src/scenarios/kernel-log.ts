// Scenes in which the kernel prints something: warnings of its own test driver, and of GUP calls that may not be.

import type { StepOf } from '../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene, written } from './scene.ts';

const gup = (as: string, call: StepOf<'gup'>['call'], flags: StepOf<'gup'>['flags']): StepOf<'gup'> => ({
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  call,
  flags,
  as,
});

export const gupTestNotPinnable = scene(
  {
    name: 'gup-test-not-pinnable',
    title: 'Pinned, and then no longer pinnable',
    about:
      'The kernel’s test driver pins two pages for long, one a call. Between the calls another task isolates their pageblock, and the driver warns: `pages[0] is NOT pinnable but pinned`.',
    machine: 'guest',
  },
  [],
  [
    ...written('buf', 2),
    {
      op: 'concurrent',
      proc: 'A',
      seed: 1,
      steps: [
        {
          op: 'gup_test',
          proc: 'A',
          vma: 'buf',
          cmd: 'PIN_LONGTERM_BENCHMARK',
          flags: ['FOLL_WRITE'],
          per_call: 1,
        },
        { op: 'isolate', proc: 'A', vma: 'buf' },
      ],
    },
    { op: 'isolate', proc: 'A', vma: 'buf', undo: true },
  ],
);

export const gupTestCommands = scene(
  {
    name: 'gup-test-commands',
    title: 'The commands of gup_test, and what each leaves in the kernel log',
    about:
      'Short commands take device pages as they are; the long-term one brings them home. A pin of the zero page counts nothing, and the driver warns that it is not pinned.',
  },
  COHERENT,
  [
    ...written('buf', 4),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'gup_test', proc: 'A', vma: 'buf', cmd: 'PIN_FAST_BENCHMARK', flags: ['FOLL_WRITE'] },
    {
      op: 'gup_test',
      proc: 'A',
      vma: 'buf',
      cmd: 'DUMP_USER_PAGES_TEST',
      flags: ['FOLL_WRITE'],
      which_pages: [1, 9],
    },
    { op: 'gup_test', proc: 'A', vma: 'buf', cmd: 'PIN_LONGTERM_BENCHMARK', flags: ['FOLL_WRITE'] },
    { op: 'mmap', proc: 'A', vma: 'holes', pages: 2, prot: 'rw', kind: 'anon-private' },
    { op: 'gup_test', proc: 'A', vma: 'holes', cmd: 'PIN_BASIC_TEST', flags: [] },
  ],
);

export const gupFlags = scene(
  {
    name: 'gup-flags',
    title: 'Flags that a caller may not pass',
    about:
      'Who takes a plain reference may not ask for a pin, who pins may not ask for a plain one, and a long-term pin may neither drop `mmap_lock` nor take it itself. Each call fails with EINVAL before it looks at a page, and the kernel warns.',
  },
  COHERENT,
  [
    ...written('buf', 2),
    gup('h1', 'get_user_pages', ['FOLL_PIN']),
    gup('h2', 'get_user_pages', ['FOLL_LONGTERM']),
    gup('h3', 'pin_user_pages', ['FOLL_GET']),
    { ...gup('h4', 'pin_user_pages', ['FOLL_WRITE']), no_pages: true },
    { ...gup('h5', 'pin_user_pages_remote', ['FOLL_WRITE', 'FOLL_LONGTERM']), locked: true },
    gup('h6', 'get_user_pages_unlocked', ['FOLL_WRITE', 'FOLL_LONGTERM']),
    gup('h7', 'get_user_pages_fast', ['FOLL_SPLIT_PMD']),
    gup('h8', 'pin_user_pages', ['FOLL_WRITE']),
    { op: 'unpin', proc: 'A', handle: 'h8' },
  ],
);

export const KERNEL_LOG_SCENES: readonly Scene[] = [gupTestNotPinnable, gupTestCommands, gupFlags];
