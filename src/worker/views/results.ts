// What a kernel function returned, as one would print it.

import { errnoName } from '../../core/uapi/errno.ts';
import type { KernelFunctionName } from '../../core/uapi/source-refs.ts';
import { NO_PFN } from '../../core/uapi/units.ts';
import { hex } from './messages.ts';

/** Functions that return a page: here its frame, and NO_PFN where the kernel returns NULL. */
const PAGES: ReadonlySet<string> = new Set<KernelFunctionName>([
  'vm_normal_page',
  'try_grab_folio',
  'get_mergeable_page',
  'dmirror_devmem_alloc_page',
]);

/** `4`, `-EBUSY`, `pfn 0x5fffc`, `NULL`; '' where nothing is returned. */
export const resultText = (fn: string, value: number): string => {
  if (Number.isNaN(value)) return '';
  if (PAGES.has(fn)) return value === NO_PFN ? 'NULL' : `pfn ${hex(value)}`;
  return value < 0 && value > -4096 ? `-${errnoName(value)}` : String(value);
};
