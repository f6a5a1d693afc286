// How far memory has come on its way from the firmware's map to VRAM that can be used.

import { formatBytes, formatCounted } from '../../ui/format.ts';
import type { IomemView, RegistrationView } from '../../store/views.ts';

const PAGE_BYTES = 4096;

export const bytesText = (pages: number): string => formatBytes(pages * PAGE_BYTES);

/** `10000000000-10fffffffff`, as /proc/iomem writes it. */
export const rangeText = (start: number, npages: number): string => {
  const hex = (bytes: number): string => bytes.toString(16).padStart(8, '0');
  return `${hex(start * PAGE_BYTES)}-${hex((start + npages) * PAGE_BYTES - 1)}`;
};

export type CardState = 'done' | 'now' | 'later';

/** The four stages of the boot in order, then the driver. */
export const cardStates = (view: IomemView): readonly CardState[] => {
  const { stagesDone, registrations, pgmaps } = view;
  const running = registrations.some(({ outcome }) => outcome === 'running');
  const driver: CardState = running ? 'now' : registrations.length + pgmaps.length > 0 ? 'done' : 'later';
  const last = driver === 'later' ? stagesDone - 1 : -1;
  const boot = [0, 1, 2, 3].map((stage): CardState => {
    if (stage >= stagesDone) return 'later';
    return view.coldBoot && stage === last ? 'now' : 'done';
  });
  return [...boot, driver];
};

/** Registrations of each GPU, the last one first; of each the last attempt, since the ones before it are gone. */
export const latestOf = (registrations: readonly RegistrationView[]): readonly RegistrationView[] => {
  const latest = new Map(registrations.map((each) => [each.device, each]));
  return [...latest.values()].toSorted((a, b) => b.step - a.step || a.device - b.device);
};

const pagesOf = (ranges: readonly { readonly npages: number }[]): number =>
  ranges.reduce((sum, { npages }) => sum + npages, 0);

/** Each station in a few words. */
export const sumsOf = ({ efi, e820, text, managedPages, freePages, registrations, pgmaps }: IomemView) => {
  const special = pagesOf(efi.filter(({ specialPurpose }) => specialPurpose));
  const reserved = pagesOf(e820.filter(({ type }) => type === 'E820_TYPE_SOFT_RESERVED'));
  const refused = latestOf(registrations).filter(({ outcome }) => outcome === 'refused').length;
  return {
    efi: `${formatCounted(efi.length, 'range')}, ${special === 0 ? 'none' : bytesText(special)} for a device`,
    e820: `${bytesText(pagesOf(e820) - reserved)} RAM, ${bytesText(reserved)} soft reserved`,
    iomem: formatCounted(iomemLines(text).length, 'line'),
    memory: `${bytesText(freePages)} of ${bytesText(managedPages)} free`,
    driver: `${bytesText(pagesOf(pgmaps))} registered${refused === 0 ? '' : `, ${refused} refused`}`,
  };
};

export interface IomemLine {
  readonly text: string;
  readonly kind: 'ram' | 'soft-reserved' | 'device' | 'other';
}

/** Lines of /proc/iomem, each with what it is. */
export const iomemLines = (text: string): IomemLine[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      text: line,
      kind: line.endsWith('System RAM')
        ? 'ram'
        : line.endsWith('Soft Reserved')
          ? 'soft-reserved'
          : line.includes('PCI Bus')
            ? 'other'
            : 'device',
    }));
