// The calls of GUP by name.

import type { GupCall } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import type { Vpn } from '../../uapi/units.ts';
import { getUserPages, getUserPagesRemote, type GupResult, pinUserPages, pinUserPagesRemote } from './gup.ts';
import {
  getUserPagesFast,
  getUserPagesFastOnly,
  getUserPagesUnlocked,
  pinUserPagesFast,
  pinUserPagesFastOnly,
  pinUserPagesUnlocked,
} from './gup-unlocked.ts';
import type { GupOptions } from './gup-walk.ts';

type GupFunction = (
  m: Machine,
  start: Vpn,
  npages: number,
  flags: number,
  mm: number,
  options: GupOptions,
) => Sleeps<GupResult>;

/** Kernel: `include/linux/mm.h`. */
export const GUP_FUNCTIONS: Readonly<Record<GupCall, GupFunction>> = {
  get_user_pages: getUserPages,
  get_user_pages_remote: getUserPagesRemote,
  get_user_pages_unlocked: getUserPagesUnlocked,
  get_user_pages_fast: getUserPagesFast,
  get_user_pages_fast_only: getUserPagesFastOnly,
  pin_user_pages: pinUserPages,
  pin_user_pages_remote: pinUserPagesRemote,
  pin_user_pages_unlocked: pinUserPagesUnlocked,
  pin_user_pages_fast: pinUserPagesFast,
  pin_user_pages_fast_only: pinUserPagesFastOnly,
};
