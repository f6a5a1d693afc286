// kfd_migrate.c: faults on private VRAM that svm_migrate_to_ram calls served and leaves as they were. The access comes back at
// once, for ever, unless somebody else changes what it met.

import type { Machine } from '../../machine/machine.ts';
import type { VmFault } from '../../machine/ops.ts';
import type { KernelDefect } from '../../uapi/defects.ts';
import { entryPfn, isDevicePrivateEntry } from '../../uapi/pte.ts';
import { NO_ROW } from '../../uapi/units.ts';
import { leafOffset } from '../mm/page-table.ts';
import { kfdLookupProcessByMm } from './amdgpu-process.ts';
import { svmRangeFromAddr } from './amdgpu-range.ts';

/** Whether the entry still names the page that the fault was about. */
const isStillThere = (m: Machine, { vma, vpn, page }: VmFault): boolean => {
  const { row } = leafOffset(m, m.mms.get(vma.mm), vpn);
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  return isDevicePrivateEntry(entry) && entryPfn(entry) === page;
};

/**
 * Whether a fault on a private page does nothing: its range counts as being in system memory. Two faults held the page when
 * the range came home, and a page that somebody holds so is not counted as left behind (svm_migrate_vram_to_ram).
 */
const isLeftBehind = (m: Machine, vmf: VmFault): boolean => {
  const svmBo = m.svmBos.find(m.pages.zoneDeviceData.get(vmf.page));
  if (!isStillThere(m, vmf) || svmBo === undefined) return false;
  const { mm } = m.fences.get(svmBo.fence);
  const process = kfdLookupProcessByMm(m, mm);
  if (!m.mms.get(mm).alive || process === undefined) return false;
  return svmRangeFromAddr(m, process.id, vmf.vpn)?.range.actualLoc === 0;
};

const note = (
  m: Machine,
  { vpn }: VmFault,
  defect: KernelDefect,
  what: string,
  free: () => boolean,
): void => {
  m.fruitlessFault = { kind: 'spin', what: `page ${vpn}, ${what}`, free, defect, vpn, span: m.trace.current };
};

/** v6.1 says that all is well, and the access faults again, for ever. Ours: notes what the next fault would wait for. */
export const noteLeftBehind = (m: Machine, vmf: VmFault): void =>
  note(m, vmf, 'svm.page-left-behind', 'whose range counts as home', () => !isLeftBehind(m, vmf));

/** The same where the driver's own mapping work faults, which is to move nothing. Ours: notes what it would wait for. */
export const noteOwnFault = (m: Machine, vmf: VmFault): void =>
  note(
    m,
    vmf,
    'svm.own-fault-skipped',
    'which whoever maps it does not bring home',
    () => !isStillThere(m, vmf),
  );
