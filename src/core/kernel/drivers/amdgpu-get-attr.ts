// kfd_svm.c: the same ioctl the other way round. A process asks what the attributes of addresses are; where its ranges
// differ, the driver says what is true of all of them.

import { UNDEFINED_LOCATION } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EINVAL } from '../../uapi/errno.ts';
import type { Vpn } from '../../uapi/units.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { mmapReadLock, mmapReadUnlock, mutexLock, mutexUnlock } from '../sched/locks.ts';
import { flushDeferredListWork } from './amdgpu-deferred.ts';
import { svmGpus } from './amdgpu-device.ts';
import { svmRangesOf, svmsLock } from './amdgpu-process.ts';
import { svmRangeSetDefaultAttributes } from './amdgpu-range.ts';
import { type SvmAttr, svmRangeIsValid } from './amdgpu-svm.ts';

/** What is asked. A GPU that is not known is -2. */
export type SvmQuery =
  | { readonly type: 'PREFERRED_LOC' | 'PREFETCH_LOC' | 'SET_FLAGS' | 'CLR_FLAGS' | 'GRANULARITY' }
  | { readonly type: 'ACCESS' | 'ACCESS_IN_PLACE' | 'NO_ACCESS'; readonly gpu: number };

/** What holds for all ranges that were looked at. */
interface Common {
  readonly preferredLoc: number;
  readonly prefetchLoc: number;
  readonly granularity: number;
  readonly flagsAnd: number;
  readonly flagsOr: number;
  readonly access: readonly number[];
  readonly accessInPlace: readonly number[];
}

/** One place of all ranges, or undefined. */
const commonPlace = (places: readonly number[]): number =>
  places.every((place) => place === places[0]) ? (places[0] ?? UNDEFINED_LOCATION) : UNDEFINED_LOCATION;

const commonOf = (m: Machine, process: number, start: Vpn, last: Vpn): Common => {
  const found = svmRangesOf(m, process).filter(
    (range) => range.notifierStart <= last && range.notifierLast >= start,
  );
  const gpus = svmGpus(m).map(({ id }) => id);
  if (found.length === 0) {
    m.trace.decide('svm.default-attributes', start, last - start + 1);
    const { flags, ...others } = svmRangeSetDefaultAttributes(m);
    const access = m.kfdProcesses.get(process).xnack ? gpus : [];
    return { ...others, flagsAnd: flags, flagsOr: flags, access, accessInPlace: [] };
  }
  return {
    preferredLoc: commonPlace(found.map(({ preferredLoc }) => preferredLoc)),
    prefetchLoc: commonPlace(found.map(({ prefetchLoc }) => prefetchLoc)),
    granularity: Math.min(...found.map(({ granularity }) => granularity)),
    flagsAnd: found.reduce((flags, range) => flags & range.flags, 0xffffffff) >>> 0,
    flagsOr: found.reduce((flags, range) => flags | range.flags, 0) >>> 0,
    access: gpus.filter((gpu) => found.every(({ access }) => access.includes(gpu))),
    accessInPlace: gpus.filter((gpu) => found.every(({ accessInPlace }) => accessInPlace.includes(gpu))),
  };
};

const accessOf = (common: Common, gpu: number): SvmAttr => {
  if (common.access.includes(gpu)) return { type: 'ACCESS', gpu };
  return { type: common.accessInPlace.includes(gpu) ? 'ACCESS_IN_PLACE' : 'NO_ACCESS', gpu };
};

const answerOf = (m: Machine, common: Common, query: SvmQuery): SvmAttr | undefined => {
  switch (query.type) {
    case 'PREFERRED_LOC':
      return { type: query.type, loc: common.preferredLoc };
    case 'PREFETCH_LOC':
      return { type: query.type, loc: common.prefetchLoc };
    case 'GRANULARITY':
      return { type: query.type, value: common.granularity };
    case 'SET_FLAGS':
      return { type: query.type, flags: common.flagsAnd };
    case 'CLR_FLAGS':
      return { type: query.type, flags: ~common.flagsOr >>> 0 };
    case 'ACCESS':
    case 'ACCESS_IN_PLACE':
    case 'NO_ACCESS':
      return m.gpus.find(query.gpu) === undefined ? undefined : accessOf(common, query.gpu);
  }
};

/**
 * Says what the attributes of a range of addresses are: a place where all its ranges agree, else undefined; the flags that
 * all have, or that none has; the smallest granularity; of a GPU the access that it has everywhere. Without a range: the
 * defaults. Sleeps: until no deferred work is left.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_get_attr`
 *
 * @returns the answers in the order of the questions; -EFAULT addresses without memory; -EINVAL an unknown GPU, or a kind
 *   of access that cannot be asked for
 */
export const svmRangeGetAttr = sleepable(
  'svm_range_get_attr',
  function* (
    m,
    start: Vpn,
    npages: number,
    process: number,
    queries: readonly SvmQuery[],
  ): Sleeps<number | readonly SvmAttr[]> {
    const { mm } = m.kfdProcesses.get(process);
    yield* flushDeferredListWork(m, process);
    yield* mmapReadLock(m, mm);
    const invalid = svmRangeIsValid(m, start, npages, mm);
    mmapReadUnlock(m, mm);
    if (invalid !== 0) return invalid;
    if (queries.some(({ type }) => type === 'ACCESS_IN_PLACE' || type === 'NO_ACCESS')) {
      m.trace.decide('svm.refused-question');
      return -EINVAL;
    }
    yield* mutexLock(m, svmsLock(process));
    const common = commonOf(m, process, start, start + npages - 1);
    mutexUnlock(m, svmsLock(process));
    const answers: SvmAttr[] = [];
    for (const query of queries) {
      const answer = answerOf(m, common, query);
      if (answer === undefined) {
        m.trace.decide('svm.refused-gpu', 'gpu' in query ? query.gpu : 0);
        return -EINVAL;
      }
      answers.push(answer);
    }
    return answers;
  },
);
