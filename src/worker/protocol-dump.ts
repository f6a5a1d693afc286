// A page frame as dump_page prints it.

/** What dump_page prints, with the line of flags in pieces. */
export interface DumpedPage {
  readonly lines: readonly string[];
  /** `anon flags: 0x17ffffc008000d` */
  readonly flagsPrefix: string;
  /** `printed`: as the kernel prints the bit; `means`: what it says on a page of this kind. */
  readonly flags: readonly {
    readonly bit: number;
    readonly name: { readonly printed: string; readonly means: string };
  }[];
  /** `node=0` */
  readonly fields: readonly string[];
  readonly cma: boolean;
  /** The words of struct page; of a tail page those of its head as well. */
  readonly raw: readonly { readonly prefix: 'raw' | 'head'; readonly words: readonly RawWord[] }[];
}

/** What a word of struct page can be, by the kernel's name where it has one. */
export type RawField =
  | 'flags'
  | 'lru.next'
  | 'lru.prev'
  | 'buddy_list.next'
  | 'buddy_list.prev'
  | '__filler'
  | 'mlock_count'
  | 'pgmap'
  | 'zone_device_data'
  | 'compound_head'
  | 'compound_order'
  | 'compound_nr'
  | '_private_1'
  | 'deferred_list'
  | 'unused'
  | 'tail-mapping'
  | '_pt_pad_1'
  | 'pmd_huge_pte'
  | 'pt_mm'
  | 'ptl'
  | 'mapping'
  | 'index'
  | 'private'
  | 'buddy-order'
  | '_mapcount'
  | 'page_type'
  | 'memcg_data';

export interface RawWord {
  readonly field: RawField;
  /** 16 digits; a pointer to what has no address by its name, what the model does not keep as `?`. */
  readonly text: string;
  /** What it says, in short. */
  readonly says: string;
}
