// What calls return when they fail.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const BASE = 'include/uapi/asm-generic/errno-base.h';
const MORE = 'include/uapi/asm-generic/errno.h';
const group = entry('error numbers');
const error = (name: string, text: string, file = BASE): Term => group(name, text, `${file}: ${name}`);

export const errorTerms = {
  eperm: error('EPERM', 'Whoever asks is not allowed to do this.'),
  enoent: error('ENOENT', 'There is nothing of that name, or no entry at this place.'),
  eintr: error('EINTR', 'A signal came while the call waited.'),
  enxio: error('ENXIO', 'There is no device or memory of that number or address.'),
  eagain: error('EAGAIN', 'Try again: something was busy, or has just been moved.'),
  enomem: error(
    'ENOMEM',
    'There is no memory. Some calls also say it of addresses at which nothing is mapped.',
  ),
  eacces: error(
    'EACCES',
    'The rights of the file or area do not allow it. In move_pages: others map the page, too.',
  ),
  efault: error('EFAULT', 'There is nothing at this address that may be used so.'),
  ebusy: error('EBUSY', 'Somebody else holds it.'),
  eexist: error('EEXIST', 'It is there already. In GUP: there is an entry, but no `struct page` to take.'),
  enodev: error('ENODEV', 'There is no such device, or it cannot do this.'),
  einval: error('EINVAL', 'What the call was given makes no sense here: a flag, an address, a length.'),
  enospc: error('ENOSPC', 'There is no room left for it.'),
  emlink: error(
    'EMLINK',
    'Too many links to one thing. `follow_page_mask` uses it to say: unshare this page first.',
  ),
  erange: error('ERANGE', 'A number is outside of what fits.'),
  edeadlk: error(
    'EDEADLK',
    'To wait would never end; or here: after several tries the pages are still not where they should be.',
    MORE,
  ),
  eopnotsupp: error('EOPNOTSUPP', 'This kind of thing cannot do that.', MORE),
  eaddrinuse: error('EADDRINUSE', 'The address is in use already.', MORE),
  ehwpoison: error('EHWPOISON', 'The page has broken memory.', MORE),
} as const satisfies Partial<Record<TermId, Term>>;
