// The few words that the kernel does not have.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const ours = entry('words of ours');

export const ourTerms = {
  span: ours('span', 'One call of a kernel function in the record of the run, with all that happened in it.'),
  decision: ours('decision', 'The condition that chose a branch in the kernel, noted where it was taken.'),
  holder: ours('holder', 'Who owns references of a page. All holders together give `_refcount`.'),
  moment: ours('moment', 'A stop of playback that is worth a sentence.'),
  event: ours(
    'event',
    'The smallest thing that is recorded: one write of the kernel to its state, one decision, the beginning or end of a call.',
  ),
  step: ours(
    'step',
    'One line of a scenario: something that a process does, such as a call, a read or a write.',
  ),
  handle: ours(
    'handle',
    'A name for the pages that one call took, such as h1, so that a later step can give them back.',
  ),
  content: ours('content', 'A number that stands for what is in the page, so that one sees it travel.'),
  owner: ours(
    'owner',
    'Process, area and page that the frame belongs to: `buf+2` is the third page of the area buf.',
  ),
  simulated: ours(
    'simulated',
    'The event is part of the simulated kernel. Other marks say that it was inferred, or exists for the model only.',
  ),
} as const satisfies Partial<Record<TermId, Term>>;
