// Error numbers as the kernel returns them: negative, in the int that a call returns.

export const EPERM = 1;
export const ENOENT = 2;
export const EADDRINUSE = 98;
export const EINTR = 4;
export const ENXIO = 6;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EDEADLK = 35;
export const ERANGE = 34;
export const EMLINK = 31;
export const EOPNOTSUPP = 95;
export const EHWPOISON = 133;

const NAMES: ReadonlyMap<number, string> = new Map([
  [EPERM, 'EPERM'],
  [ENOENT, 'ENOENT'],
  [EADDRINUSE, 'EADDRINUSE'],
  [EINTR, 'EINTR'],
  [ENXIO, 'ENXIO'],
  [EAGAIN, 'EAGAIN'],
  [ENOMEM, 'ENOMEM'],
  [EACCES, 'EACCES'],
  [EFAULT, 'EFAULT'],
  [EBUSY, 'EBUSY'],
  [EEXIST, 'EEXIST'],
  [ENODEV, 'ENODEV'],
  [EINVAL, 'EINVAL'],
  [ENOSPC, 'ENOSPC'],
  [EDEADLK, 'EDEADLK'],
  [ERANGE, 'ERANGE'],
  [EMLINK, 'EMLINK'],
  [EOPNOTSUPP, 'EOPNOTSUPP'],
  [EHWPOISON, 'EHWPOISON'],
]);

/** `errnoName(-16)` and `errnoName(16)` are both `EBUSY`. */
export const errnoName = (err: number): string => NAMES.get(Math.abs(err)) ?? `E${Math.abs(err)}`;
