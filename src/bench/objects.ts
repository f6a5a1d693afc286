// The peer approach: one object a page. It does what the two big steps leave behind, with a history that can be undone:
// one record a page and direction, with what was overwritten. No reasons: no calls, no decisions, no holders.

const LRU = 1;
const EXCLUSIVE = 2;
const DIRTY = 4;
const BIAS = 1024;

export interface PageObject {
  readonly pfn: number;
  flags: number;
  refcount: number;
  mapcount: number;
  anchor: number;
  index: number;
  content: number;
  /** Neighbours on the LRU list. */
  next: PageObject | undefined;
  prev: PageObject | undefined;
}

interface EntryObject {
  page: PageObject | undefined;
}

/** What a page's move overwrote. */
interface Record {
  readonly vpn: number;
  readonly from: PageObject;
  readonly to: PageObject;
  readonly flags: number;
  readonly refcount: number;
  readonly anchor: number;
  readonly index: number;
  readonly content: number;
  readonly next: PageObject | undefined;
  readonly prev: PageObject | undefined;
}

const newPage = (pfn: number): PageObject => ({
  pfn,
  flags: 0,
  refcount: 0,
  mapcount: 0,
  anchor: 0,
  index: 0,
  content: 0,
  next: undefined,
  prev: undefined,
});

export class ObjectMachine {
  readonly history: Record[] = [];
  readonly entries: EntryObject[] = [];
  private head: PageObject | undefined;
  private nextSystem = 0;
  private nextDevice: number;

  constructor(devicePages: number) {
    this.nextDevice = devicePages;
  }

  /** Writes a number to the start of each of `npages` fresh pages. */
  touch(npages: number, value: number): void {
    for (let i = 0; i < npages; i++) {
      const page = newPage(this.nextSystem++);
      this.entries.push({ page });
      page.refcount = 1;
      page.mapcount = 1;
      page.anchor = 1;
      page.index = i;
      page.content = value + i;
      page.flags = EXCLUSIVE | DIRTY;
      this.link(page);
    }
  }

  /** The driver's migration of all pages to its device. */
  migrateToDevice(): void {
    for (const entry of this.entries)
      if (entry.page !== undefined) this.move(entry, entry.page, newPage(--this.nextDevice));
  }

  /** A long-term pin of all pages: each is pinned, found unfit, moved home, and pinned again. */
  pinHome(): void {
    this.pinAll();
    for (const entry of this.entries) {
      const source = entry.page;
      if (source === undefined) continue;
      source.refcount -= BIAS;
      const target = newPage(this.nextSystem++);
      this.move(entry, source, target);
      this.link(target);
    }
    this.pinAll();
  }

  private pinAll(): void {
    for (const { page } of this.entries) if (page !== undefined) page.refcount += BIAS;
  }

  private move(entry: EntryObject, from: PageObject, to: PageObject): void {
    const { flags, refcount, anchor, index, content, next, prev } = from;
    this.history.push({ vpn: index, from, to, flags, refcount, anchor, index, content, next, prev });
    if ((flags & LRU) !== 0) this.unlink(from);
    to.flags = (flags & ~LRU) | EXCLUSIVE;
    to.refcount = 1;
    to.mapcount = 1;
    to.anchor = anchor;
    to.index = index;
    to.content = content;
    entry.page = to;
    from.flags = 0;
    from.refcount = 0;
    from.mapcount = 0;
    from.anchor = 0;
  }

  private link(page: PageObject): void {
    page.next = this.head;
    page.prev = undefined;
    if (this.head !== undefined) this.head.prev = page;
    this.head = page;
    page.flags |= LRU;
  }

  private unlink({ next, prev }: PageObject): void {
    if (prev === undefined) this.head = next;
    else prev.next = next;
    if (next !== undefined) next.prev = prev;
  }
}
