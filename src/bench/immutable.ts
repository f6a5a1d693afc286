// The peer approach: immutable state with immer, one action for each thing that happens to a page, and the inverse
// patches as history.

import { applyPatches, enablePatches, type Patch, produceWithPatches } from 'immer';

enablePatches();

interface PageState {
  readonly refcount: number;
  readonly mapcount: number;
  readonly index: number;
  readonly content: number;
  readonly locked: boolean;
  readonly exclusive: boolean;
}

interface MachineState {
  readonly pages: Readonly<Record<string, PageState>>;
  /** Frame of each page of the area; what waits for its migration has none. */
  readonly entries: readonly (number | undefined)[];
}

type Draft = {
  pages: Record<string, { -readonly [K in keyof PageState]: PageState[K] }>;
  entries: (number | undefined)[];
};

const BIAS = 1024;

export class ImmutableMachine {
  state: MachineState;
  readonly history: Patch[][] = [];
  private nextSystem: number;
  private nextDevice = 2 ** 24;

  constructor(npages: number, value: number) {
    this.nextSystem = npages;
    const fresh = { refcount: 1, mapcount: 1, locked: false, exclusive: true };
    this.state = {
      pages: Object.fromEntries(
        Array.from({ length: npages }, (_, i) => [i, { ...fresh, index: i, content: value + i }]),
      ),
      entries: Array.from({ length: npages }, (_, i) => i),
    };
  }

  migrateToDevice(): void {
    for (let i = 0; i < this.state.entries.length; i++) this.move(i, --this.nextDevice);
  }

  pinHome(): void {
    for (let i = 0; i < this.state.entries.length; i++) this.count(i, BIAS);
    for (let i = 0; i < this.state.entries.length; i++) {
      this.count(i, -BIAS);
      this.move(i, this.nextSystem++);
    }
    for (let i = 0; i < this.state.entries.length; i++) this.count(i, BIAS);
  }

  /** Takes everything back. */
  undoAll(): void {
    for (const patches of this.history.toReversed()) this.state = applyPatches(this.state, patches);
  }

  private act(change: (draft: Draft) => void): void {
    const [state, , inverse] = produceWithPatches(this.state, (draft) => change(draft as Draft));
    this.state = state;
    this.history.push(inverse);
  }

  private count(i: number, by: number): void {
    this.act(({ pages, entries }) => {
      const page = pages[entries[i] ?? -1];
      if (page !== undefined) page.refcount += by;
    });
  }

  private move(i: number, to: number): void {
    const from = this.state.entries[i] ?? -1;
    this.act(({ pages, entries }) => {
      const page = pages[from];
      if (page === undefined) return;
      page.locked = true;
      page.exclusive = false;
      page.mapcount = 0;
      entries[i] = undefined;
    });
    this.act(({ pages }) => {
      const page = pages[from];
      if (page === undefined) return;
      const { index, content } = page;
      pages[to] = { refcount: 1, mapcount: 0, index, content, locked: true, exclusive: false };
    });
    this.act(({ pages, entries }) => {
      const [source, target] = [pages[from], pages[to]];
      if (source === undefined || target === undefined) return;
      Object.assign(source, { refcount: 0, locked: false });
      Object.assign(target, { mapcount: 1, locked: false, exclusive: true });
      entries[i] = to;
    });
  }
}
