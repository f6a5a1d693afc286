// What a scenario asks of a machine and its machine does not have.

import { FIXED_DEVICES } from './presets.ts';
import type { Scenario } from './scenario.ts';

/** Where it stands in the scenario, and what to write there. */
export interface Misfit {
  readonly place: string;
  readonly message: string;
}

const inDigits = (n: number): string => n.toLocaleString('en');

/** More devices than a machine with places of its own has, or one of another size. Their numbers are names. */
const deviceMisfit = ({ machine, devices }: Scenario): Misfit | undefined => {
  const fixed = machine === undefined ? undefined : FIXED_DEVICES[machine];
  if (fixed === undefined) return undefined;
  const coherent = devices.filter(({ kind }) => kind === 'coherent').length;
  if (coherent > fixed.devices)
    return {
      place: 'devices',
      message: `\`${machine}\` has ${fixed.devices} coherent devices, and here are ${coherent}. Take some out, or choose the machine \`guest\``,
    };
  const index = devices.findIndex(
    ({ kind, pages }) =>
      (kind === 'coherent' || kind === 'private') && pages !== undefined && pages !== fixed.pages,
  );
  if (index < 0) return undefined;
  return {
    place: `devices[${index}].pages`,
    message: `each device of \`${machine}\` has ${inDigits(fixed.pages)} pages. Take the field out, or choose the machine \`guest\``,
  };
};

/** What is wrong first; undefined: all goes together. Ours: what no schema of a single field can see. */
export const misfitOf = (scenario: Scenario): Misfit | undefined => {
  const misfit = deviceMisfit(scenario);
  if (misfit !== undefined) return misfit;
  const { devices, gpu } = scenario;
  const hives = gpu?.hives?.length ?? 0;
  if (hives <= devices.length) return undefined;
  const message = `here are ${hives} hives for ${devices.length} ${devices.length === 1 ? 'device' : 'devices'}. Write one number for each device`;
  return { place: 'gpu.hives', message };
};
