// The step vocabulary: that of the recordings, one schema for every border (file, link, editor, worker).

import * as v from 'valibot';
import { MAPPED_MEMORY_KINDS } from './config.ts';
import { FOLL_FLAGS, type FollFlagName } from './gup-flags.ts';
import { LONGTERM_CHECKS, LONGTERM_POLICIES } from './config.ts';
import { issueText } from './issue-text.ts';
import { DEVICE_MODELS, SVM_FLAGS, type SvmFlagName } from './device-model.ts';
import { misfitOf } from './machine-fit.ts';
import { parsePatches, PatchSetError } from './patches.ts';

export const SCENARIO_FORMAT = 1;

const MAX_STEPS = 100_000;
const MAX_AREA_PAGES = 2 ** 28;

const name = v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, 'a name of letters, digits, _ . - (at most 64)'));
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
const value = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 52));

const range = {
  proc: name,
  vma: name,
  page: v.optional(count(MAX_AREA_PAGES)),
  count: v.optional(v.pipe(count(MAX_AREA_PAGES), v.minValue(1))),
};
const device = count(255);

/** `device`: the device's own mmap, which puts pages of the driver into the area. */
export const AREA_KINDS = [
  'anon-private',
  'anon-shared',
  'file-private',
  'file-shared',
  'hugetlb',
  'device',
] as const;
export const ADVICES = [
  'DONTNEED',
  'HUGEPAGE',
  'NOHUGEPAGE',
  'DONTFORK',
  'COLD',
  'FREE',
  'PAGEOUT',
  'COLLAPSE',
  'DOFORK',
  'WIPEONFORK',
  'KEEPONFORK',
  'POPULATE_READ',
  'POPULATE_WRITE',
  'MERGEABLE',
  'UNMERGEABLE',
] as const;
export type Advice = (typeof ADVICES)[number];
export const GUP_CALLS = [
  'get_user_pages',
  'get_user_pages_remote',
  'get_user_pages_unlocked',
  'get_user_pages_fast',
  'get_user_pages_fast_only',
  'pin_user_pages',
  'pin_user_pages_remote',
  'pin_user_pages_unlocked',
  'pin_user_pages_fast',
  'pin_user_pages_fast_only',
] as const;
/** Commands of /sys/kernel/debug/gup_test; each gives the pages back before it returns. */
export const GUP_TEST_COMMANDS = [
  'GUP_FAST_BENCHMARK',
  'PIN_FAST_BENCHMARK',
  'PIN_LONGTERM_BENCHMARK',
  'GUP_BASIC_TEST',
  'PIN_BASIC_TEST',
  'DUMP_USER_PAGES_TEST',
] as const;
export type GupTestCommand = (typeof GUP_TEST_COMMANDS)[number];
/** Attributes of a range of shared virtual memory: KFD_IOCTL_SVM_ATTR_*. */
const svmAttributeSchema = v.variant('type', [
  v.strictObject({
    type: v.picklist(['PREFERRED_LOC', 'PREFETCH_LOC']),
    loc: v.union([v.picklist(['system', 'undefined']), device]),
  }),
  v.strictObject({ type: v.picklist(['ACCESS', 'ACCESS_IN_PLACE', 'NO_ACCESS']), device }),
  v.strictObject({
    type: v.picklist(['SET_FLAGS', 'CLR_FLAGS']),
    flags: v.pipe(v.array(v.picklist(Object.keys(SVM_FLAGS) as SvmFlagName[])), v.maxLength(8)),
  }),
  v.strictObject({ type: v.literal('GRANULARITY'), value: count(255) }),
]);
export type SvmAttribute = v.InferOutput<typeof svmAttributeSchema>;
/** What can be asked of a range; about access one asks GPU by GPU, and the answer is one of the three kinds. */
const svmQuestionSchema = v.variant('type', [
  v.strictObject({
    type: v.picklist(['PREFERRED_LOC', 'PREFETCH_LOC', 'SET_FLAGS', 'CLR_FLAGS', 'GRANULARITY']),
  }),
  v.strictObject({ type: v.picklist(['ACCESS', 'ACCESS_IN_PLACE', 'NO_ACCESS']), device }),
]);
export type SvmQuestion = v.InferOutput<typeof svmQuestionSchema>;

/** Stages of a boot in steps, in order. */
export const BOOT_STAGES = ['efi', 'e820', 'memblock', 'init'] as const;
export type BootStage = (typeof BOOT_STAGES)[number];
/**
 * A GPU's work is in steps: `bo_alloc` makes an object of graphics, which may spill, of compute, which may not, or of
 * memory that the process has.
 */
export const BO_KINDS = ['gem', 'kfd', 'userptr'] as const;

/** Report the whole buffer that the driver filled, as `mirror`. */
const mirror = v.optional(v.literal(true));

const simpleStepSchema = v.variant('op', [
  v.strictObject({
    op: v.literal('mmap'),
    proc: name,
    vma: name,
    pages: v.pipe(count(MAX_AREA_PAGES), v.minValue(1)),
    prot: v.picklist(['', 'r', 'rw']),
    kind: v.picklist(AREA_KINDS),
    align: v.optional(v.union([v.string(), v.number()])),
    /** For the kind `hugetlb`: size of the pages; absent: 2M. */
    page_size: v.optional(v.picklist(['2M', '1G'])),
    /** For the kind `hugetlb`: without MAP_NORESERVE, so that every page is promised. */
    reserve: v.optional(v.literal(true)),
    /** For the kind `hugetlb`: MAP_SHARED instead of MAP_PRIVATE. */
    shared: v.optional(v.literal(true)),
    /** For the kind `device`; for a file kind, the DAX device whose file it is. */
    device: v.optional(device),
    /** For file kinds: a file of `file_create`; absent: the one file of 64 pages. */
    file: v.optional(name),
    /** For the kind `anon-private`: the memory of brk(2), or the stack; a process has one of each. */
    segment: v.optional(v.picklist(['heap', 'stack'])),
  }),
  v.strictObject({ op: v.literal('munmap'), ...range }),
  v.strictObject({ op: v.literal('mremap'), proc: name, vma: name, to: name }),
  v.strictObject({ op: v.literal('mprotect'), ...range, prot: v.picklist(['', 'r', 'rw']) }),
  v.strictObject({ op: v.literal('madvise'), ...range, advice: v.picklist(ADVICES) }),
  v.strictObject({ op: v.literal('mlock'), ...range }),
  v.strictObject({ op: v.literal('munlock'), ...range }),
  v.strictObject({ op: v.literal('read'), ...range }),
  v.strictObject({ op: v.literal('write'), ...range, value }),
  v.strictObject({ op: v.literal('fork'), proc: name, child: name }),
  /** With a signal: the process is killed; `status` of the result says by which. */
  v.strictObject({
    op: v.literal('exit'),
    proc: name,
    signal: v.optional(v.picklist(['SIGTERM', 'SIGKILL'])),
  }),
  /** A file whose page k holds `value` + k, written by this process: all of it is in the page cache, dirty. */
  v.strictObject({
    op: v.literal('file_create'),
    proc: name,
    file: name,
    pages: v.pipe(count(2 ** 16), v.minValue(1)),
    value,
  }),
  v.strictObject({
    op: v.literal('file_read'),
    proc: name,
    file: name,
    page: v.optional(count(2 ** 16)),
    count: v.optional(v.pipe(count(2 ** 16), v.minValue(1))),
  }),
  /** Otherwise a process opens a device at its first command, and nobody closes it. */
  v.strictObject({ op: v.literal('dev_open'), proc: name, device }),
  v.strictObject({ op: v.literal('dev_close'), proc: name, device }),
  /** The driver gives up all memory of the device. */
  v.strictObject({ op: v.literal('dev_evict'), proc: name, device }),
  v.strictObject({ op: v.literal('dev_check_exclusive'), ...range, device }),
  v.strictObject({ op: v.literal('dev_read'), ...range, device, mirror }),
  v.strictObject({ op: v.literal('dev_write'), ...range, device, value }),
  v.strictObject({ op: v.literal('migrate_to_dev'), ...range, device, mirror }),
  v.strictObject({ op: v.literal('migrate_to_sys'), ...range, device }),
  v.strictObject({ op: v.literal('dev_exclusive'), ...range, device, mirror }),
  v.strictObject({ op: v.literal('snapshot'), ...range, device }),
  v.strictObject({
    op: v.literal('gup'),
    ...range,
    call: v.picklist(GUP_CALLS),
    flags: v.pipe(v.array(v.picklist(Object.keys(FOLL_FLAGS) as FollFlagName[])), v.maxLength(16)),
    as: name,
    /** The caller passes no array (NULL): it only wants the pages present. */
    no_pages: v.optional(v.literal(true)),
    /** A _remote call that lets a fault drop mmap_lock. */
    locked: v.optional(v.literal(true)),
  }),
  /** The system call: to a node, or without one the question where the pages are. */
  /** NUMA balancing looks who uses the pages. */
  v.strictObject({ op: v.literal('numa_scan'), ...range }),
  /** KSM looks for equal pages in areas with MADV_MERGEABLE. */
  v.strictObject({ op: v.literal('ksm_scan'), ...range }),
  /** MPOL_BIND with MPOL_MF_MOVE. */
  v.strictObject({ op: v.literal('mbind'), ...range, node: count(63) }),
  v.strictObject({ op: v.literal('move_pages'), ...range, node: v.optional(count(63)) }),
  /** Memory offlining begins with this: the pageblocks of these pages are to be emptied. */
  v.strictObject({ op: v.literal('isolate'), ...range, undo: v.optional(v.literal(true)) }),
  v.strictObject({
    op: v.literal('gup_test'),
    ...range,
    cmd: v.picklist(GUP_TEST_COMMANDS),
    flags: v.pipe(v.array(v.picklist(Object.keys(FOLL_FLAGS) as FollFlagName[])), v.maxLength(16)),
    /** Pages of one call; absent: all at once. */
    per_call: v.optional(v.pipe(count(MAX_AREA_PAGES), v.minValue(1))),
    /** DUMP_USER_PAGES_TEST: with pin_user_pages instead of get_user_pages. */
    use_pin: v.optional(v.literal(true)),
    /** DUMP_USER_PAGES_TEST: pages to print, counted from 1; 0: none. */
    which_pages: v.optional(v.pipe(v.array(count(MAX_AREA_PAGES)), v.maxLength(8))),
  }),
  /** One stage of the boot of a machine with `coldBoot`. */
  v.strictObject({ op: v.literal('boot'), proc: name, stage: v.picklist(BOOT_STAGES) }),
  /** The GPU's driver starts; an aperture that the firmware got wrong can be given, in pages. */
  v.strictObject({
    op: v.literal('probe'),
    proc: name,
    device,
    start: v.optional(count(2 ** 40)),
    pages: v.optional(v.pipe(count(2 ** 36), v.minValue(1))),
  }),
  /** The driver lets go of the GPU; it waits until the last page of its memory is free. */
  v.strictObject({ op: v.literal('unbind'), proc: name, device }),
  v.strictObject({
    op: v.literal('svm_attr'),
    ...range,
    attrs: v.pipe(v.array(svmAttributeSchema), v.minLength(1), v.maxLength(8)),
  }),
  /** The question what the attributes are; the answer is in `attrs` of the result. */
  v.strictObject({
    op: v.literal('svm_get_attr'),
    ...range,
    attrs: v.pipe(v.array(svmQuestionSchema), v.minLength(1), v.maxLength(8)),
  }),
  v.strictObject({ op: v.literal('set_xnack'), proc: name, enabled: v.boolean() }),
  v.strictObject({ op: v.literal('gpu_read'), ...range, device }),
  v.strictObject({ op: v.literal('gpu_write'), ...range, device, value }),
  v.strictObject({
    op: v.literal('bo_alloc'),
    proc: name,
    device,
    bo: name,
    pages: v.pipe(count(2 ** 28), v.minValue(1)),
    kind: v.optional(v.picklist(BO_KINDS), 'gem'),
    /** TTM's pin, as for scanout: the object cannot be evicted. */
    pin: v.optional(v.literal(true)),
    /** Memory that a `userptr` is about. */
    vma: v.optional(name),
    page: v.optional(count(MAX_AREA_PAGES)),
  }),
  /** The GPU writes all of the object. */
  v.strictObject({ op: v.literal('bo_write'), proc: name, bo: name, value }),
  v.strictObject({ op: v.literal('bo_free'), proc: name, bo: name }),
  /** `dirty`: the device has written the pages; they are marked so first. */
  v.strictObject({ op: v.literal('unpin'), proc: name, handle: name, dirty: v.optional(v.literal(true)) }),
  v.strictObject({ op: v.literal('put'), proc: name, handle: name }),
]);

/** All that a program can do, by name. */
export const OPERATIONS: readonly SimpleStep['op'][] = simpleStepSchema.options.map(
  ({ entries }) => entries.op.literal,
);

/** Several operations at once, as tasks on simulated CPUs; the seed chooses how they interleave where they may sleep. */
const concurrentStepSchema = v.strictObject({
  op: v.literal('concurrent'),
  proc: name,
  seed: count(2 ** 31),
  steps: v.pipe(v.array(simpleStepSchema), v.minLength(2), v.maxLength(8)),
});

const stepSchema = v.variant('op', [simpleStepSchema, concurrentStepSchema]);

/** An operation that one task runs. */
export type SimpleStep = v.InferOutput<typeof simpleStepSchema>;
/** One step of a scenario. */
export type Step = v.InferOutput<typeof stepSchema>;
export type StepOf<Op extends Step['op']> = Extract<Step, { op: Op }>;

const headerFields = {
  boot: v.optional(v.picklist(['default', 'movable', 'cma']), 'default'),
  devices: v.pipe(
    v.array(
      v.object({
        id: device,
        kind: v.picklist(['coherent', 'private', ...MAPPED_MEMORY_KINDS]),
        pages: v.optional(count(2 ** 28)),
      }),
    ),
    v.maxLength(16),
    v.check(
      (devices) => new Set(devices.map(({ id }) => id)).size === devices.length,
      'another number: two devices have the same one',
    ),
  ),
  /** Pages of a swap device; absent: there is none, as in the recordings. */
  swap: v.optional(count(2 ** 24)),
  /** Pages of 1 GiB that were set aside at boot; absent: there are none, as in the recordings. */
  gigantic: v.optional(count(16)),
  /** nr_overcommit_hugepages: pages of 2 MiB that the hugetlb pool may take beyond its size; absent: none. */
  overcommit: v.optional(count(2 ** 16)),
};

/** Whose devices they are; absent: the test driver's. */
const gpuSchema = v.strictObject({
  model: v.optional(v.picklist(DEVICE_MODELS), 'mi250x-gcd'),
  xnack: v.optional(v.boolean(), true),
  coldBoot: v.optional(v.boolean(), false),
  /** false: the kernel was started with `efi=nosoftreserve`. */
  softReserve: v.optional(v.boolean(), true),
  /** Hive of each device, 0: in none; absent: as its model has it. */
  hives: v.optional(v.array(count(64))),
  /** A step that meets a fault of Linux itself is not taken back: the machine stands where Linux would, for good. */
  standstill: v.optional(v.literal(true)),
  /** ttm.pages_limit: pages of system memory that TTM should not exceed; absent: half of it. */
  pagesLimit: v.optional(count(2 ** 28)),
});

/** What `"gpu": {}` means. */
export const DEFAULT_GPU: v.InferOutput<typeof gpuSchema> = v.parse(gpuSchema, {});

/** A set of patches as people write it; one that could not be built is refused with what is missing. */
const patchSet = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      parsePatches(dataset.value);
    } catch (error) {
      if (!(error instanceof PatchSetError)) throw error;
      addIssue({ message: error.message });
    }
  }),
);

/** The kernel that the scenario wants, where it is not the whole series. */
const kernelSchema = v.strictObject({
  /** `all`, `none`, or `1-5,7-14` */
  patches: v.optional(patchSet),
  CONFIG_MIGRATION: v.optional(v.boolean()),
  CONFIG_CMA: v.optional(v.boolean()),
  CONFIG_DEVICE_PRIVATE: v.optional(v.boolean()),
  CONFIG_TRANSPARENT_HUGEPAGE: v.optional(v.boolean()),
  followPage: v.optional(v.picklist(['v6.1', 'v6.0', 'FOLL_LRU'])),
  longtermCheck: v.optional(v.picklist(LONGTERM_CHECKS)),
  /** `intent` and `as-coded` never shipped. */
  longtermPolicy: v.optional(v.picklist(LONGTERM_POLICIES)),
});

const scenarioSchema = v.object({
  format: v.optional(v.literal(SCENARIO_FORMAT), SCENARIO_FORMAT),
  name: v.optional(v.pipe(v.string(), v.maxLength(200)), ''),
  title: v.optional(v.pipe(v.string(), v.maxLength(1000)), ''),
  machine: v.optional(v.picklist(['guest', 'teaching', 'lab-node', 'frontier'])),
  gpu: v.optional(gpuSchema),
  /** (`kernel` of a recording names the one that was recorded.) */
  config: v.optional(kernelSchema),
  ...headerFields,
  steps: v.pipe(
    v.array(v.object({ n: v.optional(count(MAX_STEPS)), step: stepSchema })),
    v.maxLength(MAX_STEPS),
  ),
});

/** A scenario: what to run on which machine. A recording is one with the kernel's answers attached. */
export type Scenario = v.InferOutput<typeof scenarioSchema>;

/** A scenario that does not fit the schema or its machine: `place` names where, `message` what is wanted there. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  constructor(
    readonly place: string,
    message: string,
  ) {
    super(message);
  }
}

const placeOf = (issue: v.BaseIssue<unknown>): string => {
  let place = '';
  for (const item of issue.path ?? [])
    place += typeof item.key === 'number' ? `[${item.key}]` : `${place && '.'}${String(item.key)}`;
  return place;
};

/** What is wrong first. Ours: for other schemas of the same vocabulary. */
export const firstIssue = (issues: readonly v.BaseIssue<unknown>[]): ScenarioError => {
  const issue = issues[0];
  return new ScenarioError(placeOf(issue), issueText(issue));
};

/** Checks a scenario or recording that came from outside. @throws ScenarioError */
export const parseScenario = (input: unknown): Scenario => {
  const result = v.safeParse(scenarioSchema, input);
  if (!result.success) throw firstIssue(result.issues);
  const misfit = misfitOf(result.output);
  if (misfit !== undefined) throw new ScenarioError(misfit.place, misfit.message);
  return result.output;
};

/** Checks one step that came from outside. @throws ScenarioError */
export const parseStep = (input: unknown): Step => {
  const result = v.safeParse(stepSchema, input);
  if (!result.success) throw firstIssue(result.issues);
  return result.output;
};
