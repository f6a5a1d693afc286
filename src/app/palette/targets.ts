// What a text can mean as a place in memory: a page frame, an address, a page by name, a process, a pin, a device.

import { bankTitle } from '../../map/describe.ts';
import { layOutBanks } from '../../map/layout.ts';
import type { MachineInfo, Moment, ProcessView, Selection } from '../../store/views.ts';
import { formatAddress, formatCounted, formatHex } from '../../ui/format.ts';

export interface Target {
  readonly title: string;
  readonly detail: string;
  readonly selection: Selection;
}

const PAGE_BYTES = 4096;
const NUMBER = /^(?:0x[\da-f]+|\d+)$/i;

const hasFrame = ({ ranges }: MachineInfo, pfn: number): boolean =>
  ranges.some(({ start, npages }) => pfn >= start && pfn < start + npages);

const ofProcess = (processes: readonly ProcessView[], name: string): string =>
  processes.length > 1 ? `process ${name}` : '';

const frameTargets = (n: number, machine: MachineInfo): Target[] => {
  const asPfn: Target[] = hasFrame(machine, n)
    ? [{ title: `Page frame ${formatHex(n)}`, detail: 'pfn', selection: { kind: 'page', pfn: n } }]
    : [];
  const pfn = Math.floor(n / PAGE_BYTES);
  const asAddress: Target[] =
    n >= PAGE_BYTES && hasFrame(machine, pfn)
      ? [
          {
            title: `Page frame ${formatHex(pfn)}`,
            detail: `holds physical address ${formatHex(n)}`,
            selection: { kind: 'page', pfn },
          },
        ]
      : [];
  return [...asPfn, ...asAddress];
};

const addressTargets = (n: number, processes: readonly ProcessView[]): Target[] => {
  const vpn = Math.floor(n / PAGE_BYTES);
  return processes.flatMap(({ name, areas }) =>
    areas
      .filter(({ startVpn, npages }) => vpn >= startVpn && vpn < startVpn + npages)
      .map(
        (area): Target => ({
          title: `Address ${formatAddress(n)}`,
          detail: `${area.name}+${vpn - area.startVpn}${processes.length > 1 ? `, process ${name}` : ''}`,
          selection: { kind: 'pte', process: name, vpn },
        }),
      ),
  );
};

/** `buf`, `buf+2`, `A buf+2` */
const NAMED = /^(?:(\S+)\s+)?([^\s+]+)(?:\+(0x[\da-f]+|\d+))?$/i;

const namedTargets = (text: string, processes: readonly ProcessView[]): Target[] => {
  const found = NAMED.exec(text);
  if (found === null) return [];
  const [, process, areaName = '', index = '0'] = found;
  return processes
    .filter(({ name }) => process === undefined || name.toLowerCase() === process.toLowerCase())
    .flatMap(({ name, areas }) =>
      areas
        .filter((area) => area.name.toLowerCase() === areaName.toLowerCase() && Number(index) < area.npages)
        .map(
          (area): Target => ({
            title: `${area.name}+${Number(index)}`,
            detail: ofProcess(processes, name),
            selection: { kind: 'pte', process: name, vpn: area.startVpn + Number(index) },
          }),
        ),
    );
};

/** Areas, processes and pins that there are now. */
const allTargets = ({ processes, handles }: Moment): Target[] => [
  ...processes.flatMap(({ name, areas }) =>
    areas.map(
      (area): Target => ({
        title: `Process ${name}, ${area.name}`,
        detail: `${formatCounted(area.npages, 'page')} at ${formatAddress(area.startVpn * PAGE_BYTES)}`,
        selection: { kind: 'vma', process: name, vpn: area.startVpn },
      }),
    ),
  ),
  ...handles.map(
    ({ name, call, process }): Target => ({
      title: `${name}: ${call}`,
      detail: `held by ${process}`,
      selection: { kind: 'handle', name },
    }),
  ),
];

interface BankTarget extends Target {
  /** In small letters, word by word. */
  readonly words: readonly string[];
}

/** Memory of each node and of each device, at its first frame. */
const bankTargets = (machine: MachineInfo): BankTarget[] =>
  layOutBanks(machine).flatMap((bank) => {
    const [first] = bank.ranges;
    if (first === undefined) return [];
    const title = bankTitle(bank);
    const also = bank.device < 0 ? '' : ` gpu ${bank.device}`;
    return [
      {
        title,
        detail: `${formatCounted(bank.npages, 'page')} from pfn ${formatHex(first.start)} on`,
        selection: { kind: 'page', pfn: first.start },
        words: `${title}${also}`.toLowerCase().split(/[\s,]+/),
      },
    ];
  });

/** Only with its number: `memory` alone is rather a panel. */
const HAS_NUMBER = /(?:^|\s)\d+$/;

const numberedBanks = (text: string, machine: MachineInfo): Target[] => {
  if (!HAS_NUMBER.test(text)) return [];
  const wanted = text.split(/[\s,]+/);
  return bankTargets(machine).filter(({ words }) => wanted.every((word) => words.includes(word)));
};

/** Places that a text may mean, the likeliest first; without text all that have a name. */
export const targetsOf = (
  text: string,
  machine: MachineInfo | undefined,
  moment: Moment | undefined,
): Target[] => {
  if (machine === undefined || moment === undefined) return [];
  const plain = text.trim().replaceAll('_', '');
  const all = allTargets(moment);
  if (plain === '') return [...all, ...bankTargets(machine)];
  if (NUMBER.test(plain)) {
    const n = Number(plain);
    if (!Number.isSafeInteger(n)) return [];
    return [...frameTargets(n, machine), ...addressTargets(n, moment.processes)];
  }
  const wanted = text.trim().toLowerCase();
  return [
    ...namedTargets(text.trim(), moment.processes),
    ...all.filter(({ title }) => title.toLowerCase().includes(wanted)),
    ...numberedBanks(wanted, machine),
  ];
};
