// Everything about one selected thing: its fields, who holds it, and what has happened to it.

import { compoundHead, folioNrPages } from '../../core/kernel/mm/page-ref.ts';
import { vmaLookup } from '../../core/kernel/mm/vma.ts';
import { holdersOf } from '../../core/machine/holders.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { GUP_PIN_COUNTING_BIAS } from '../../core/uapi/gup-flags.ts';
import { PG_buddy, PG_mlocked, PG_unevictable } from '../../core/uapi/page-flags.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { entryPfn, isPfnSwapEntry, ptePresent } from '../../core/uapi/pte.ts';
import { pfnToPhysBytes, vpnToAddrBytes } from '../../core/uapi/units.ts';
import type { HistoryEntry, Inspection, Message, Selection } from '../protocol.ts';
import type { PteRow } from '../protocol-moment.ts';
import type { Run } from '../run.ts';
import { type Chapter, chaptersOf, type Events, positionIn, subjectOf, untoldSteps } from './chapters.ts';
import { entryChanges, entryChangeText } from './entry-story.ts';
import { eventText } from './events.ts';
import { type FrameContext, frameView } from './frames.ts';
import { DECISION_ARGUMENTS, hex } from './messages.ts';
import { frameContext, protText, vmaFlagNames } from './moment.ts';
import { type Scene, sceneAt } from './scene.ts';
import { contentOf, rowPfn } from './rows.ts';
import { DECISIONS } from '../../core/uapi/events.ts';

type Fields = readonly { readonly name: string; readonly value: string }[];

/** Most entries of a history; the newest stay. */
const MAX_HISTORY = 400;

const yes = (condition: boolean): string => (condition ? 'yes' : 'no');

// --- fields --------------------------------------------------------------------------------------------------

const pageFields = (context: FrameContext, pfn: number): Fields => {
  const { m } = context;
  const frame = frameView(context, pfn);
  const head = compoundHead(m, pfn);
  const content = contentOf(m, pfn);
  return [
    { name: 'kind', value: frame.device >= 0 ? `${frame.kind}, device ${frame.device}` : frame.kind },
    { name: 'pfn', value: hex(pfn) },
    { name: 'physical address', value: hex(pfnToPhysBytes(pfn)) },
    { name: 'zone', value: `${frame.zone === '' ? 'none' : frame.zone}, node ${frame.node}` },
    { name: 'owner', value: frame.owner === '' ? 'none' : frame.owner },
    { name: '_refcount', value: String(frame.refcount) },
    { name: '_mapcount', value: String(frame.mapcount) },
    { name: 'pins', value: String(frame.pins) },
    { name: 'long-term pinned', value: yes(frame.longtermPinned) },
    { name: 'evictable', value: evictableText(context, pfn) },
    { name: spelling(m.kernel, 'is_longterm_pinnable_page'), value: yes(frame.longtermPinnable) },
    { name: 'flags', value: frame.flags.join(' ') || 'none' },
    { name: 'mapping', value: mappingText(m, head) },
    { name: 'index', value: hex(m.pages.index.get(head)) },
    ...(head === pfn && folioNrPages(m, head) === 1
      ? []
      : [{ name: 'folio', value: `${folioNrPages(m, head)} pages from pfn ${hex(head)}` }]),
    { name: 'content', value: content === undefined ? 'none' : String(content) },
  ];
};

/**
 * Whether reclaim, migration or the driver could take the page away from its frame, and if not, what forbids it.
 * Kernel: `mm/vmscan.c: shrink_folio_list`, `mm/memremap.c: free_zone_device_page`.
 */
const evictableText = (context: FrameContext, pfn: number): string => {
  const { m } = context;
  const frame = frameView(context, pfn);
  const flags = m.pages.flags.get(compoundHead(m, pfn));
  if (frame.kind === 'free') return 'no: free';
  if (frame.pins > 0) return 'no: pinned';
  if ((holdersOf(m.journal, compoundHead(m, pfn)).get('FOLL_GET') ?? 0) > 0) return 'no: held by FOLL_GET';
  if (frame.residence === 'reserved' || frame.kind.endsWith('zero')) return 'no: reserved';
  if (frame.device >= 0) return 'yes, by the driver';
  if ((flags & (PG_mlocked | PG_unevictable)) !== 0) return 'no: mlocked';
  if (frame.kind === 'kernel' || frame.kind === 'page table' || frame.kind === 'hugetlb')
    return `no: ${frame.kind}`;
  return 'yes';
};

const mappingText = (m: Machine, head: number): string => {
  const mapping = m.pages.mapping.get(head);
  if (mapping === 0) return 'none';
  return (mapping & 1) === 1 ? `anon_vma ${mapping >> 1}` : `address_space ${mapping >> 1}`;
};

const pteFields = (row: PteRow, vpn: number): Fields => {
  const pfn = rowPfn(row, vpn - row.vpn);
  const present = row.entry === 'present' || row.entry === 'protnone';
  return [
    { name: 'address', value: hex(vpnToAddrBytes(vpn)) },
    { name: 'entry', value: row.entry },
    { name: 'level', value: row.level === 'none' ? 'no table' : row.level },
    { name: 'raw', value: row.raw },
    { name: 'pfn', value: pfn < 0 ? 'none' : hex(pfn) },
    { name: 'present', value: yes(row.entry === 'present') },
    { name: 'writable', value: yes(row.writable) },
    { name: 'dirty', value: yes(row.dirty) },
    { name: 'accessed', value: yes(row.young) },
    ...(present ? [{ name: 'special', value: yes(row.special) }] : []),
    { name: 'PGD, PUD, PMD, PTE', value: row.path.join(', ') },
    ...row.mirrors.map(({ device, access }) => ({ name: `device ${device} may`, value: ACCESS[access] })),
  ];
};
const ACCESS = { r: 'read', w: 'read, write', x: 'atomic access' } as const;

const vmaFields = (m: Machine, process: string, vpn: number): Fields => {
  const mm = m.mms.values().find(({ name }) => name === process);
  const vma = mm === undefined ? undefined : vmaLookup(m, mm, vpn);
  if (vma === undefined) return [{ name: 'state', value: 'not mapped' }];
  return [
    { name: 'vm_start', value: hex(vpnToAddrBytes(vma.vmStart)) },
    { name: 'vm_end', value: hex(vpnToAddrBytes(vma.vmEnd)) },
    { name: 'pages', value: String(vma.vmEnd - vma.vmStart) },
    { name: 'vm_page_prot', value: protText(vma.vmFlags) || 'none' },
    { name: 'flags', value: vmaFlagNames(vma).join(' ') || 'none' },
    { name: 'vm_pgoff', value: hex(vma.vmPgoff) },
    { name: 'anon_vma', value: vma.anonVma === 0 ? 'none' : String(vma.anonVma) },
    { name: 'vm_file', value: vma.file === 0 ? 'none' : (m.files.find(vma.file)?.name ?? String(vma.file)) },
  ];
};

const handleFields = (scene: Scene, name: string): Fields => {
  const { m, places } = scene;
  const handle = m.handles.values().find((candidate) => candidate.name === name);
  if (handle === undefined) return [{ name: 'state', value: 'not held' }];
  const mm = m.mms.get(handle.mm);
  return [
    { name: 'call', value: handle.call },
    { name: 'process', value: mm.name },
    { name: 'first page', value: places.nameOfVpn(mm.name, handle.start) },
    { name: 'pages', value: String(handle.pages.length) },
    { name: 'pfns', value: Array.from(handle.pages.slice(0, 16), hex).join(' ') },
  ];
};

const fieldsOf = (run: Run, position: number, scene: Scene, target: Selection): Fields => {
  switch (target.kind) {
    case 'page':
      return pageFields(frameContext(run, position, scene), target.pfn);
    case 'pte': {
      const found = scene.places.rowAt(target.process, target.vpn);
      return found === undefined
        ? [{ name: 'state', value: 'outside of all areas' }]
        : pteFields(found.row, target.vpn);
    }
    case 'vma':
      return vmaFields(scene.m, target.process, target.vpn);
    case 'handle':
      return handleFields(scene, target.name);
  }
};

const titleOf = ({ places }: Scene, target: Selection): string => {
  switch (target.kind) {
    case 'page': {
      const owner = places.ownersOf(target.pfn);
      return owner === '' ? `Page ${hex(target.pfn)}` : `Page ${hex(target.pfn)} · ${owner}`;
    }
    case 'pte':
      return `PTE of ${places.nameOfVpn(target.process, target.vpn) || hex(target.vpn * 4096)}`;
    case 'vma':
      return `VMA at ${places.nameOfVpn(target.process, target.vpn) || hex(target.vpn * 4096)}`;
    case 'handle':
      return `Handle ${target.name}`;
  }
};

// --- who holds it --------------------------------------------------------------------------------------------

type Holder = Inspection['holders'][number];

/** The ledger of a folio: what each kind of holder has taken and not given back. */
const holderRows = (scene: Scene, pfn: number): Holder[] => {
  const head = compoundHead(scene.m, pfn);
  return [...holdersOf(scene.m.journal, head)].map(([holder, amount]) => ({
    holder,
    amount,
    detail: holderDetail(scene, holder, amount, head),
  }));
};

/** Which page of a process, which handle: what tells a holder from another one of its kind. */
const holderDetail = (scene: Scene, holder: string, amount: number, head: number): string => {
  switch (holder) {
    case 'page table entry':
      return folioOwners(scene, head);
    case 'FOLL_PIN':
    case 'FOLL_GET':
      return handleNames(scene, holder, amount, head);
    default:
      return '';
  }
};

/** Names of the pages that map a folio: those of its head, or of the first of its pages that has any. */
const folioOwners = ({ m, places }: Scene, head: number): string => {
  for (let pfn = head; pfn < head + folioNrPages(m, head); pfn++) {
    const owners = places.ownersOf(pfn);
    if (owners !== '') return owners;
  }
  return '';
};

/** Handles that hold a folio; what is more than theirs belongs to calls that have not returned. */
const handleNames = ({ m }: Scene, holder: 'FOLL_PIN' | 'FOLL_GET', amount: number, head: number): string => {
  const pin = holder === 'FOLL_PIN';
  const each = pin && folioNrPages(m, head) === 1 ? GUP_PIN_COUNTING_BIAS : 1;
  const held = m.handles
    .values()
    .filter(({ call }) => call.startsWith('pin') === pin)
    .map(({ name, pages }) => ({
      name,
      amount: pages.filter((page) => compoundHead(m, page) === head).length * each,
    }))
    .filter((handle) => handle.amount > 0);
  const named = held.reduce((sum, handle) => sum + handle.amount, 0);
  return [...held.map(({ name }) => name), ...(amount > named ? ['a call that is running'] : [])].join(', ');
};

// --- history -------------------------------------------------------------------------------------------------

/** Columns whose changes a reader of a page's history wants to see. */
const TOLD_COLUMNS: ReadonlySet<string> = new Set([
  'flags',
  '_mapcount',
  'mapping',
  'content',
  'compound_mapcount',
  'compound_pincount',
  'mlock_count',
]);

/** Whether an event is one that the history of a frame tells. */
export const concernsPage = (m: Machine, log: Events, index: number, pfn: number): boolean => {
  switch (log.kindAt(index)) {
    case EventKind.REF:
    case EventKind.HOLDER:
      return log.rowAt(index) === pfn;
    case EventKind.COLUMN: {
      const column = m.journal.columnById(log.idAt(index));
      // of a free page: it stands for the block that it is in, which neighbours join and leave
      const isFree = column === m.pages.flags && ((log.oldAt(index) ^ log.nowAt(index)) & ~PG_buddy) === 0;
      if (isFree) return false;
      if (column === m.entries) return refersTo(log.oldAt(index), pfn) || refersTo(log.nowAt(index), pfn);
      return (
        log.rowAt(index) === pfn && TOLD_COLUMNS.has(column.name) && Object.values(m.pages).includes(column)
      );
    }
    case EventKind.DECISION: {
      const kinds = DECISION_ARGUMENTS[DECISIONS[log.idAt(index)] ?? 'wake'];
      const values = [log.rowAt(index), log.oldAt(index), log.nowAt(index)];
      return kinds.some((kind, i) => (kind === 'page' || kind === 'dst') && values[i] === pfn);
    }
    default:
      return false;
  }
};

const refersTo = (entry: number, pfn: number): boolean =>
  entryPfn(entry) === pfn && (ptePresent(entry) || isPfnSwapEntry(entry));

const historyEntry = (chapter: Chapter, index: number, text: Message): HistoryEntry => ({
  position: positionIn(chapter, index),
  step: chapter.record.index,
  retold: chapter.told === 'again',
  text,
  provenance: chapter.log.at(index).provenance,
});

/** Every change of an entry over the whole run: those behind the position are still to come. */
const entryHistory = (
  run: Run,
  position: number,
  { places }: Scene,
  process: string,
  vpn: number,
): HistoryEntry[] => {
  const subject = subjectOf(run, position, { kind: 'pte', process, vpn });
  if (subject?.kind !== 'pte') return [];
  const page = places.nameOfVpn(process, vpn);
  const chapters = chaptersOf(run, Number.POSITIVE_INFINITY, subject.key);
  return entryChanges(run, subject.mm.pgd, vpn, position, chapters)
    .slice(-MAX_HISTORY)
    .map(({ chapter, index, level }) => {
      const { log } = chapter;
      const text = entryChangeText(page, level, log.oldAt(index), log.nowAt(index));
      return historyEntry(chapter, index, text);
    });
};

const pageHistory = (run: Run, position: number, scene: Scene, pfn: number): HistoryEntry[] => {
  const subject = subjectOf(run, position, { kind: 'page', pfn });
  if (subject === undefined) return [];
  const found: HistoryEntry[] = [];
  for (const chapter of chaptersOf(run, position, subject.key).toReversed()) {
    const { log, begin } = chapter;
    for (let i = chapter.end - 1; i >= begin && found.length < MAX_HISTORY; i--) {
      if (!concernsPage(scene.m, log, i, pfn)) continue;
      found.push(historyEntry(chapter, i, eventText(scene.namer, scene.tables, log.at(i))));
    }
  }
  return found.toReversed();
};

const historyOf = (run: Run, position: number, scene: Scene, target: Selection): HistoryEntry[] => {
  if (target.kind === 'pte') return entryHistory(run, position, scene, target.process, target.vpn);
  return target.kind === 'page' ? pageHistory(run, position, scene, target.pfn) : [];
};

export const inspect = (run: Run, position: number, target: Selection): Inspection => {
  const { begin } = run.stepAt(position);
  const before = new Map(
    begin < position
      ? fieldsOf(run, begin, sceneAt(run, begin), target).map(({ name, value }) => [name, value] as const)
      : [],
  );
  const scene = sceneAt(run, position);
  const fields = fieldsOf(run, position, scene, target).map(({ name, value }) => {
    const was = before.get(name);
    return was === undefined || was === value ? { name, value } : { name, value, was };
  });
  return {
    title: titleOf(scene, target),
    fields,
    holders: target.kind === 'page' ? holderRows(scene, target.pfn) : [],
    history: historyOf(run, position, scene, target),
    untold: untoldSteps(run, position, subjectOf(run, position, target)).map(({ index }) => index),
  };
};
