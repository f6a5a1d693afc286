// What is said before and behind the steps of a GPU.

import { code, count, has, num, pages, type Params, txt } from '../phrases.ts';

const gpu = (p: Params): string => `GPU ${txt(p, 'device')}`;
type ByOp = Readonly<Record<string, (p: Params) => string>>;
const proc = (p: Params): string => `\`${txt(p, 'proc')}\``;
const range = (p: Params): string => code(p, 'range');

const STAGES: Readonly<Record<string, string>> = {
  efi: 'The boot stub reads the firmware’s map of memory.',
  e820: 'The map becomes the kernel’s own.',
  memblock: 'The kernel notes what is RAM and what is reserved.',
  init: 'The page allocator gets its memory, and the first process starts.',
};

const STAGE_ENDS: Readonly<Record<string, string>> = {
  efi: 'The kernel has the map of the firmware.',
  e820: 'It has a map of its own.',
  memblock: 'It knows which memory is its own.',
  init: 'The system is up. Process `A` lives.',
};

export const gpuStepBegin: ByOp = {
  boot: (p) => STAGES[txt(p, 'stage')] ?? 'The machine boots.',
  probe: (p) => `The driver starts ${gpu(p)}.`,
  unbind: (p) => `The driver is to let go of ${gpu(p)}.`,
  svm_attr: (p) => `${proc(p)} says of ${range(p)}: ${txt(p, 'attrs')}.`,
  svm_get_attr: (p) => `${proc(p)} asks for attributes of ${range(p)}.`,
  set_xnack: (p) =>
    `${proc(p)} wants faults of the GPU ${txt(p, 'enabled') === 'true' ? 'repaired (XNACK on)' : 'never to happen (XNACK off)'}.`,
  gpu_read: (p) => `${gpu(p)} reads ${range(p)} of ${proc(p)}.`,
  gpu_write: (p) => `${gpu(p)} writes ${range(p)} of ${proc(p)}.`,
  bo_alloc: (p) =>
    `${proc(p)} asks for a buffer object ${code(p, 'bo')} of ${count(num(p, 'pages'), 'page')} on ${gpu(p)}.`,
  bo_write: (p) => `The GPU fills the buffer object ${code(p, 'bo')} of ${proc(p)}.`,
  bo_free: (p) => `${proc(p)} drops the buffer object ${code(p, 'bo')}.`,
};

export const gpuStepWhy: ByOp = {
  boot: () =>
    'What the kernel does with memory that the firmware meant for a device decides whether the GPU can have it.',
  probe: () => 'It finds the VRAM, gives it a manager, and registers it as pages of the system.',
  unbind: () => 'The registration can only end when no page of it is in use. Nobody is asked to give one up.',
  svm_attr: () =>
    'Attributes say where a range should be and which GPUs may reach it. A prefetch moves it at once.',
  svm_get_attr: () =>
    'Ranges may differ: the driver says what holds for all of them, and undefined where they do not agree.',
  set_xnack: () =>
    'With XNACK a GPU waits for the kernel at a fault. Without it every entry must be there before.',
  gpu_read: () => 'The GPU looks into its own page table. Where it finds nothing, it faults.',
  gpu_write: () => 'The GPU needs a writable entry in its own page table.',
  bo_alloc: (p) =>
    txt(p, 'kind') === 'userptr'
      ? 'Nothing is pinned: a notifier says when the pages change.'
      : 'TTM hands VRAM out. When there is none, it takes it away from somebody else.',
  bo_write: () => 'The bytes go to the object’s memory, wherever that is now.',
  bo_free: () => 'Its memory goes back to the manager.',
};

/** `4 pages, after 1 fault; 4 of them over the link`. */
const accessed = (p: Params): string => {
  const far = has(p, 'far') ? `; ${num(p, 'far')} of them over the link, outside its own memory` : '';
  return `${pages(p, 'cpages')}, after ${num(p, 'faults') === 0 ? 'no fault' : count(num(p, 'faults'), 'fault')}${far}`;
};

export const gpuStepEnd: ByOp = {
  gpu_read: (p) => `The GPU has read ${accessed(p)}.`,
  gpu_write: (p) => `The GPU has written ${accessed(p)}.`,
  boot: (p) => STAGE_ENDS[txt(p, 'stage')] ?? 'The machine has booted.',
  probe: (p) => `${gpu(p)} works, and its memory is part of the system.`,
  unbind: (p) => `${gpu(p)} has no driver any more.`,
  svm_attr: (p) => `The driver is done with ${range(p)}: ${txt(p, 'attrs')}.`,
  svm_get_attr: (p) => `The driver says of ${range(p)}: ${txt(p, 'answer')}.`,
  set_xnack: () => 'It holds for all ranges of the process.',
  bo_write: (p) => `${code(p, 'bo')} is filled.`,
  bo_free: (p) => `${code(p, 'bo')} is gone.`,
  bo_alloc: (p) => `${code(p, 'bo')} has its memory.`,
};
