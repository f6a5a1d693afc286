// Steps that the real test driver does not survive: they crash it or let it wait for ever, so no program has them.

import { backingPage } from '../core/kernel/drivers/test-hmm-dmirror.ts';
import { isDevicePrivatePage } from '../core/kernel/mm/page-ref.ts';
import { mappedFrame, walkPte } from '../core/kernel/mm/page-table.ts';
import { vmaLookup } from '../core/kernel/mm/vma.ts';
import type { Machine } from '../core/machine/machine.ts';
import { entryPfn, entryWritable, isDevicePrivateEntry } from '../core/uapi/pte.ts';
import type { SimpleStep, StepOf } from '../core/uapi/scenario.ts';
import { NO_PFN, NO_ROW, type Vpn } from '../core/uapi/units.ts';

const MIRROR_WRITABLE = 3;

/**
 * Whether the driver would touch private memory that the CPU cannot address: a page on this very device whose entry in
 * the device's page table is gone is found by the fault as itself, and then read or written.
 */
const crashesDriver = (m: Machine, step: StepOf<'dev_read'> | StepOf<'dev_write'>): boolean => {
  const mm = m.mms.values().find(({ name, alive }) => alive && name === step.proc);
  const area = mm?.areas.find(({ name }) => name === step.vma);
  const device = m.devices.values().find(({ configId }) => configId === step.device);
  if (mm === undefined || area === undefined || device === undefined || device.kind !== 'private')
    return false;
  if (device.pgmap === 0) return false;
  const mirror = m.dmirrors.values().find((dmirror) => dmirror.mm === mm.id && dmirror.device === device.id);
  const table = mirror === undefined ? undefined : m.journal.mapById(mirror.pt);
  const { start, end } = m.pgmaps.get(device.pgmap);
  const localEntry = (vpn: Vpn): number => {
    const row = walkPte(m, mm, vpn);
    const entry = row === NO_ROW ? 0 : m.entries.get(row);
    return isDevicePrivateEntry(entry) && entryPfn(entry) >= start && entryPfn(entry) < end ? entry : 0;
  };
  const first = area.start + (step.page ?? 0);
  const last = first + (step.count ?? area.npages - (step.page ?? 0));
  let faults = false;
  for (let vpn = first; vpn < last; vpn++) {
    const word = table?.get(vpn);
    const suffices = word !== undefined && (step.op === 'dev_read' || word % 4 === MIRROR_WRITABLE);
    faults ||= !suffices;
    const entry = localEntry(vpn);
    if (entry === 0) continue;
    if (!faults && Math.floor((word ?? 0) / 4) === backingPage(m, entryPfn(entry))) continue;
    // a read-only entry ends the write with EFAULT before anything is touched
    if (step.op === 'dev_write' && !entryWritable(entry)) return false;
    return true;
  }
  return false;
};

/**
 * Whether the driver would wait for ever: it gives memory up only when nobody holds a page of it any more, and pages
 * that are held by a handle or by a device-exclusive entry do not move.
 */
const hangsDriver = (m: Machine, step: StepOf<'dev_evict'>): boolean => {
  const device = m.devices.values().find(({ configId }) => configId === step.device);
  if (device === undefined || device.pgmap === 0) return false;
  const { start, end } = m.pgmaps.get(device.pgmap);
  for (let pfn = start; pfn < end; pfn++) {
    if (m.pages.refcount.get(pfn) !== m.pages.mapcount.get(pfn)) return true;
  }
  return false;
};

/**
 * Whether the scanner would merge a page that more processes map than its new place leads to: those that shared it with
 * the scanned process without being its children. Nothing keeps the kernel from it, and ordinary migration just fails
 * on such a page. But migrate_vma puts its migration entry into the table it walks before it asks the reverse map
 * (`mm/migrate_device.c: migrate_vma_collect_pmd`), which then does not find that entry again (`mm/ksm.c:
 * rmap_walk_ksm`): whoever touches the page waits for ever.
 */
const losesRelatives = (m: Machine, step: StepOf<'ksm_scan'>): boolean => {
  const mm = m.mms.values().find(({ name, alive }) => alive && name === step.proc);
  const area = mm?.areas.find(({ name }) => name === step.vma);
  if (mm === undefined || area === undefined) return false;
  const first = area.start + (step.page ?? 0);
  const last = first + (step.count ?? area.npages - (step.page ?? 0));
  for (let vpn = first; vpn < last; vpn++) {
    const page = mappedFrame(m, mm, vpn);
    const vma = vmaLookup(m, mm, vpn);
    if (page === NO_PFN || vma === undefined || vma.anonVma === 0) continue;
    const found = m.anonVmas.get(vma.anonVma).tree.filter((id) => {
      const { mm: other, vmStart, vmEnd } = m.vmas.get(id);
      return vmStart <= vpn && vpn < vmEnd && mappedFrame(m, m.mms.get(other), vpn) === page;
    });
    if (m.pages.mapcount.get(page) > found.length) return true;
  }
  return false;
};

/**
 * Whether a merged page lies in private device memory: the scanner may find it by its content and map it where an equal
 * page was, for the CPU, which cannot address it (`mm/ksm.c: get_ksm_page, replace_page`).
 */
const mapsPrivate = (m: Machine): boolean =>
  m.ksmItems.keys().some((key) => isDevicePrivatePage(m, m.ksmItems.get(key) ?? NO_PFN));

/** Whether a step can be run on the real thing, as it stands now. */
export const isSurvivable = (m: Machine, step: SimpleStep): boolean => {
  if (step.op === 'dev_evict') return !hangsDriver(m, step);
  if (step.op === 'ksm_scan') return !losesRelatives(m, step) && !mapsPrivate(m);
  return (step.op !== 'dev_read' && step.op !== 'dev_write') || !crashesDriver(m, step);
};
