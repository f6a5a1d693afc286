// Who takes references of a process's pages in real life: the call and the flags that each subsystem uses in v6.1, and
// how long it keeps them (machine-and-drivers.md §6, read in the kernel's source).

import type { FollFlagName } from './gup-flags.ts';
import type { GUP_CALLS } from './scenario.ts';

export interface Pinner {
  readonly name: string;
  /** What a program does. */
  readonly user: string;
  readonly call: (typeof GUP_CALLS)[number];
  readonly flags: readonly FollFlagName[];
  /** Where the call stands. */
  readonly file: string;
  readonly fn: string;
  readonly lasts: 'until it is released' | 'until the transfer ends' | 'during the call';
  /** What bounds how many pages it may hold. */
  readonly limit: string;
}

export const PINNERS = {
  rdma: {
    name: 'rdma',
    user: 'RDMA registers a memory region (ibv_reg_mr)',
    call: 'pin_user_pages_fast',
    flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    file: 'drivers/infiniband/core/umem.c',
    fn: 'ib_umem_get',
    lasts: 'until it is released',
    limit:
      'They count in `mm->pinned_vm` before the first is pinned; beyond `RLIMIT_MEMLOCK` the call says `-ENOMEM`, unless the process has `CAP_IPC_LOCK`.',
  },
  ioUring: {
    name: 'io-uring',
    user: 'io_uring registers fixed buffers',
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    file: 'io_uring/rsrc.c',
    fn: 'io_pin_pages',
    lasts: 'until it is released',
    limit:
      '`io_buffer_account_pin` counts them in `user->locked_vm` only when all are pinned: a call that says `-ENOMEM` beyond `RLIMIT_MEMLOCK` has taken them out of VRAM already. With `CAP_IPC_LOCK` it does not apply.',
  },
  vfio: {
    name: 'vfio',
    user: 'VFIO maps memory of a virtual machine for a device',
    call: 'pin_user_pages_remote',
    flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    file: 'drivers/vfio/vfio_iommu_type1.c',
    fn: 'vaddr_get_pfns',
    lasts: 'until it is released',
    limit:
      'They count in `mm->locked_vm` once a batch of them is pinned: beyond `RLIMIT_MEMLOCK` it says `-ENOMEM` to a process without `CAP_IPC_LOCK`, and the batch has left VRAM already.',
  },
  v4l2: {
    name: 'v4l2',
    user: 'V4L2 takes a USERPTR buffer',
    call: 'pin_user_pages_fast',
    flags: ['FOLL_FORCE', 'FOLL_WRITE', 'FOLL_LONGTERM'],
    file: 'drivers/media/common/videobuf2/frame_vector.c',
    fn: 'get_vaddr_frames',
    lasts: 'until it is released',
    limit: 'Nobody counts them: `RLIMIT_MEMLOCK` does not apply.',
  },
  oDirect: {
    name: 'o-direct',
    user: 'A read with O_DIRECT fills the buffer',
    call: 'get_user_pages_fast',
    flags: ['FOLL_WRITE'],
    file: 'lib/iov_iter.c',
    fn: '__iov_iter_get_pages_alloc',
    lasts: 'until the transfer ends',
    limit: 'Nobody counts them; a `bio` holds at most 256.',
  },
  processVm: {
    name: 'process-vm',
    user: 'process_vm_readv looks into another process',
    call: 'pin_user_pages_remote',
    flags: [],
    file: 'mm/process_vm_access.c',
    fn: 'process_vm_rw_single_vec',
    lasts: 'during the call',
    limit: 'Nobody counts them; it holds at most 1,024 at once.',
  },
} as const satisfies Readonly<Record<string, Pinner>>;

export type PinnerName = keyof typeof PINNERS;

/** Whether pages of a coherent device leave it for this. */
export const movesPages = ({ flags }: Pinner): boolean => flags.includes('FOLL_LONGTERM');
