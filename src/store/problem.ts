// What went wrong last, in words: where, what, and what to do. What was on screen stays there.

import type { Message } from '../worker/protocol.ts';
import { type Context, update } from './context.ts';

export interface Problem {
  /** What could not be done. */
  readonly about: 'catalogue' | 'open' | 'link' | 'step' | 'query' | 'worker';
  /** 'steps[3].count'; '' where there is no such place. */
  readonly place: string;
  readonly message: Message;
  /** What else: a link may have several parts that cannot be shown. */
  readonly others?: readonly Message[];
}

export interface ProblemSlice {
  readonly problem: Problem | undefined;
}

export interface ProblemActions {
  readonly dismissProblem: () => void;
}

export const initialProblem: ProblemSlice = { problem: undefined };

export const problemActions = (context: Context): ProblemActions => ({
  dismissProblem: () => update(context, 'problem', { problem: undefined }),
});
