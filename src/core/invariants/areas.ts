// Areas between two steps: each process's list, the trees of the anonymous reverse map, the lists of files.

import type { AnonVma, Mm, Vma } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { Findings } from './violation.ts';

const checkList = (findings: Findings, m: Machine, mm: Mm, listed: Set<number>): void => {
  let end = 0;
  for (const id of mm.vmas) {
    const vma = m.vmas.find(id);
    const sound = vma?.mm === mm.id && vma.vmStart < vma.vmEnd && vma.vmStart >= end && !listed.has(id);
    findings.expect(sound, 'areas', () => `process ${mm.name}: area ${id} is out of order or not its own`);
    if (vma === undefined) continue;
    listed.add(id);
    end = vma.vmEnd;
    const inside = mm.areas.some(({ start, npages }) => vma.vmStart >= start && vma.vmEnd <= start + npages);
    findings.expect(inside, 'areas', () => `process ${mm.name}: area ${id} is in no named area`);
  }
};

const checkAnchor = (findings: Findings, m: Machine, anonVma: AnonVma, vmas: readonly Vma[]): void => {
  const { id, tree, numActiveVmas } = anonVma;
  const members = vmas.filter((vma) => vma.anonVmaChain.includes(id)).map((vma) => vma.id);
  findings.expect(
    tree.length === members.length && members.every((member) => tree.includes(member)),
    'reverse map',
    () => `anon_vma ${id}: areas ${tree.join(' ')} in its tree, ${members.join(' ')} hang on it`,
  );
  const active = vmas.filter((vma) => vma.anonVma === id).length;
  findings.expect(
    numActiveVmas === active,
    'reverse map',
    () => `anon_vma ${id}: num_active_vmas ${numActiveVmas}, ${active} areas have it as their own`,
  );
  const sorted = tree.every(
    (member, i) => i === 0 || m.vmas.get(tree[i - 1]).vmPgoff <= m.vmas.get(member).vmPgoff,
  );
  findings.expect(sorted, 'reverse map', () => `anon_vma ${id}: its tree is out of order`);
};

export const checkAreas = (findings: Findings, m: Machine): void => {
  const listed = new Set<number>();
  for (const mm of m.mms.values()) checkList(findings, m, mm, listed);
  const vmas = m.vmas.values();
  for (const { id } of vmas) findings.expect(listed.has(id), 'areas', () => `area ${id} is in no process`);
  for (const vma of vmas) {
    findings.expect(
      vma.anonVma === 0 || vma.anonVmaChain.includes(vma.anonVma),
      'reverse map',
      () => `area ${vma.id}: its anon_vma ${vma.anonVma} is not in its chain ${vma.anonVmaChain.join(' ')}`,
    );
  }
  for (const anonVma of m.anonVmas.values()) checkAnchor(findings, m, anonVma, vmas);
  for (const file of m.files.values()) {
    const mapping = vmas.filter((vma) => vma.file === file.id).map((vma) => vma.id);
    findings.expect(
      file.iMmap.length === mapping.length && mapping.every((id) => file.iMmap.includes(id)),
      'reverse map',
      () => `file ${file.id}: areas ${file.iMmap.join(' ')} in i_mmap, ${mapping.join(' ')} map it`,
    );
  }
};
