// Flags of a GUP call.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const foll = entry('FOLL_ flags');

export const follTerms = {
  FOLL_WRITE: foll(
    'FOLL_WRITE',
    'The page is to be written: a shared one is copied first.',
    'include/linux/mm.h: FOLL_WRITE',
  ),
  FOLL_TOUCH: foll('FOLL_TOUCH', 'Mark the page as accessed.', 'include/linux/mm.h: FOLL_TOUCH'),
  FOLL_GET: foll('FOLL_GET', 'Take a plain reference, not a pin.', 'include/linux/mm.h: FOLL_GET'),
  FOLL_DUMP: foll('FOLL_DUMP', 'For a core dump: give an error for holes.', 'include/linux/mm.h: FOLL_DUMP'),
  FOLL_FORCE: foll(
    'FOLL_FORCE',
    'Get the page even if the area forbids it, as a debugger does.',
    'include/linux/mm.h: FOLL_FORCE',
  ),
  FOLL_NOWAIT: foll('FOLL_NOWAIT', 'Do not wait for the disk.', 'include/linux/mm.h: FOLL_NOWAIT'),
  FOLL_NOFAULT: foll('FOLL_NOFAULT', 'Do not fault pages in.', 'include/linux/mm.h: FOLL_NOFAULT'),
  FOLL_HWPOISON: foll(
    'FOLL_HWPOISON',
    'Tell of broken memory with an error of its own.',
    'include/linux/mm.h: FOLL_HWPOISON',
  ),
  FOLL_MIGRATION: foll(
    'FOLL_MIGRATION',
    'Wait for a page that is being moved.',
    'include/linux/mm.h: FOLL_MIGRATION',
  ),
  FOLL_TRIED: foll(
    'FOLL_TRIED',
    'A second try, after a fault that waited.',
    'include/linux/mm.h: FOLL_TRIED',
  ),
  FOLL_REMOTE: foll(
    'FOLL_REMOTE',
    'The memory belongs to another process.',
    'include/linux/mm.h: FOLL_REMOTE',
  ),
  FOLL_ANON: foll('FOLL_ANON', 'Only anonymous memory.', 'include/linux/mm.h: FOLL_ANON'),
  FOLL_LONGTERM: foll(
    'FOLL_LONGTERM',
    'The pages are held without an end in sight. Those that may not be are moved first.',
    'include/linux/mm.h: FOLL_LONGTERM',
  ),
  FOLL_SPLIT_PMD: foll('FOLL_SPLIT_PMD', 'Split a huge entry first.', 'include/linux/mm.h: FOLL_SPLIT_PMD'),
  FOLL_PIN: foll(
    'FOLL_PIN',
    'Pin the pages; only the pin_user_pages calls may set it.',
    'include/linux/mm.h: FOLL_PIN',
  ),
  FOLL_FAST_ONLY: foll(
    'FOLL_FAST_ONLY',
    'Only the fast path: give up where it cannot.',
    'include/linux/mm.h: FOLL_FAST_ONLY',
  ),
} as const satisfies Partial<Record<TermId, Term>>;
