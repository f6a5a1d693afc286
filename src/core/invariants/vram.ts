// VRAM between two steps: every page of it is free or part of one buffer object, every reference on an svm_range_bo has
// an owner, ranges do not overlap, and no deferred work is left.

import { userptrIn } from '../kernel/drivers/amdgpu-userptr.ts';
import { gpuPageTable } from '../kernel/drivers/amdgpu-process.ts';
import { freeVramPages } from '../kernel/drivers/ttm-buddy.ts';
import type { Gpu, KfdProcess } from '../machine/gpu.ts';
import type { Machine } from '../machine/machine.ts';
import { svmBoKrefRow } from '../machine/scalars.ts';
import type { Pfn } from '../uapi/units.ts';
import type { Census } from './census.ts';
import type { Survey } from './survey.ts';
import type { Findings } from './violation.ts';

/** Blocks that are free or an object's, each once; together they are the VRAM. */
const checkManager = (findings: Findings, m: Machine, gpu: Gpu): void => {
  const name = `GPU ${m.devices.get(gpu.id).configId}`;
  const man = m.vramManagers.values().find((candidate) => candidate.gpu === gpu.id);
  if (man === undefined) return;
  const bos = m.ttmBos.values().filter((bo) => bo.gpu === gpu.id && bo.memType === 'vram');
  const blocks = [
    ...man.free.flatMap((list, order) => list.map((start) => ({ start, order }))),
    ...bos.flatMap((bo) => bo.blocks),
  ].sort((a, b) => a.start - b.start);
  let end = 0;
  for (const { start, order } of blocks) {
    if (start !== end) {
      findings.add(
        'VRAM',
        `${name}: page ${Math.min(start, end)} is ${start < end ? 'in two blocks' : 'lost'}`,
      );
      return;
    }
    end = start + 2 ** order;
  }
  if (end !== gpu.vramPages)
    findings.add('VRAM', `${name}: ${end} of ${gpu.vramPages} pages are accounted for`);
  const used = bos.reduce((sum, { npages }) => sum + npages, 0);
  if (freeVramPages(man.free) + used !== gpu.vramPages)
    findings.add(
      'VRAM',
      `${name}: ${freeVramPages(man.free)} pages free, objects of ${used}, of ${gpu.vramPages}`,
    );
  const listed = [...man.lru].sort((a, b) => a - b).join(' ');
  const placed = bos.map(({ id }) => id).join(' ');
  if (listed !== placed)
    findings.add('VRAM', `${name}: objects ${placed} are in VRAM, the LRU has ${listed}`);
};

/** Pages in use by the svm_range_bo that they name. */
const usedPages = (m: Machine, census: Census): Map<number, Pfn[]> => {
  const pages = new Map<number, Pfn[]>();
  for (const [pfn, { pgmap }] of census.folios) {
    if (pgmap === 0) continue;
    const svmBo = m.pages.zoneDeviceData.get(pfn);
    const known = pages.get(svmBo);
    if (known === undefined) pages.set(svmBo, [pfn]);
    else known.push(pfn);
  }
  return pages;
};

const checkBos = (findings: Findings, { m, aliased }: Survey, census: Census): void => {
  const used = usedPages(m, census);
  for (const { id, bo, ranges } of m.svmBos.values()) {
    const inUse = used.get(id) ?? [];
    const pages = inUse.length;
    const holders = m.svmRanges.values().filter((range) => range.svmBo === id && range.ttmRes).length;
    const kref = m.scalars.get(svmBoKrefRow(id));
    // between steps no release is still to come
    if (kref === 0) findings.add('svm_range_bo', `${id}: nobody refers to it, and it was not released`);
    if (kref !== pages + holders)
      findings.add('svm_range_bo', `${id}: kref ${kref}, ${pages} pages in use and ${holders} ranges`);
    for (const range of ranges)
      if (m.svmRanges.find(range)?.svmBo !== id) findings.add('svm_range_bo', `${id} lists range ${range}`);
    const { memType } = m.ttmBos.get(bo);
    const left = memType === 'vram' ? 0 : inUse.filter((pfn) => !aliased.has(pfn)).length;
    if (left > 0)
      findings.add('svm_range_bo', `${id}: ${left} pages in use of a buffer object in ${memType}`);
  }
  for (const [svmBo, pages] of used)
    if (m.svmBos.find(svmBo) === undefined)
      findings.add(
        'svm_range_bo',
        `page 0x${pages[0].toString(16)} is in use and its svm_range_bo ${svmBo} is gone`,
      );
};

const checkProcess = (findings: Findings, m: Machine, process: KfdProcess): void => {
  const name = m.mms.get(process.mm).name;
  let end = 0;
  const ranges = m.svmRanges
    .values()
    .filter((range) => range.process === process.id)
    .sort((a, b) => a.start - b.start);
  for (const { id, start, last, notifierStart, notifierLast, children } of ranges) {
    const sound = start >= end && start <= last && children.length === 0;
    if (!sound || notifierStart !== start || notifierLast !== last)
      findings.add(
        'svm ranges',
        `${name}: range ${id}, ${start} to ${last}, overlaps, or its notifier differs`,
      );
    end = last + 1;
  }
  if (process.deferred.length > 0) findings.add('svm ranges', `${name}: deferred work is left`);
  if (process.queuesStopped !== process.evictedRanges > 0 && process.restoreScheduled)
    findings.add('svm ranges', `${name}: ${process.evictedRanges} evicted ranges`);
  for (const { id } of m.gpus.values()) {
    const table = gpuPageTable(m, process.mm, id);
    if (table === undefined) continue;
    for (const vpn of m.journal.mapById(table.pt).keys())
      if (
        !ranges.some(({ start, last }) => start <= vpn && vpn <= last) &&
        userptrIn(m, process.id, vpn, vpn) === undefined
      )
        findings.add('svm ranges', `${name}: GPU ${id} maps 0x${vpn.toString(16)}, which no range has`);
  }
};

/** VRAM is conserved to the page. */
export const checkVram = (findings: Findings, survey: Survey, census: Census): void => {
  const { m } = survey;
  if (m.config.gpu === undefined) return;
  for (const gpu of m.gpus.values()) checkManager(findings, m, gpu);
  checkBos(findings, survey, census);
  for (const process of m.kfdProcesses.values()) checkProcess(findings, m, process);
};
