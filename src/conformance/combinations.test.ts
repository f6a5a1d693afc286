// Recordings of a second kernel, of programs that combine what the others show apart: parts of huge pages in several
// processes, pins and exclusive access on them, files, an exhausted pool. See public/recordings/README.md.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compareRecording, createSimulation, parseScenario } from '../core/index.ts';

const folder = new URL('../../public/recordings/combinations/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
/** Every step is compared call by call, however many pages it has. */
const IN_DETAIL = { bigStepPages: Number.POSITIVE_INFINITY };

test.each(files)('%s agrees at every step, in the order of calls, too', (file) => {
  const recording: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  const { stepsTotal, callOrderTotal, differences, callDifferences } = compareRecording(
    recording,
    createSimulation(parseScenario(recording), IN_DETAIL),
  );
  expect(stepsTotal).toBeGreaterThan(0);
  expect(callOrderTotal).toBeGreaterThan(0);
  expect([...differences, ...callDifferences]).toEqual([]);
});
