// Units of the simulation. A flavoured number can be made from a plain one by arithmetic,
// but a Pfn cannot be passed where a Vpn is wanted.

type Flavour<Name extends string> = number & { readonly __unit?: Name };

/** Physical frame number, up to 2^40. */
export type Pfn = Flavour<'pfn'>;
/** Page frames of a call or a handle. Many are a typed array: its memory is taken page by page as they come. */
export type Pfns = readonly Pfn[] | Float64Array;
/** Virtual page number, `address >> PAGE_SHIFT`, up to 2^35 in user space. */
export type Vpn = Flavour<'vpn'>;
/** Row of one page-table entry: `table pfn * 512 + index`. */
export type EntryRow = Flavour<'entryRow'>;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE_BYTES = 4096;
export const PTRS_PER_TABLE = 512;
/** Base pages of a huge page that one PMD entry maps (2 MiB). */
export const HPAGE_PMD_NR = 512;
export const HPAGE_PMD_ORDER = 9;
/** Pages of one SPARSEMEM section: 128 MiB. */
export const PAGES_PER_SECTION = 32768;
/** Pages of one pageblock: 2 MiB. */
export const PAGEBLOCK_NR_PAGES = 512;
export const GIB_PAGES = 262144;
/** First page behind user space with four levels: TASK_SIZE_MAX, one page short of 2^47 bytes. */
export const TASK_SIZE_PAGES: Vpn = 2 ** 35 - 1;
/** First page number whose address does not fit 64 bits. */
export const VPN_LIMIT: Vpn = 2 ** 52;

/** Stands for "no frame" where a kernel function returns a NULL page. */
export const NO_PFN: Pfn = -1;
/** Stands for "no page table here" where a walk ends early. */
export const NO_ROW: EntryRow = -1;

export const pfn = (n: number): Pfn => {
  if (!Number.isSafeInteger(n) || n < 0 || n >= 2 ** 40)
    throw new RangeError(`not a page frame number: ${n}`);
  return n;
};

export const vpnToAddrBytes = (vpn: Vpn): number => vpn * PAGE_SIZE_BYTES;
export const addrBytesToVpn = (addrBytes: number): Vpn => Math.floor(addrBytes / PAGE_SIZE_BYTES);
export const pfnToPhysBytes = (n: Pfn): number => n * PAGE_SIZE_BYTES;
export const physBytesToPfn = (physBytes: number): Pfn => Math.floor(physBytes / PAGE_SIZE_BYTES);
export const mibToPages = (mib: number): number => mib * 256;
export const gibToPages = (gib: number): number => gib * GIB_PAGES;
/** Pages that the struct pages of so many pages take: sizeof(struct page) is 64. */
export const memmapPages = (npages: number): number => Math.ceil((npages * 64) / PAGE_SIZE_BYTES);
