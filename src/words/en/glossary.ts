// The words of the kernel, and the few of ours, each in a sentence or two and with the place in the source where one
// reads on. Loaded when the first of them is asked for.

import type { Term } from './glossary/entry.ts';
import { errorTerms } from './glossary/errors.ts';
import { follTerms } from './glossary/foll.ts';
import { gpuTerms } from './glossary/gpu.ts';
import { machineTerms } from './glossary/machine.ts';
import { memoryTerms } from './glossary/memory.ts';
import { ourTerms } from './glossary/ours.ts';
import { pageTerms } from './glossary/pages.ts';
import { pinningTerms } from './glossary/pinning.ts';
import { tableTerms } from './glossary/tables.ts';
import type { TermId } from './terms.ts';

export const glossary: Readonly<Record<TermId, Term>> = {
  ...memoryTerms,
  ...machineTerms,
  ...gpuTerms,
  ...pinningTerms,
  ...pageTerms,
  ...tableTerms,
  ...follTerms,
  ...errorTerms,
  ...ourTerms,
};
