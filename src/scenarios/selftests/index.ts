// The kernel's own tests of this memory (tools/testing/selftests/vm/hmm-tests.c): 29 tests, each with private and
// with coherent devices. The list is small; the steps come when a test is opened.

import type { Selftest, SelftestVariant } from '../../core/uapi/selftest.ts';
import type { TestSteps } from './source.ts';

/** A file of tests. */
type Load = () => Promise<{ readonly TESTS: Readonly<Record<string, TestSteps>> }>;

interface Test {
  readonly test: string;
  readonly title: string;
  readonly fixture: 'hmm' | 'hmm2';
  readonly load: Load;
}

export interface SelftestEntry {
  /** As the kernel's harness names the run: `hmm.hmm_device_private.anon_read`. */
  readonly name: string;
  readonly test: string;
  readonly title: string;
  readonly fixture: 'hmm' | 'hmm2';
  readonly variant: SelftestVariant;
  /** Loads and checks the scenario with its assertions. */
  readonly scenario: () => Promise<Selftest>;
}

const group = (
  fixture: Test['fixture'],
  load: Load,
  titles: readonly (readonly [test: string, title: string])[],
): Test[] => titles.map(([test, title]) => ({ test, title, fixture, load }));

/** In the order in which the kernel's harness runs them. */
const TESTS: readonly Test[] = [
  ...group('hmm', () => import('./without-migration.ts'), [
    ['open_close', 'A process opens and closes a device'],
    ['anon_read', 'The device reads memory: nothing there, the zero page, read-only pages'],
    ['anon_read_prot', 'The device may not read what the process may not'],
    ['anon_write', 'The device writes memory that nobody has touched'],
    ['anon_write_prot', 'The device may not write what the process may not'],
    ['anon_write_child', 'The device of a child writes; the parent keeps its data'],
    ['anon_write_child_shared', 'The device of a child writes shared memory; the parent sees it'],
    ['anon_write_huge', 'The device writes to a transparent huge page'],
    ['anon_write_hugetlbfs', 'The device writes to a page of the huge page pool'],
    ['file_read', 'The device reads a file through its mapping'],
    ['file_write', 'The device writes a file through its mapping'],
  ]),
  ...group('hmm', () => import('./migration.ts'), [
    ['migrate', 'Anonymous memory moves to the device'],
    ['migrate_file_private', 'Private copies of file pages move to the device'],
    ['migrate_fault', 'The CPU reads half of what is on the device; all of it moves again'],
    ['migrate_release', 'The driver gives its memory up; the data comes home'],
    ['migrate_shared', 'Shared anonymous memory does not move'],
    ['migrate_multiple', 'Ten buffers move to the device and home'],
  ]),
  ...group('hmm', () => import('./without-migration.ts'), [
    ['anon_read_multiple', 'The same addresses mapped ten times: the device must forget each time'],
    ['anon_teardown', 'The device reads while half of the memory is unmapped'],
    ['mixedmap', 'A page of the driver’s own in an area of the process'],
    ['compound', 'A snapshot of a huge page says how it is mapped'],
  ]),
  ...group('hmm', () => import('./exclusive.ts'), [
    ['exclusive', 'The device has pages for itself until the CPU touches them'],
    ['exclusive_mprotect', 'Protection changed under exclusive access'],
    ['exclusive_cow', 'A fork under exclusive access, then copy on write'],
  ]),
  ...group('hmm', () => import('./migration.ts'), [
    ['hmm_gup_test', 'References and long-term pins of pages on the device'],
    ['hmm_cow_in_device', 'Copy on write of pages that lie on the device'],
  ]),
  ...group('hmm2', () => import('./two-devices.ts'), [
    ['migrate_mixed', 'Six pages, six states: what moves, and which error else'],
    ['snapshot', 'A snapshot of seven pages in seven states'],
    ['double_map', 'Two devices read the same memory; one of them takes it'],
  ]),
];

const entryOf = ({ test, title, fixture, load }: Test, variant: SelftestVariant): SelftestEntry => ({
  name: `${fixture}.${fixture}_device_${variant}.${test}`,
  test,
  title,
  fixture,
  variant,
  scenario: async () => {
    const [{ TESTS: all }, { selftest }] = await Promise.all([load(), import('./source.ts')]);
    const steps = all[test];
    if (steps === undefined) throw new Error(`no test ${test}`);
    return selftest({ test, title, fixture }, variant, steps);
  },
});

/** The 58 runs, in the order of the kernel's harness: by fixture, variant, test. */
export const SELFTESTS: readonly SelftestEntry[] = (['hmm', 'hmm2'] as const).flatMap((fixture) =>
  (['private', 'coherent'] as const).flatMap((variant) =>
    TESTS.filter((test) => test.fixture === fixture).map((test) => entryOf(test, variant)),
  ),
);
