// mm/ksm.c: kernel samepage merging, as far as it looks pages up. Nothing is merged here.

import type { Sleeps } from '../../machine/ops.ts';
import { FOLL_GET } from '../../uapi/gup-flags.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_MERGEABLE } from '../../uapi/vm-flags.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { mmapReadLock, mmapReadUnlock } from '../sched/locks.ts';
import { followPage, lruOnly } from './gup-follow.ts';
import { isNonLruPage } from './normal-page.ts';
import { pageAnon } from './page-ref.ts';
import { putPage } from './swap.ts';
import { vmaLookup } from './vma.ts';

/**
 * The page that KSM may merge with an equal one: an anonymous page on an LRU list, with a reference. In the v6.0
 * reading the reference on a device page is forgotten.
 * Sleeps: mmap_lock.
 *
 * Kernel: `mm/ksm.c: get_mergeable_page`
 *
 * @returns NO_PFN: there is nothing to merge
 */
export const getMergeablePage = sleepable(
  'get_mergeable_page',
  function* (m, mm: number, vpn: Vpn): Sleeps<Pfn> {
    yield* mmapReadLock(m, mm);
    const vma = vmaLookup(m, m.mms.get(mm), vpn);
    let page = NO_PFN;
    if (vma !== undefined && (vma.vmFlags & VM_MERGEABLE) !== 0 && vma.anonVma !== 0) {
      const found = yield* followPage(m, vma, vpn, FOLL_GET | lruOnly(m));
      if (found.kind === 'page') {
        if (isNonLruPage(m, found.page)) {
          if (m.kernel.followPage !== 'v6.0') putPage(m, found.page, 'FOLL_GET');
        } else if (pageAnon(m, found.page)) {
          page = found.page;
        } else {
          putPage(m, found.page, 'FOLL_GET');
        }
      }
    }
    mmapReadUnlock(m, mm);
    return page;
  },
);
