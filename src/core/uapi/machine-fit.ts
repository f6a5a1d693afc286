// What a scenario asks of a machine and its machine does not have.

import type { ScenarioDevice } from './presets.ts';
import { FIXED_DEVICES } from './presets.ts';
import type { Scenario } from './scenario.ts';

/** Where it stands in the scenario, and what to write there. */
export interface Misfit {
  readonly place: string;
  readonly message: string;
}

const inDigits = (n: number): string => n.toLocaleString('en');

/** A device that a machine with places of its own does not have, or of another size. */
const deviceMisfit = (
  machine: Scenario['machine'],
  { id, kind, pages }: ScenarioDevice,
  index: number,
): Misfit | undefined => {
  const fixed = machine === undefined ? undefined : FIXED_DEVICES[machine];
  if (fixed === undefined || (kind !== 'coherent' && kind !== 'private')) return undefined;
  if (id >= fixed.devices)
    return {
      place: `devices[${index}].id`,
      message: `\`${machine}\` has no device ${id}. Write a number from 0 to ${fixed.devices - 1}`,
    };
  if (pages === undefined || pages === fixed.pages) return undefined;
  return {
    place: `devices[${index}].pages`,
    message: `each device of \`${machine}\` has ${inDigits(fixed.pages)} pages. Take the field out, or choose the machine \`guest\``,
  };
};

/** What is wrong first; undefined: all goes together. Ours: what no schema of a single field can see. */
export const misfitOf = ({ machine, devices, gpu }: Scenario): Misfit | undefined => {
  for (const [index, device] of devices.entries()) {
    const misfit = deviceMisfit(machine, device, index);
    if (misfit !== undefined) return misfit;
  }
  const hives = gpu?.hives?.length ?? 0;
  if (hives <= devices.length) return undefined;
  const message = `here are ${hives} hives for ${devices.length} ${devices.length === 1 ? 'device' : 'devices'}. Write one number for each device`;
  return { place: 'gpu.hives', message };
};
