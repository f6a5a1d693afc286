// The peer approach: one object a page and one a table entry, one record object for every change.
// It does the same work as the simulation's mechanisms leave behind, without their reasons: no spans, no decisions.

export interface PageObject {
  pfn: number;
  refcount: number;
  mapcount: number;
  anonExclusive: boolean;
  dirty: boolean;
  lru: boolean;
  locked: boolean;
  content: number;
  index: number;
}

type Field = Exclude<keyof PageObject, 'pfn'>;

interface EntryObject {
  kind: 'none' | 'present' | 'migration';
  page: PageObject | undefined;
}

type Change =
  | {
      readonly of: PageObject;
      readonly field: Field;
      readonly old: number | boolean;
      readonly now: number | boolean;
    }
  | { readonly of: EntryObject; readonly old: EntryObject; readonly now: EntryObject };

const newPage = (pfn: number): PageObject => ({
  pfn,
  refcount: 0,
  mapcount: 0,
  anonExclusive: false,
  dirty: false,
  lru: false,
  locked: false,
  content: 0,
  index: 0,
});

export class ObjectMachine {
  readonly history: Change[] = [];
  readonly entries: EntryObject[] = [];
  private nextSystem = 0;
  private nextDevice: number;

  constructor(devicePages: number) {
    this.nextDevice = devicePages;
  }

  private set<F extends Field>(page: PageObject, field: F, now: PageObject[F]): void {
    this.history.push({ of: page, field, old: page[field], now });
    page[field] = now;
  }

  private map(entry: EntryObject, kind: EntryObject['kind'], page: PageObject | undefined): void {
    this.history.push({ of: entry, old: { ...entry }, now: { kind, page } });
    entry.kind = kind;
    entry.page = page;
  }

  private ref(page: PageObject, by: number): void {
    this.set(page, 'refcount', page.refcount + by);
  }

  /** Writes a number to the start of each of `npages` fresh pages. */
  touch(npages: number, value: number): void {
    for (let i = 0; i < npages; i++) {
      const page = newPage(this.nextSystem++);
      const entry: EntryObject = { kind: 'none', page: undefined };
      this.entries.push(entry);
      this.ref(page, 1);
      this.set(page, 'mapcount', 1);
      this.set(page, 'index', i);
      this.set(page, 'anonExclusive', true);
      this.set(page, 'lru', true);
      this.map(entry, 'present', page);
      this.set(page, 'content', value + i);
    }
  }

  private unmap(entry: EntryObject, page: PageObject): void {
    this.set(page, 'anonExclusive', false);
    this.set(page, 'dirty', true);
    this.map(entry, 'migration', page);
    this.set(page, 'mapcount', page.mapcount - 1);
    this.ref(page, -1);
  }

  private remap(entry: EntryObject, source: PageObject, target: PageObject): void {
    this.set(target, 'index', source.index);
    this.set(target, 'dirty', source.dirty);
    this.ref(target, 1);
    this.set(target, 'mapcount', 1);
    this.set(target, 'anonExclusive', true);
    this.map(entry, 'present', target);
    this.set(source, 'locked', false);
    this.ref(source, -1);
    this.set(target, 'locked', false);
    this.ref(target, -1);
  }

  private fresh(pfn: number): PageObject {
    const page = newPage(pfn);
    this.ref(page, 1);
    this.set(page, 'locked', true);
    return page;
  }

  /** The driver's migration of all pages to its device. */
  migrateToDevice(): void {
    for (const entry of this.entries) {
      const source = entry.page;
      if (source === undefined) continue;
      this.ref(source, 1);
      this.set(source, 'locked', true);
      this.unmap(entry, source);
      this.set(source, 'lru', false);
      const target = this.fresh(--this.nextDevice);
      this.set(target, 'content', source.content);
      this.remap(entry, source, target);
    }
  }

  /** A long-term pin of all pages: each is pinned, found unfit, moved home, and pinned again. */
  pinHome(): void {
    for (const entry of this.entries) if (entry.page !== undefined) this.ref(entry.page, 1024);
    for (const entry of this.entries) {
      const source = entry.page;
      if (source === undefined) continue;
      this.ref(source, 1);
      this.ref(source, -1024);
      this.set(source, 'locked', true);
      this.unmap(entry, source);
      const target = this.fresh(this.nextSystem++);
      this.set(target, 'content', source.content);
      this.set(target, 'lru', true);
      this.remap(entry, source, target);
    }
    for (const entry of this.entries) if (entry.page !== undefined) this.ref(entry.page, 1024);
  }
}
