// Every refusal of a registration, and of attributes of a range, says what went wrong and how to mend it.

import { expect, test } from 'vitest';
import { refusals } from './index.ts';
import { gpuDecisions } from './en/gpu/decisions.ts';

test('registrations: what the kernel prints, what it means, and what to change', () => {
  for (const [message, { printed, plain, mend }] of Object.entries(refusals)) {
    expect([message, printed === '', plain === '']).toEqual([message, false, false]);
    expect(mend).toMatch(/^(Choose|The driver must|In the step|Boot|Give|Let) .*\.$/);
  }
});

const IDS = [
  'svm.refused-gpu',
  'svm.refused-hole',
  'svm.refused-device-area',
  'svm.refused-in-use',
  'svm.refused-limit',
  'svm.refused-question',
] as const;

test('attributes: why, and in the last sentence what to do instead', () => {
  for (const id of IDS) {
    const { why } = gpuDecisions[id];
    const sentences = String(why).split('. ');
    expect([id, sentences.at(-1)]).toEqual([id, expect.stringMatching(/^(Ask|Name|Map|Use|Free|Register) /)]);
  }
});
