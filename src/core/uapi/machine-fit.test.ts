import { expect, test } from 'vitest';
import type { MachinePresetName } from './config.ts';
import { FIXED_DEVICES, machinePreset } from './presets.ts';
import { parseScenario, ScenarioError } from './scenario.ts';

const said = (header: object): string => {
  try {
    parseScenario({ devices: [], steps: [], ...header });
  } catch (error) {
    if (error instanceof ScenarioError) return `${error.place}: ${error.message}`;
    throw error;
  }
  return 'accepted';
};
const device = (id: number, more: object = {}): object => ({ id, kind: 'coherent', ...more });

test.each([
  [
    { machine: 'teaching', devices: [device(0), device(1), device(2)] },
    'devices: `teaching` has 2 coherent devices, and here are 3. Take some out, or choose the machine `guest`',
  ],
  [
    { machine: 'frontier', devices: [device(7, { pages: 512 })] },
    'devices[0].pages: each device of `frontier` has 16,777,216 pages. Take the field out, or choose the machine `guest`',
  ],
  [
    { machine: 'teaching', devices: [device(0, { pages: 700 })] },
    'devices[0].pages: each device of `teaching` has 4,096 pages. Take the field out, or choose the machine `guest`',
  ],
  [
    { machine: 'teaching', gpu: { hives: [1, 1, 2] }, devices: [device(0), device(1)] },
    'gpu.hives: here are 3 hives for 2 devices. Write one number for each device',
  ],
  [
    { gpu: { hives: [1, 1] }, devices: [device(0)] },
    'gpu.hives: here are 2 hives for 1 device. Write one number for each device',
  ],
  [{ devices: [device(1), device(1)] }, 'devices: write another number: two devices have the same one'],
])('what the machine does not have is answered with what to write (%#)', (header, words) => {
  expect(said(header)).toBe(words);
});

test.each([
  // numbers are names; memory of private devices lies at invented places, of which there are enough
  { machine: 'lab-node', devices: [device(9)] },
  { machine: 'teaching', devices: [device(0, { kind: 'private' }), device(2), device(3)] },
  // as a recording of such a machine says it
  { machine: 'teaching', devices: [device(0, { pages: 4096 })] },
  // memory of other drivers has a place and a size of its own
  { machine: 'teaching', devices: [device(0), { id: 9, kind: 'fsdax', pages: 512 }] },
  { devices: [device(9, { pages: 512 })] },
  { machine: 'guest', devices: [device(9, { pages: 512 })] },
  { machine: 'teaching', gpu: { hives: [1] }, devices: [device(0), device(1)] },
])('what the machine has is accepted (%#)', (header) => {
  expect(said(header)).toBe('accepted');
});

test.each(Object.entries(FIXED_DEVICES))(
  '%s: as many devices, of this size',
  (preset, { devices, pages }) => {
    const placed = machinePreset(preset as MachinePresetName).devices;
    expect(placed.map((each) => each.pages)).toEqual(Array.from({ length: devices }, () => pages));
  },
);
