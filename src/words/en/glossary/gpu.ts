// Attributes of ranges of shared virtual memory, as the ioctl of amdgpu names them, and what each does in v6.1.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const gpu = entry('memory');
const RANGE = 'drivers/gpu/drm/amd/amdkfd/kfd_svm.h: struct svm_range';

export const gpuTerms = {
  'svm-preferred-loc': gpu(
    'PREFERRED_LOC',
    'Where the range should be: asked for when a GPU faults.',
    'include/uapi/linux/kfd_ioctl.h: KFD_IOCTL_SVM_ATTR_PREFERRED_LOC',
  ),
  'svm-prefetch-loc': gpu(
    'PREFETCH_LOC',
    'Where the range should go now: done at once, when it is set.',
    'include/uapi/linux/kfd_ioctl.h: KFD_IOCTL_SVM_ATTR_PREFETCH_LOC',
  ),
  'svm-actual-loc': gpu(
    'actual_loc',
    'Where the range counts as being; single pages may be elsewhere.',
    RANGE,
  ),
  'svm-granularity': gpu(
    'GRANULARITY',
    'How much one CPU fault brings home.',
    'include/uapi/linux/kfd_ioctl.h: KFD_IOCTL_SVM_ATTR_GRANULARITY',
  ),
  'svm-access': gpu(
    'ACCESS',
    'GPUs that may have the range moved to them.',
    'include/uapi/linux/kfd_ioctl.h: KFD_IOCTL_SVM_ATTR_ACCESS',
  ),
  'svm-access-in-place': gpu(
    'ACCESS_IN_PLACE',
    'GPUs that may reach the range where it is.',
    'include/uapi/linux/kfd_ioctl.h: KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE',
  ),
  'svm-notifier': gpu('notifier', 'Is told before the CPU changes an entry of the range.', RANGE),
  'svm-object': gpu('buffer object', 'The object whose VRAM the range has.', RANGE),
  'vram-space': gpu(
    'space in VRAM',
    'What buffer objects have of a GPU\u2019s memory. An object uses no struct page of its own: TTM\u2019s manager keeps the account of the space. Only pages that processes map, as ranges of shared virtual memory do, are in use one by one.',
    'drivers/gpu/drm/amd/amdgpu/amdgpu_vram_mgr.c: amdgpu_vram_mgr_new',
  ),
} as const satisfies Partial<Record<TermId, Term>>;
