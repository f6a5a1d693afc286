// Allocation contexts, as far as they choose a zone, a migratetype or a zeroed page (include/linux/gfp_types.h).

export const __GFP_HIGHMEM = 0x02;
export const __GFP_MOVABLE = 0x08;
export const __GFP_ZERO = 0x100;
export const __GFP_DIRECT_RECLAIM = 0x400;
export const __GFP_NOWARN = 0x2000;
export const __GFP_RETRY_MAYFAIL = 0x4000;
export const __GFP_COMP = 0x40000;
export const __GFP_THISNODE = 0x200000;

export const GFP_KERNEL = 0xcc0;
export const GFP_USER = 0x100cc0;
export const GFP_HIGHUSER = GFP_USER | __GFP_HIGHMEM;
export const GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | __GFP_MOVABLE;
export const GFP_TRANSHUGE = GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOWARN;
