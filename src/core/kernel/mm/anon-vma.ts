// mm/rmap.c: anon_vma, the anchors by which an anonymous page finds the areas that may map it.

import type { AnonVma, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';

// --- anchors ---------------------------------------------------------------------------------------------

/** Inserts a VMA into a tree ordered by page offset; equal offsets keep the order of insertion. */
const insertByPgoff = (m: Machine, tree: readonly number[], vma: Vma): number[] => {
  const at = tree.findIndex((id) => m.vmas.get(id).vmPgoff > vma.vmPgoff);
  return at < 0 ? [...tree, vma.id] : [...tree.slice(0, at), vma.id, ...tree.slice(at)];
};

/** Kernel: `mm/interval_tree.c: anon_vma_interval_tree_insert` */
export const anonVmaTreeInsert = (m: Machine, vma: Vma): void => {
  for (const id of [...vma.anonVmaChain].reverse()) {
    m.anonVmas.update(id, { tree: insertByPgoff(m, m.anonVmas.get(id).tree, vma) });
  }
};

/** Kernel: `mm/interval_tree.c: anon_vma_interval_tree_remove` */
export const anonVmaTreeRemove = (m: Machine, vma: Vma): void => {
  for (const id of vma.anonVmaChain) {
    m.anonVmas.update(id, { tree: m.anonVmas.get(id).tree.filter((other) => other !== vma.id) });
  }
};

/** Hangs a VMA under an anchor; the newest link comes first. Kernel: `mm/rmap.c: anon_vma_chain_link` */
const anonVmaChainLink = (m: Machine, vmaId: number, anonVmaId: number): void => {
  const vma = m.vmas.update(vmaId, { anonVmaChain: [anonVmaId, ...m.vmas.get(vmaId).anonVmaChain] });
  m.anonVmas.update(anonVmaId, { tree: insertByPgoff(m, m.anonVmas.get(anonVmaId).tree, vma) });
};

const addAnonVma = (m: Machine, root: number, parent: number): number =>
  m.anonVmas.add(
    (id): AnonVma => ({
      id,
      root: root || id,
      parent: parent || id,
      tree: [],
      numChildren: 0,
      numActiveVmas: 0,
    }),
  );

/**
 * Whether two neighbouring VMAs could have been one, so that they may share an anchor.
 *
 * Kernel: `mm/mmap.c: anon_vma_compatible`
 */
const anonVmaCompatible = (a: Vma, b: Vma): boolean => {
  const ignored = 0x7 | 0x8000000; // VM_ACCESS_FLAGS, VM_SOFTDIRTY
  return (
    a.vmEnd === b.vmStart &&
    a.file === b.file &&
    ((a.vmFlags ^ b.vmFlags) & ~ignored) === 0 &&
    b.vmPgoff === a.vmPgoff + (b.vmStart - a.vmStart)
  );
};

/** Kernel: `mm/mmap.c: find_mergeable_anon_vma` */
const findMergeableAnonVma = (m: Machine, vma: Vma): number => {
  const ids = m.mms.get(vma.mm).vmas;
  const at = ids.indexOf(vma.id);
  const usable = (other: Vma | undefined): number =>
    other !== undefined && other.anonVma !== 0 && other.anonVmaChain.length === 1 ? other.anonVma : 0;
  const next = m.vmas.find(ids[at + 1] ?? 0);
  if (next !== undefined && anonVmaCompatible(vma, next) && usable(next) !== 0) return usable(next);
  const prev = m.vmas.find(ids[at - 1] ?? 0);
  if (prev !== undefined && anonVmaCompatible(prev, vma)) return usable(prev);
  return 0;
};

/**
 * Gives a VMA its anchor before the first anonymous page.
 *
 * Kernel: `mm/rmap.c: __anon_vma_prepare`
 *
 * @returns the VMA as it is now
 */
export const anonVmaPrepare = (m: Machine, vma: Vma): Vma => {
  const current = m.vmas.get(vma.id);
  if (current.anonVma !== 0) return current;
  let anonVma = findMergeableAnonVma(m, current);
  if (anonVma === 0) {
    anonVma = addAnonVma(m, 0, 0);
    m.anonVmas.update(anonVma, { numChildren: 1 }); // self-parent link of a root
  }
  m.vmas.update(vma.id, { anonVma });
  anonVmaChainLink(m, vma.id, anonVma);
  m.anonVmas.update(anonVma, { numActiveVmas: m.anonVmas.get(anonVma).numActiveVmas + 1 });
  return m.vmas.get(vma.id);
};

/**
 * Hangs `dst` under all anchors of `src`.
 *
 * Kernel: `mm/rmap.c: anon_vma_clone`
 */
export const anonVmaClone = (m: Machine, dst: number, src: Vma): void => {
  for (const id of [...src.anonVmaChain].reverse()) {
    anonVmaChainLink(m, dst, id);
    const anonVma = m.anonVmas.get(id);
    const reusable = anonVma.numChildren < 2 && anonVma.numActiveVmas === 0;
    if (m.vmas.get(dst).anonVma === 0 && src.anonVma !== 0 && reusable) m.vmas.update(dst, { anonVma: id });
  }
  const own = m.vmas.get(dst).anonVma;
  if (own !== 0) m.anonVmas.update(own, { numActiveVmas: m.anonVmas.get(own).numActiveVmas + 1 });
};

/**
 * Anchors of a child's VMA: all of the parent's, and one of its own for the pages it will copy.
 *
 * Kernel: `mm/rmap.c: anon_vma_fork`
 */
export const anonVmaFork = (m: Machine, child: number, parent: Vma): void => {
  if (parent.anonVma === 0) return;
  m.vmas.update(child, { anonVma: 0, anonVmaChain: [] });
  anonVmaClone(m, child, parent);
  if (m.vmas.get(child).anonVma !== 0) return;
  const parentAnonVma = m.anonVmas.get(parent.anonVma);
  const id = addAnonVma(m, parentAnonVma.root, parentAnonVma.id);
  m.anonVmas.update(id, { numActiveVmas: 1 });
  m.vmas.update(child, { anonVma: id });
  anonVmaChainLink(m, child, id);
  m.anonVmas.update(parentAnonVma.id, { numChildren: m.anonVmas.get(parentAnonVma.id).numChildren + 1 });
};

/** Kernel: `mm/rmap.c: unlink_anon_vmas` */
export const unlinkAnonVmas = (m: Machine, vmaId: number): void => {
  const vma = m.vmas.get(vmaId);
  anonVmaTreeRemove(m, vma);
  for (const id of vma.anonVmaChain) {
    const anonVma = m.anonVmas.get(id);
    if (anonVma.tree.length > 0) continue;
    m.anonVmas.update(anonVma.parent, { numChildren: m.anonVmas.get(anonVma.parent).numChildren - 1 });
  }
  if (vma.anonVma !== 0) {
    m.anonVmas.update(vma.anonVma, { numActiveVmas: m.anonVmas.get(vma.anonVma).numActiveVmas - 1 });
  }
  m.vmas.update(vmaId, { anonVma: 0, anonVmaChain: [] });
};
