// The five types of device memory, and what is asked of each: the rows and columns of the comparison.

/** In the order of the reference's table; `MEMORY_DEVICE_` stands before each. */
export const MEMORY_TYPES = ['PRIVATE', 'COHERENT', 'FS_DAX', 'GENERIC', 'PCI_P2PDMA'] as const;
export type MemoryTypeName = (typeof MEMORY_TYPES)[number];

export const MEMORY_PROPERTY_GROUPS = ['cpu', 'migrate', 'gup', 'life', 'register'] as const;
export type MemoryPropertyGroup = (typeof MEMORY_PROPERTY_GROUPS)[number];

/** What is asked, by group. */
export const MEMORY_PROPERTIES = {
  cpu: ['in-place', 'linear-map', 'pgprot', 'entry', 'devmap', 'special', 'normal-page'],
  migrate: ['into', 'into-hole', 'from-any', 'from-system', 'from-private', 'from-coherent'],
  gup: ['get', 'get-fast-only', 'pin', 'pin-longterm', 'pin-longterm-fast-only'],
  life: [
    'lru',
    'reserved',
    'ref-free',
    'ref-mapped',
    'ref-pgmap',
    'page-free',
    'migrate-to-ram',
    'owner',
    'memory-failure',
  ],
  register: ['complete', 'without-page-free', 'without-migrate-to-ram', 'without-owner', 'over-ram'],
} as const satisfies Record<MemoryPropertyGroup, readonly string[]>;
export type MemoryProperty = (typeof MEMORY_PROPERTIES)[MemoryPropertyGroup][number];

/**
 * An outcome: `true` and `false`; `home`, moved to system memory first; `in place`; `none`, no page was got;
 * `refused`; `-EINVAL`, the error of the call; `not mapped`, no process can ask; or a value of the kernel's.
 */
export interface MemoryTypeRow {
  readonly property: MemoryProperty;
  readonly group: MemoryPropertyGroup;
  /** In the order of MEMORY_TYPES. */
  readonly cells: readonly string[];
}
