// Tasks on simulated CPUs. A task runs until it sleeps; who runs next comes from a seed, so every run is repeatable.

import type { Machine } from '../../machine/machine.ts';
import type { PendingWork, Sleeps, Wait } from '../../machine/ops.ts';
import { PG_locked } from '../../uapi/page-flags.ts';
import { bugOn, KernelBug, type StandingTask } from './bug.ts';

/** One task to run: what it does, for which process, on which simulated CPU. */
export interface TaskSpec<T> {
  readonly mm: number;
  readonly cpu: number;
  /** Not started yet; the scheduler drives it. */
  readonly generator: Sleeps<T>;
}

/**
 * Asked at points where a task may sleep; false: whoever runs the tasks wants to do something else first.
 *
 * @param midway - in a phase over many pages, whose next phase comes back to each of them
 */
export type MayGoOn = (midway?: boolean) => boolean;

/** How tasks run in slices. */
export interface Slicing {
  readonly mayGoOn: MayGoOn;
  /** Called around a pause. */
  readonly leave: () => void;
  readonly comeBack: () => void;
}

interface Task<T> {
  readonly id: number;
  /** 0: a kernel thread. */
  readonly mm: number;
  readonly cpu: number;
  readonly generator: Sleeps<T | undefined>;
  /** What it was queued as, if it is a kernel thread. */
  readonly work: PendingWork | undefined;
  wait: Wait | undefined;
  started: boolean;
  done: boolean;
  result: T | undefined;
  /** Innermost open span, while the task does not run. */
  span: number;
  memallocPin: boolean;
  memalloc: boolean;
}

/** Integers from a seed: xorshift32. */
const seededInts = (seed: number): (() => number) => {
  // seeds next to each other must not begin alike, so their bits are mixed first (the finalizer of MurmurHash3)
  let state = seed ^ 0x9e3779b9;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  state = (state ^ (state >>> 16)) >>> 0 || 1;
  return () => {
    state ^= (state << 13) >>> 0;
    state ^= state >>> 17;
    state ^= (state << 5) >>> 0;
    state >>>= 0;
    return state;
  };
};

const satisfied = (m: Machine, wait: Wait | undefined): boolean => {
  if (wait === undefined) return true;
  switch (wait.kind) {
    case 'page-lock':
    case 'migration-entry':
      return (m.pages.flags.get(wait.pfn) & PG_locked) === 0;
    case 'mmap-lock':
    case 'invalidation':
    case 'mutex':
    case 'fence':
    case 'event':
    case 'spin':
      return wait.free();
    case 'resched':
      return true;
  }
};

const describe = (wait: Wait | undefined): string => {
  if (wait === undefined) return 'nothing';
  if (wait.kind === 'page-lock' || wait.kind === 'migration-entry') return `${wait.kind} of pfn ${wait.pfn}`;
  if (wait.kind === 'mutex') return `mutex ${wait.name}`;
  return wait.kind === 'event' ? wait.what : wait.kind;
};

const standing = <T>({ id, mm, wait, span }: Task<T>): StandingTask =>
  wait?.kind === 'spin'
    ? { task: id, mm, how: 'circle', what: wait.what, vpn: wait.vpn, span: wait.span }
    : { task: id, mm, how: 'sleep', what: describe(wait), vpn: -1, span };

/** Nobody can go on: they wait for each other, or for what nobody does. */
const standstill = <T>(alive: readonly Task<T>[]): KernelBug => {
  const isCircle = alive.every(({ wait }) => wait?.kind === 'spin');
  const texts = alive.map(({ id, wait }) =>
    wait?.kind === 'spin' ? `task ${id} spins on ${wait.what}` : `task ${id} waits for ${describe(wait)}`,
  );
  const defects = alive.flatMap(({ wait }) => (wait !== undefined && 'defect' in wait ? [wait.defect] : []));
  const alone = !isCircle && alive.length === 1 ? ', and nothing runs beside it that could end that' : '';
  const message = `${isCircle ? 'livelock' : 'deadlock'}: ${texts.join(', ')}${alone}`;
  return new KernelBug(message, defects[0], alive.map(standing));
};

/** Whether nobody is to be chosen at a point where a task may sleep. */
const goesOn = (wait: Wait | undefined, alone: boolean): wait is Wait & { readonly kind: 'resched' } =>
  wait?.kind === 'resched' && (alone || wait.stays === true);

/**
 * Runs one task until it sleeps, ends, or has run long enough. A task that is alone passes over the points where others
 * could run, and every task over those where it only lets go of the worker.
 */
const resume = <T>(m: Machine, task: Task<T>, before: number, alone: boolean, mayGoOn: MayGoOn): void => {
  if (task.wait !== undefined && task.wait.kind !== 'resched') m.trace.decide('wake', task.id);
  if (task.id !== before) m.trace.taskSwitch(task.id, task.cpu, before);
  const { id, mm, cpu, memallocPin, memalloc } = task;
  m.current = { id, mm, cpu, memallocPin, memalloc };
  m.trace.goOn(task.span);
  task.started = true;
  let next = task.generator.next();
  while (next.done !== true && goesOn(next.value, alone) && mayGoOn(next.value.midway))
    next = task.generator.next();
  task.span = m.trace.current;
  task.memallocPin = m.current.memallocPin;
  task.memalloc = m.current.memalloc;
  if (next.done === true) {
    task.done = true;
    task.result = next.value;
    task.wait = undefined;
  } else {
    task.wait = next.value;
  }
};

/**
 * A kernel thread runs up to the next point where it lets go, while another task stands where it cannot sleep.
 *
 * @returns whether it got on, and is not done
 */
const runAside = <T>(m: Machine, thread: Task<T>, running: Task<T>): boolean => {
  if (thread.done) return false;
  bugOn(!satisfied(m, thread.wait), 'a kernel thread sleeps that somebody waits for who cannot');
  const { current, isAlone } = m;
  const span = m.trace.current;
  m.isAlone = true;
  resume(m, thread, running.id, false, () => false);
  m.trace.taskSwitch(running.id, running.cpu, thread.id);
  m.isAlone = isAlone;
  m.current = current;
  m.trace.goOn(span);
  return !thread.done;
};

/** Kernel threads for the work that was queued meanwhile. */
const takeWorks = <T>(m: Machine, tasks: Task<T>[], span: number): void => {
  for (const work of m.works.splice(0)) {
    const generator = (function* (): Sleeps<undefined> {
      yield* work.run();
    })();
    const id = (tasks.at(-1)?.id ?? 0) + 1;
    const spec = { mm: 0, cpu: id - 1, generator };
    tasks.push(newTask<T>(m, id, spec, work, span));
  }
};

const newTask = <T>(
  m: Machine,
  id: number,
  { mm, cpu, generator }: TaskSpec<T | undefined>,
  work: PendingWork | undefined,
  span: number,
): Task<T> => ({
  id,
  mm,
  cpu: cpu % m.config.cpus,
  generator,
  work,
  wait: undefined,
  started: false,
  done: false,
  result: undefined,
  span,
  memallocPin: false,
  memalloc: false,
});

/** Time passes until the first wait that has a limit gives up. False: nobody's has. */
const expireOne = <T>(alive: readonly Task<T>[]): boolean => {
  for (const task of alive) {
    if (task.wait?.kind !== 'fence' || task.wait.expire === undefined) continue;
    task.wait.expire();
    return true;
  }
  return false;
};

/** Who runs next. A kernel thread that is to come later waits until nothing else can run. */
const chooseTask = <T>(runnable: readonly Task<T>[], interleaved: boolean, next: () => number): Task<T> => {
  const prompt = interleaved ? runnable : runnable.filter(({ work }) => work?.delayed !== true);
  const from = prompt.length === 0 ? runnable : prompt;
  return !interleaved || from.length === 1 ? from[0] : from[next() % from.length];
};

/** The caller does something else for a while. */
function* pause({ leave, comeBack }: Slicing): Generator<void, void, void> {
  leave();
  try {
    yield;
  } finally {
    comeBack();
  }
}

/**
 * Runs what only lets go of the worker, outside of any task.
 *
 * Ours: stands for a kernel thread that nothing else meets.
 */
export function* runAlone(
  m: Machine,
  work: () => Sleeps<void>,
  slicing: Slicing,
): Generator<void, void, void> {
  const task = work();
  const wasAlone = m.isAlone;
  m.isAlone = true;
  for (let next = task.next(); next.done !== true; next = task.next()) {
    if (next.value.kind !== 'resched') throw new KernelBug('sleeping function called from invalid context');
    if (slicing.mayGoOn(next.value.midway)) continue;
    const span = m.trace.current;
    yield* pause(slicing);
    m.trace.goOn(span);
  }
  m.isAlone = wasAlone;
}

/**
 * Runs tasks to their ends, and the kernel threads for which they queue work. Several tasks are interleaved at the
 * points where they may sleep; one task runs as far as it can, and then its kernel threads in order. Yields at such
 * points when it has run long enough; that changes nothing of what the tasks do.
 *
 * Ours: stands for the scheduler.
 *
 * @param seed - chooses who of several tasks runs next; with one task it changes nothing
 * @throws KernelBug when all that are left wait for each other
 */
export function* runTasks<T>(
  m: Machine,
  specs: readonly TaskSpec<T>[],
  seed: number,
  slicing: Slicing,
): Generator<void, T[], void> {
  const idle = m.current;
  const span = m.trace.current;
  const tasks = specs.map((spec, i): Task<T> => newTask(m, i + 1, spec, undefined, span));
  const interleaved = specs.length > 1;
  const next = seededInts(seed);
  m.threadsInKernel = (mm) =>
    tasks.reduce((sum, task) => sum + (task.mm === mm && task.started && !task.done ? 1 : 0), 0);
  let before = 1;
  let running: Task<T> | undefined;
  m.runMeanwhile = (work) => {
    takeWorks(m, tasks, span);
    const thread = tasks.find((task) => task.work === work);
    if (thread === undefined || running === undefined) return false;
    const waiting = running;
    running = thread;
    const hasGotOn = runAside(m, thread, waiting);
    running = waiting;
    // kswapd may be woken thousands of times in a step
    if (thread.done) tasks.splice(tasks.indexOf(thread), 1);
    return hasGotOn;
  };
  // whoever only let go of the worker goes on, without anybody being chosen
  let paused: Task<T> | undefined;
  for (;;) {
    if (paused === undefined) takeWorks(m, tasks, span);
    const alive = tasks.filter((task) => !task.done);
    if (alive.length === 0) break;
    const runnable = alive.filter((task) => satisfied(m, task.wait));
    if (runnable.length === 0) {
      if (expireOne(alive)) continue;
      throw standstill(alive);
    }
    const task: Task<T> = paused ?? chooseTask(runnable, interleaved, next);
    const passes = !interleaved || alive.length === 1;
    // its kernel threads come in only where it sleeps
    m.isAlone = passes;
    running = task;
    resume(m, task, before, passes, slicing.mayGoOn);
    before = task.id;
    paused = goesOn(task.wait, passes) ? task : undefined;
    if (task.done || slicing.mayGoOn()) continue;
    yield* pause(slicing);
  }
  m.current = idle;
  m.threadsInKernel = () => 0;
  m.runMeanwhile = undefined;
  return tasks.slice(0, specs.length).map((task) => {
    if (task.result === undefined) throw new Error('a task ended without a result');
    return task.result;
  });
}
