// What somebody types that cannot be: the kernel's error with a reason and a way out where the kernel would refuse, else a
// plain sentence with the place. Nothing of it may break the run.

import { describe, expect, test } from 'vitest';
import { parseCommand } from '../panels/Steps/command.ts';
import { SCENES } from '../scenarios/index.ts';
import { refusals, say } from '../words/index.ts';
import { openRun, failure } from './session-fixture.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const MAP = [
  { op: 'mmap', ...A, pages: 8, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...A, value: 1 },
];
const BOOT = ['efi', 'e820', 'memblock', 'init'].map((stage) => ({ op: 'boot', proc: 'kernel', stage }));
const machine = (steps: readonly object[], gpu: object = {}) => ({
  machine: 'teaching',
  gpu,
  devices: [0, 1].map((id) => ({ id, kind: 'coherent' })),
  steps: steps.map((step) => ({ step })),
});
const typed = (line: string): unknown => {
  const parsed = parseCommand(line);
  if (parsed.kind === 'problem') throw new Error(parsed.text);
  return parsed.step;
};

/** Types a step at the end of a run: its error, all that is said of it, and where the run then ends. */
const type = (run: ReturnType<typeof openRun>, line: string) => {
  const answer = run.ask({ kind: 'append', step: typed(line) });
  if (answer.kind !== 'opened') throw new Error(failure(answer).text);
  const { steps, length } = answer.run;
  const said = run
    .stops(run.run.length, 'beat')
    .map((position) => run.momentAt(position))
    .flatMap(({ caption, why }) => [say(caption), say(why)]);
  return { errno: steps.at(-1)?.result?.['errno'], said: said.join(' '), length };
};

describe('attributes that the driver refuses', () => {
  test.each<[string, string, string, string]>([
    ['svm_attr buf ACCESS GPU 7', 'EINVAL', 'names a GPU that cannot have ranges', 'Name another GPU.'],
    ...['PREFERRED_LOC', 'ACCESS_IN_PLACE GPU', 'NO_ACCESS GPU'].map(
      (attr): [string, string, string, string] => [
        `svm_attr buf ${attr} 7`,
        'EINVAL',
        'names a GPU that cannot have ranges',
        'Name another GPU.',
      ],
    ),
    [
      'svm_attr buf PREFETCH_LOC undefined',
      'EINVAL',
      'names a GPU that cannot have ranges',
      'Name another GPU.',
    ],
    ['svm_attr buf+4..20 PREFETCH_LOC 0', 'EFAULT', 'No memory area at', 'name fewer pages.'],
    ['svm_get_attr buf NO_ACCESS GPU 0', 'EINVAL', 'cannot be asked for', 'Ask for ACCESS.'],
    ['bo_alloc big 5000 0 kfd', 'ENOMEM', 'VRAM', ''],
  ])('%s: -%s', (line, errno, sentence, mend) => {
    const { errno: got, said } = type(openRun(machine(MAP)), line);
    expect(got).toBe(errno);
    expect(said).toContain(sentence);
    expect(said).toContain(mend);
  });
});

test.each<[string, object[], string, string, string]>([
  [
    'memory that a user pointer has',
    [{ op: 'bo_alloc', ...A, device: 0, bo: 'mine', pages: 2, kind: 'userptr', page: 2 }],
    'EADDRINUSE',
    'A user pointer is at',
    'Free that object first.',
  ],
  [
    'more than the limit without XNACK',
    [
      { op: 'set_xnack', proc: 'A', enabled: false },
      ...Array.from({ length: 8 }, (_, i) => {
        const area = { proc: 'A', vma: i < 7 ? `other${i}` : 'more' };
        const registers = { op: 'svm_attr', ...area, attrs: [{ type: 'GRANULARITY', value: 4 }] };
        const maps = { op: 'mmap', ...area, pages: 1800, prot: 'rw', kind: 'anon-private' };
        return i < 7 ? [maps, registers] : [maps];
      }).flat(),
    ],
    'ENOMEM',
    'would exceed the limit of system memory',
    'turn XNACK on.',
  ],
])('a range of %s', (_, steps, errno, sentence, mend) => {
  const run = openRun(machine([...MAP, ...steps]));
  const { errno: got, said } = type(run, `svm_attr ${errno === 'ENOMEM' ? 'more' : 'buf'} PREFETCH_LOC 0`);
  expect([got, said]).toEqual([errno, expect.stringContaining(sentence)]);
  expect(said).toContain(mend);
});

test('private VRAM for which the address space has no hole: -ERANGE, and what to do', () => {
  const cold = machine([...BOOT], { coldBoot: true });
  const run = openRun({ ...cold, devices: [{ id: 0, kind: 'private' }] });
  const { errno, said } = type(run, 'probe 0 pages 0x400000000');
  expect(errno).toBe('ERANGE');
  expect(said).toContain('There is more VRAM than addresses');
  expect(said).toContain('Give probe fewer pages.');
});

// machine-and-drivers.md §1.1: "overlap with another pagemap → −ENOMEM with a warning; overlap with RAM → −ENXIO; beyond
// the direct-map limit → −EINVAL". Of an overlap the kernel sees the two ends only: mm/memremap.c: pagemap_range; one in
// between is met in mm/sparse.c: fill_subsection_map.
describe('apertures that the kernel refuses', () => {
  test.each<[string, string, keyof typeof refusals, string]>([
    ['start 0x200000', 'ENOMEM', 'conflicting-mapping', 'Two GPUs claim the same memory.'],
    ['start 0x200e00', 'ENOMEM', 'conflicting-mapping', 'Two GPUs claim the same memory.'],
    ['start 0x1ff200', 'ENOMEM', 'conflicting-mapping', 'Two GPUs claim the same memory.'],
    ['start 0x1ffe00 pages 0x1400', 'EEXIST', 'memremap.section-present', 'Another registered range lies'],
    ['start 0x201003', 'EINVAL', 'memremap.misaligned', 'does not begin and end on a border of 2 MiB'],
    ['pages 700', 'EINVAL', 'memremap.misaligned', 'does not begin and end on a border of 2 MiB'],
    ['start 0x3fffff800', 'EINVAL', 'memremap.exceeds-range', 'There is more VRAM than addresses'],
    ['pages 0x400000000', 'EINVAL', 'memremap.exceeds-range', 'There is more VRAM than addresses'],
    ['start 0x101000', 'ENXIO', 'memremap.attempted-on-ram', 'ordinary RAM for the kernel'],
    ['start 0xff200', 'ENXIO', 'memremap.attempted-on-ram', 'ordinary RAM for the kernel'],
  ])('probe 1 %s: -%s, %s', (aperture, errno, message, plain) => {
    const run = openRun(machine([...BOOT, { op: 'probe', proc: 'kernel', device: 0 }], { coldBoot: true }));
    const { errno: got, length } = type(run, `probe 1 ${aperture}`);
    expect(got).toBe(errno);
    const view = run.ask({ kind: 'view', position: length, query: { view: 'iomem' } });
    expect(JSON.stringify(view)).toContain(message);
    expect(refusals[message]?.plain).toContain(plain);
    expect(refusals[message]?.mend).toMatch(/\.$/);
  });
});

describe('what is no step of this machine', () => {
  test.each([
    [
      'svm_attr buf PREFETCH_LOC nowhere',
      'step.attrs[0].loc',
      'here is the text nowhere. Write system, undefined or a number',
    ],
    ['svm_attr buf FOO 3', 'step.attrs[0].type', 'here is FOO. Write PREFERRED_LOC, PREFETCH_LOC,'],
    ['svm_attr buf GRANULARITY 300', 'step.attrs[0].value', '300 is too much; the most is 255'],
    ['svm_attr buf SET_FLAGS GPU_FOO', 'step.attrs[0].flags[0]', 'here is GPU_FOO. Write HOST_ACCESS,'],
    ['svm_attr buf ACCESS', 'step.attrs[0].device', 'the field device is missing. Write a number'],
    ['svm_get_attr buf PREFERRED_LOC 3', 'step.attrs[0].device', 'there is no field device here'],
    ['svm_attr nothing PREFETCH_LOC 0', 'step.vma', 'process A has no area nothing'],
    ['bo_alloc big 99999999999 0', 'step.pages', '99999999999 is too much; the most is 268435456'],
    ['bo_alloc big 4 9', 'step.device', 'the machine has no GPU 9'],
    ['bo_alloc p 4 0 userptr', 'step.vma', 'a userptr is about memory of an area'],
    ['bo_free nope', 'step.bo', 'there is no buffer object nope'],
    ['probe 1 start 3', 'step.device', 'GPU 1 has its driver already'],
    ['boot efi', 'step.stage', 'only one with gpu.coldBoot boots in steps'],
  ])('%s', (line, place, sentence) => {
    const run = openRun(machine(MAP));
    const refused = failure(run.ask({ kind: 'append', step: typed(line) }));
    expect(refused.place).toBe(place);
    expect(refused.text).toContain(sentence);
    expect(refused.text).not.toContain('open it again');
    // the run goes on
    expect(type(run, 'read buf').errno).toBeUndefined();
  });

  test('a machine without GPUs says what is missing', () => {
    const run = openRun({ ...machine(MAP), gpu: undefined });
    expect(failure(run.ask({ kind: 'append', step: typed('svm_attr buf PREFETCH_LOC 0') })).text).toContain(
      'needs a machine with GPUs',
    );
  });
});

test('the answer to a question about attributes is said in words', () => {
  const scene = SCENES.find(({ name }) => name === 'svm-ask');
  const run = openRun(scene?.scenario);
  const said = run.stops(0, 'beat').map((position) => say(run.momentAt(position).caption));
  expect(said.join('\n')).toContain(
    'The driver says of buf: PREFERRED_LOC undefined, GRANULARITY 4, ACCESS GPU 0, NO_ACCESS GPU 1.',
  );
});
