// Two ways to run a step must leave the same: in detail, with an event for everything, and as a big step.

import { createSimulation, type Scenario, type Simulation, StepError } from '../core/index.ts';
import { Ledger } from '../core/machine/holders.ts';
import type { Machine } from '../core/machine/machine.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** First row at which two columns differ, or undefined. Absent sections are zeros. */
const columnDifference = (a: Machine, b: Machine, at: number): string | undefined => {
  const ours = a.journal.allColumns()[at];
  const theirs = b.journal.allColumns()[at];
  if (ours === undefined || theirs === undefined) return `store ${at} is missing`;
  for (const no of new Set([...ours.sectionNumbers(), ...theirs.sectionNumbers()])) {
    const left = ours.section(no);
    const right = theirs.section(no);
    // nearly all are, and bytes are compared far faster than numbers
    if (left !== undefined && right !== undefined && bytesOf(left).equals(bytesOf(right))) continue;
    const length = left?.length ?? right?.length ?? 0;
    for (let i = 0; i < length; i++) {
      const [x, y] = [left?.[i] ?? 0, right?.[i] ?? 0];
      if (x !== y) return `${ours.name} ${no * length + i}: ${x} in detail, ${y} as a big step`;
    }
  }
  return undefined;
};

/** Frames of a handle are an array in either way. */
const plain = (_key: string, value: unknown): unknown => (value instanceof Float64Array ? [...value] : value);

/** What differs between the states of two machines; empty: nothing. @param known - objects that were compared before */
const stateDifferences = (a: Machine, b: Machine, known: number): string[] => {
  const found: string[] = [];
  const count = Math.max(a.journal.allColumns().length, b.journal.allColumns().length);
  for (let at = 0; at < count; at++) {
    const difference = columnDifference(a, b, at);
    if (difference !== undefined) found.push(difference);
  }
  // the cells hold indices of objects, and those are equal by now
  const objects = [a, b].map(({ journal }) =>
    Array.from({ length: journal.mark().objects - known }, (_, i) =>
      JSON.stringify(journal.objectAt(known + i), plain),
    ),
  );
  if (JSON.stringify(objects[0]) !== JSON.stringify(objects[1]))
    found.push('processes, areas or handles differ');
  return found;
};

const holderDifferences = (detail: Machine, big: Machine, ledgers: readonly [Ledger, Ledger]): string[] => {
  ledgers[0].seek(detail.journal.position);
  ledgers[1].seek(big.journal.position);
  const found: string[] = [];
  const { refcount } = detail.pages;
  for (const block of refcount.writtenBlocks()) {
    for (let pfn = block * 512; pfn < (block + 1) * 512; pfn++) {
      if (refcount.get(pfn) === 0) continue;
      const [ours, theirs] = [ledgers[0].amountsOf(pfn), ledgers[1].amountsOf(pfn)];
      // of all frames in use after every step: as texts they would be half of what this costs
      if (ours.length === theirs.length && ours.every((amount, kind) => amount === theirs[kind])) continue;
      found.push(`holders of ${pfn}: ${ours.join()} in detail, ${theirs.join()} as a big step`);
      if (found.length > 3) return found;
    }
  }
  return found;
};

/** What a step gave, or why it was refused. */
const outcomeOf = (sim: Simulation, index: number): string => {
  try {
    const step = sim.scenario.steps[index]?.step;
    if (step === undefined) return 'no such step';
    const record = sim.runStep(step);
    const totals = [...sim.callTotals(record)].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([record.result, record.vmstat, totals]);
  } catch (error) {
    if (error instanceof StepError) return error.message;
    throw error;
  }
};

/**
 * Runs a scenario in both ways, step by step, then goes back and forth over it.
 *
 * @param bigStepPages - pages from which on steps of the second run are big ones
 * @returns what differs: results, counters, numbers of calls, state, holders
 */
export const bigStepDifferences = (scenario: Scenario, bigStepPages: number): string[] => {
  const detail = createSimulation(scenario, { bigStepPages: Number.POSITIVE_INFINITY });
  const big = createSimulation(scenario, { bigStepPages });
  const ledgers = [new Ledger(detail.machine.journal), new Ledger(big.machine.journal)] as const;
  let known = 0;
  const compare = (where: string): string[] => {
    const found = [
      ...stateDifferences(detail.machine, big.machine, known),
      ...holderDifferences(detail.machine, big.machine, ledgers),
    ];
    known = detail.machine.journal.mark().objects;
    return found.map((difference) => `${where}: ${difference}`);
  };
  for (let index = 0; index < scenario.steps.length; index++) {
    const [ours, theirs] = [outcomeOf(detail, index), outcomeOf(big, index)];
    const where = `step ${index}`;
    if (ours !== theirs) return [`${where}: ${ours} in detail, ${theirs} as a big step`];
    const found = compare(where);
    if (found.length > 0) return found;
  }
  const count = detail.steps.length;
  for (const share of [0, 0.7, 0.3, 1, 0.5]) {
    const index = Math.min(count - 1, Math.floor(share * count));
    detail.seek(detail.steps[index]?.begin ?? 0);
    big.seek(big.steps[index]?.begin ?? 0);
    const found = compare(`back before step ${index}`);
    if (found.length > 0) return found;
  }
  return [];
};
