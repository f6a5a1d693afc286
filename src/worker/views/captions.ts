// What is happening at a position and why: the beat that was reached last, as ids with parameters.

import type { StepRecord, StepResult } from '../../core/index.ts';
import { KERNEL_MESSAGES } from '../../core/kernel/sched/bug.ts';
import { DECISIONS } from '../../core/uapi/events.ts';
import { STANDINGS, TELLING_CALLS } from '../../core/uapi/origins.ts';
import type { Step, SvmAttribute } from '../../core/uapi/scenario.ts';
import type { Message } from '../protocol.ts';
import { type Beat, BEAT_ARGUMENTS, type BeatId, type OwnBeatId } from './beats.ts';
import { wordsOf } from './step-results.ts';
import { DECISION_ARGUMENTS, message, type Namer } from './messages.ts';
import { deviceOf } from './frames.ts';
import { holdersOf, stayedIn } from './stayed.ts';
import { namerOf } from './whose.ts';

type Params = Record<string, string | number>;

const rangeText = (namer: Namer, step: Step): Params => {
  if (!('vma' in step) || step.vma === undefined) return {};
  const area = namer.places.areas.find(
    ({ mm, area: { name } }) => mm.name === step.proc && name === step.vma,
  )?.area;
  if (step.op === 'mmap') return { range: step.vma, count: step.pages };
  const npages = area?.npages ?? 0;
  const first = 'page' in step ? (step.page ?? 0) : 0;
  const count = 'count' in step ? (step.count ?? npages - first) : npages;
  const whole = first === 0 && count === npages;
  const part = count === 1 ? `${step.vma}+${first}` : `${step.vma}+${first}…${first + count - 1}`;
  return { range: whole ? step.vma : part, count };
};

/** `PREFETCH_LOC GPU 0`, with the attribute's name between backticks. */
const attributeText = (attr: SvmAttribute): string => {
  const name = `\`${attr.type}\``;
  switch (attr.type) {
    case 'PREFERRED_LOC':
    case 'PREFETCH_LOC':
      return `${name} ${typeof attr.loc === 'number' ? `GPU ${attr.loc}` : attr.loc}`;
    case 'ACCESS':
    case 'ACCESS_IN_PLACE':
    case 'NO_ACCESS':
      return `${name} GPU ${attr.device}`;
    case 'SET_FLAGS':
    case 'CLR_FLAGS':
      return `${name} ${attr.flags.length === 0 ? 'none' : attr.flags.join(' | ')}`;
    case 'GRANULARITY':
      return `${name} ${attr.value}`;
  }
};

/** Names and numbers of a step. */
export const stepParams = (namer: Namer, index: number, step: Step): Params => {
  const params: Params = { step: index, op: step.op, proc: step.proc, ...rangeText(namer, step) };
  if (step.op === 'svm_attr') params['attrs'] = step.attrs.map(attributeText).join(', ');
  if (step.op === 'concurrent') {
    params['count'] = step.steps.length;
    params['does'] = step.steps
      .map((simple) => `\`${simple.proc}\` ${simple.op} ${rangeText(namer, simple)['range'] ?? ''}`.trim())
      .join(', ');
  }
  for (const [key, value] of Object.entries(step)) {
    if (key === 'flags' && Array.isArray(value)) params['flags'] = value.join(' | ');
    else if (key === 'enabled') params['enabled'] = String(value);
    else if (value === true) params[key] ??= 1;
    else if (key !== 'count' && key !== 'page' && (typeof value === 'string' || typeof value === 'number')) {
      params[key] ??= value;
    }
  }
  return params;
};

/** Whether a call failed, or one of several that ran at once. */
export const hasFailed = ({ ret, signal, standstill, results }: StepResult): boolean =>
  ret < 0 || signal !== undefined || standstill !== undefined || results?.some(hasFailed) === true;

/** What the step did that its result does not say: faults, pages that could not move, where pages lie that it holds. */
const deedParams = ({ m, places }: Namer, record: StepRecord): Params => {
  const { step, begin, end, result } = record;
  if (result.errno !== undefined) {
    const stayed = stayedIn(m.journal.log, begin, end);
    return stayed.length === 0 ? {} : { ...holdersOf(m, places, stayed) };
  }
  if (step.op === 'read' || step.op === 'write') return { pgfault: record.vmstat['pgfault'] ?? 0 };
  if (step.op !== 'gup') return {};
  const held = m.handles.values().find(({ name }) => name === step.as)?.pages ?? [];
  return { onDevice: held.filter((pfn) => deviceOf(m, pfn) >= 0).length };
};

/** Accesses of a GPU that leave its own memory. */
const FAR_ACCESSES = ['gpu system', 'gpu package', 'gpu peer'] as const;

const resultParams = (namer: Namer, record: StepRecord): Params => {
  const { result } = record;
  const params: Params = { ret: result.ret, ...deedParams(namer, record) };
  for (const key of ['errno', 'signal', 'at', 'cpages', 'faults', 'got', 'status', 'standstill'] as const) {
    const value = result[key];
    if (value !== undefined) params[key] = value;
  }
  const { accesses } = result;
  const far = FAR_ACCESSES.reduce((sum, kind) => sum + (accesses?.[kind] ?? 0), 0);
  if (far > 0) params['far'] = far;
  if (result.results?.some(hasFailed) === true) params['someFailed'] = 1;
  if (result.attrs !== undefined) params['answer'] = result.attrs.map(attributeText).join(', ');
  if (result.perms !== undefined) params['perms'] = wordsOf(result.perms).join(', ');
  return params;
};

const isOwn = (id: BeatId): id is OwnBeatId => Object.hasOwn(BEAT_ARGUMENTS, id);

/** Where it matters who else has the page. */
const COPIES: ReadonlySet<BeatId> = new Set(['fault.wp.copy', 'fault.unshare.copy']);

/** The sentence of a beat; its reason has the same parameters and the same id behind `why.` */
export const beatMessage = (namer: Namer, steps: readonly StepRecord[], beat: Beat): Message => {
  const { id, args, position } = beat;
  if (id === 'kernel-log') {
    const [log = 0, a = 0, b = 0] = args;
    return { id: `log.${KERNEL_MESSAGES[log] ?? 'other'}`, params: { a, b } };
  }
  if (id === 'step.begin' || id === 'step.end') {
    const record = steps[args[0] ?? -1];
    if (record === undefined) return { id, params: {} };
    const params = stepParams(namer, record.index, record.step);
    return { id, params: id === 'step.end' ? { ...params, ...resultParams(namer, record) } : params };
  }
  if (id === 'boot' && namer.m.config.gpu?.coldBoot === true) return { id: 'boot.cold', params: {} };
  const whose = namerOf(namer, position - 1);
  if (isOwn(id)) return message(whose, id, BEAT_ARGUMENTS[id], args);
  const said = message(whose, id, DECISION_ARGUMENTS[id], args);
  const [, page = -1] = args;
  if (!COPIES.has(id) || !(page >= 0)) return said;
  const params = { ...said.params, proc: namer.process, ...holdersOf(namer.m, namer.places, [page]) };
  return { id, params };
};

export const whyOf = (caption: Message): Message => ({ id: `why.${caption.id}`, params: caption.params });

/** All ids that a caption can have; the words have a sentence and a reason for each. */
export const CAPTION_IDS: readonly string[] = [
  'boot.cold',
  ...Object.keys(BEAT_ARGUMENTS),
  ...DECISIONS,
  ...KERNEL_MESSAGES.map((id) => `log.${id}`),
  ...TELLING_CALLS.map((fn) => `origin.${fn}`),
  ...STANDINGS,
];
