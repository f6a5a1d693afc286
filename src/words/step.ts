// A step of a scenario in the vocabulary of the recordings, as people read it.

import { count, grouped } from './en/phrases.ts';

export type StepRecord = Readonly<Record<string, unknown>>;

export interface StepText {
  /** What is done: `migrate_to_dev buf → device 0` */
  readonly command: string;
  /** With what: `FOLL_WRITE | FOLL_LONGTERM, as h1`; '' if nothing is left to say. */
  readonly detail: string;
}

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** `1 page`, `4 096 pages` */
const pagesText = (pages: unknown): string =>
  typeof pages === 'number' ? count(pages, 'page') : `${text(pages)} pages`;

/** `buf`, `buf+2`, `buf+2…5` */
const rangeText = ({ vma, page, count }: StepRecord): string => {
  const name = text(vma);
  if (page === undefined && count === undefined) return name;
  const first = typeof page === 'number' ? page : 0;
  if (typeof count !== 'number') return `${name}+${first}…`;
  return count === 1 ? `${name}+${first}` : `${name}+${first}…${first + count - 1}`;
};

/** `PREFETCH_LOC GPU 0, ACCESS GPU 1` */
const attributesText = (attrs: unknown): string =>
  (Array.isArray(attrs) ? attrs : [])
    .map((attr: unknown) => {
      if (typeof attr !== 'object' || attr === null) return '';
      const { type, loc, device, flags, value }: StepRecord = { ...attr };
      const place = typeof loc === 'number' ? `GPU ${loc}` : text(loc);
      const gpu = device === undefined ? '' : `GPU ${text(device)}`;
      const names = Array.isArray(flags) ? flags.map(text).join(' | ') : '';
      return [text(type), place, gpu, names, text(value)].filter((part) => part !== '').join(' ');
    })
    .join(', ');

const argumentsOf = (step: StepRecord): StepText => {
  const range = rangeText(step);
  switch (step.op) {
    case 'mmap':
      return {
        command: `mmap ${text(step.vma)}`,
        detail: `${pagesText(step.pages)}, ${text(step.kind)}${step.shared === true ? ', shared' : ''}, ${text(step.prot) || 'PROT_NONE'}`,
      };
    case 'mremap':
      return { command: `mremap ${text(step.vma)} → ${text(step.to)}`, detail: '' };
    case 'mprotect':
      return { command: `mprotect ${range}`, detail: text(step.prot) || 'PROT_NONE' };
    case 'madvise':
      return { command: `madvise ${range}`, detail: `MADV_${text(step.advice)}` };
    case 'write':
      return { command: `write ${range}`, detail: `${text(step.value)} + page` };
    case 'dev_write':
      return {
        command: `dev_write ${range}`,
        detail: `device ${text(step.device)}, ${text(step.value)} + page`,
      };
    case 'dev_read':
    case 'dev_exclusive':
    case 'snapshot':
      return { command: `${step.op} ${range}`, detail: `device ${text(step.device)}` };
    case 'migrate_to_dev':
      return { command: `migrate_to_dev ${range} → device ${text(step.device)}`, detail: '' };
    case 'migrate_to_sys':
      return { command: `migrate_to_sys ${range} ← device ${text(step.device)}`, detail: '' };
    case 'dev_check_exclusive':
      return { command: `${step.op} ${range}`, detail: `device ${text(step.device)}` };
    case 'dev_open':
    case 'dev_close':
    case 'dev_evict':
      return { command: `${step.op} device ${text(step.device)}`, detail: '' };
    case 'file_create':
    case 'file_read':
      return { command: `${step.op} ${text(step.file)}`, detail: '' };
    case 'move_pages':
      return {
        command: `move_pages ${range}`,
        detail: step.node === undefined ? '' : `to node ${text(step.node)}`,
      };
    case 'isolate':
      return { command: `${step.undo === true ? 'undo isolation of' : 'isolate'} ${range}`, detail: '' };
    case 'gup_test':
      return { command: `gup_test ${range}`, detail: text(step.cmd) };
    case 'concurrent':
      return concurrentText(step);
    case 'fork':
      return { command: `fork → ${text(step.child)}`, detail: '' };
    case 'gup': {
      const flags = Array.isArray(step.flags) ? step.flags.map(text).join(' | ') : '';
      return {
        command: `${text(step.call)} ${range}`,
        detail: [flags, `as ${text(step.as)}`].filter((part) => part !== '').join(', '),
      };
    }
    case 'boot':
      return { command: `boot ${text(step.stage)}`, detail: '' };
    case 'probe':
    case 'unbind':
      return { command: `${step.op} GPU ${text(step.device)}`, detail: '' };
    case 'svm_attr':
      return { command: `svm_attr ${range}`, detail: attributesText(step.attrs) };
    case 'svm_get_attr':
      return { command: `svm_get_attr ${range}`, detail: attributesText(step.attrs) };
    case 'set_xnack':
      return { command: `XNACK ${step.enabled === true ? 'on' : 'off'}`, detail: '' };
    case 'gpu_read':
    case 'gpu_write':
      return { command: `${step.op} ${range}`, detail: `GPU ${text(step.device)}` };
    case 'bo_alloc':
      return {
        command: `bo_alloc ${text(step.bo)}`,
        detail: `${pagesText(step.pages)}, GPU ${text(step.device)}${step.pin === true ? ', pinned by TTM' : ''}`,
      };
    case 'bo_write':
    case 'bo_free':
      return { command: `${step.op} ${text(step.bo)}`, detail: '' };
    case 'unpin':
      return { command: `unpin ${text(step.handle)}`, detail: '' };
    case 'put':
      return { command: `put ${text(step.handle)}`, detail: '' };
    default:
      return { command: [text(step.op), range].filter((part) => part !== '').join(' '), detail: '' };
  }
};

/** `unpin h1`, `unpin h2` → `unpin h1 ∥ h2`: of those that follow, what is other than before. */
const withoutRepeats = (texts: readonly string[]): string => {
  const words = texts.map((each) => each.split(' '));
  const [first = [], ...rest] = words;
  const differs = first.findIndex((word, i) => rest.some((other) => other[i] !== word));
  const shared = differs < 0 ? first.length : differs;
  return [first, ...rest.map((each) => each.slice(shared))]
    .map((each) => each.join(' '))
    .filter((each) => each !== '')
    .join(' \u2225 ');
};

/** More tasks than this are told once, where all do the same to memory of their own. */
const TOLD_EACH = 2;

/** What several tasks do at once. */
const concurrentText = ({ steps, seed }: StepRecord): StepText => {
  const tasks = (Array.isArray(steps) ? steps : []).flatMap((task: unknown): StepRecord[] =>
    typeof task === 'object' && task !== null ? [{ ...task }] : [],
  );
  const atOnce = `at once, seed ${text(seed)}`;
  if (tasks.length <= TOLD_EACH || tasks.some(({ op }) => op !== tasks[0]?.op))
    return { command: tasks.map((task) => stepText(task).command).join(' \u2225 '), detail: atOnce };
  const each = tasks.map(argumentsOf);
  const details = withoutRepeats(each.map(({ detail }) => detail));
  return {
    command: `${tasks.map(({ proc }) => text(proc)).join(' \u2225 ')}: ${withoutRepeats(each.map(({ command }) => command))}`,
    detail: [details, atOnce].filter((part) => part !== '').join(', '),
  };
};

/** The first process goes without saying. */
export const stepText = (step: StepRecord): StepText => {
  const { command, detail } = argumentsOf(step);
  return {
    command: step.proc === undefined || step.proc === 'A' ? command : `${text(step.proc)}: ${command}`,
    detail,
  };
};

/** What a call returned: `4`, `−1 EFAULT`, `SIGBUS at page 2`. */
export const resultText = (result: StepRecord): string => {
  if (result.standstill !== undefined) return 'does not end';
  if (result.signal !== undefined)
    return result.at === undefined
      ? text(result.signal)
      : `${text(result.signal)} at page ${text(result.at)}`;
  if (result.errno !== undefined) return `−1 ${text(result.errno)}`;
  const parts =
    result.cpages === undefined
      ? [typeof result.ret === 'number' ? grouped(result.ret) : text(result.ret)]
      : [pagesText(result.cpages)];
  return parts.filter((part) => part !== '').join(', ');
};
