import { expect, it } from 'vitest';
import { type Simulation } from '../../index.ts';
import type { Machine } from '../../machine/machine.ts';
import { ZONE_NR_FREE, zoneRow } from '../../machine/scalars.ts';
import { protText, vmasInArea } from '../../scenario/observe.ts';
import { VM_LOCKED } from '../../uapi/vm-flags.ts';
import { mmap, on, run } from './steps-fixture.ts';

/** The pieces of an area: first page, pages, permissions, `l` if locked. */
const pieces = (sim: Simulation, process = 'A', name = 'buf'): string => {
  const m = sim.machine;
  const mm = m.mms.values().find((other) => other.name === process);
  const area = mm?.areas.find((other) => other.name === name);
  if (mm === undefined || area === undefined) throw new Error(`no area ${name} of ${process}`);
  const texts = vmasInArea(m, mm, area).map(({ vmStart, vmEnd, vmFlags }) => {
    const locked = (vmFlags & VM_LOCKED) !== 0 ? 'l' : '';
    return `${vmStart - area.start}+${vmEnd - vmStart}${protText(vmFlags)}${locked}`;
  });
  return texts.join(' ');
};

it('cuts an area at both ends of a range and joins it again', () => {
  const cut = [mmap(8), on('write', 0, 8, { value: 1 }), on('mprotect', 2, 3, { prot: 'r' })];
  expect(pieces(run(...cut))).toBe('0+2rw 2+3r 5+3rw');
  expect(pieces(run(...cut, on('mprotect', 2, 3, { prot: 'rw' })))).toBe('0+8rw');
});

it('moves the boundary between two pieces instead of making a third', () => {
  const halves = [mmap(8), on('write', 0, 8, { value: 1 }), on('mprotect', 4, 4, { prot: 'r' })];
  const grown = run(...halves, on('mprotect', 2, 2, { prot: 'r' }));
  expect(pieces(grown)).toBe('0+2rw 2+6r');
  const shrunk = run(...halves, on('mprotect', 4, 2, { prot: 'rw' }));
  expect(pieces(shrunk)).toBe('0+6rw 6+2r');
  expect(shrunk.machine.vmas.ids()).toEqual(run(...halves).machine.vmas.ids());
});

it('does not join a piece with pages to one that has no anchor yet, but the other way round', () => {
  const cold = [mmap(8), on('mprotect', 0, 4, { prot: 'r' }), on('mlock', 4, 2)];
  expect(pieces(run(...cold))).toBe('0+4r 4+2rwl 6+2rw');
  expect(pieces(run(...cold, on('munlock', 4, 2)))).toBe('0+4r 4+2rw 6+2rw');
  const warm = [mmap(8), on('write', 0, 1, { value: 1 }), on('mprotect', 4, 4, { prot: 'r' })];
  expect(pieces(run(...warm, on('mprotect', 4, 4, { prot: 'rw' })))).toBe('0+8rw');
});

it('keeps the pieces of a child apart, each with an anchor of its own', () => {
  const sim = run(
    mmap(8),
    on('write', 0, 8, { value: 1 }),
    on('mprotect', 4, 4, { prot: 'r' }),
    { op: 'fork', proc: 'A', child: 'B' },
    on('mprotect', 4, 4, { prot: 'rw' }),
    { op: 'mprotect', proc: 'B', vma: 'buf', page: 4, count: 4, prot: 'rw' },
  );
  expect(pieces(sim, 'A')).toBe('0+8rw');
  expect(pieces(sim, 'B')).toBe('0+4rw 4+4rw');
});

it('changes everything before a hole, nothing behind it', () => {
  const sim = run(mmap(8), on('munmap', 3, 2), on('mprotect', 1, 7, { prot: 'r' }));
  expect(sim.steps[2]?.result).toEqual({ ret: -1, errno: 'ENOMEM' });
  expect(pieces(sim)).toBe('0+1rw 1+2r 5+3rw');
});

it('never cuts a huge page of the pool', () => {
  const sim = run(mmap(1024, 'hugetlb'), on('munmap', 100, 512), on('munmap', 512, 512));
  expect(sim.steps[1]?.result).toEqual({ ret: -1, errno: 'EINVAL' });
  expect(pieces(sim)).toBe('0+512rw');
});

it('moves a whole area with its pages, and refuses one in pieces', () => {
  const move = { op: 'mremap', proc: 'A', vma: 'buf', to: 'moved' };
  const whole = run(mmap(4), on('write', 0, 4, { value: 7 }), move, {
    op: 'read',
    proc: 'A',
    vma: 'moved',
  });
  expect(pieces(whole)).toBe('');
  expect(whole.steps[3]?.result).toEqual({ ret: 4, values: [7, 8, 9, 10] });
  const cut = run(mmap(4), on('munmap', 3, 1), move);
  expect(cut.steps[2]?.result).toEqual({ ret: -1, errno: 'EFAULT' });
  expect(pieces(cut, 'A', 'moved')).toBe('');
});

it('leaves no page, table or link behind when the last process ends', () => {
  const sim = run(
    mmap(40),
    on('write', 0, 40, { value: 1 }),
    { op: 'fork', proc: 'A', child: 'B' },
    on('write', 5, 2, { value: 9 }),
    { op: 'exit', proc: 'A' },
    { op: 'exit', proc: 'B' },
  );
  const m = sim.machine;
  const free = ({ zones, scalars }: Machine): number =>
    zones.reduce((sum, zone) => sum + scalars.get(zoneRow(zone.id, ZONE_NR_FREE)), 0);
  expect(free(m)).toBe(free(run({ op: 'exit', proc: 'A' }).machine));
  expect(m.vmas.ids()).toEqual([]);
  expect(m.anonVmas.values().flatMap(({ tree }) => tree)).toEqual([]);
});
