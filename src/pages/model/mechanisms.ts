import { DEVICES } from './mechanisms/devices.ts';
import { FRAME } from './mechanisms/frame.ts';
import type { Mechanism } from './mechanisms/mechanism.ts';
import { MEMORY } from './mechanisms/memory.ts';
import { PINS } from './mechanisms/pins.ts';
import { SPACES } from './mechanisms/spaces.ts';

/** All of them; the order within a family is that of the page. */
export const MECHANISMS: readonly Mechanism[] = [...PINS, ...DEVICES, ...SPACES, ...MEMORY, ...FRAME];
