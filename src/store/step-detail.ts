// All that a big step did about one page: asked for by itself, because the step runs again for it.

import type { Selection } from '../worker/protocol.ts';
import type { EventView } from '../worker/protocol-moment.ts';
import { type Context, report, update } from './context.ts';

export interface StepDetailSlice {
  /** The last answer. It is about a run, a step and a page. */
  readonly found:
    | {
        readonly runId: string;
        readonly step: number;
        readonly target: Selection;
        readonly events: readonly EventView[];
        readonly more: number;
      }
    | undefined;
}

export interface StepDetailActions {
  /** Runs the big step at the cursor again for a page. Progress and the way out of it are those of any long step. */
  readonly askStepDetail: (target: Selection) => Promise<void>;
}

export const initialStepDetail: StepDetailSlice = { found: undefined };

export const stepDetailActions = (context: Context): StepDetailActions => {
  const ask = async (target: Selection): Promise<void> => {
    const { scenario, playback } = context.store.getState();
    const { runId } = scenario;
    const { position } = playback;
    const answer = await context.link.ask({ kind: 'detail', runId, position, target });
    update(context, 'scenario', { working: undefined });
    if (context.store.getState().scenario.runId !== runId) return;
    if (answer.kind === 'failed') {
      report(context, { about: 'query', place: answer.place, message: answer.message });
      return;
    }
    const { step, events, more } = answer;
    update(context, 'stepDetail', { found: { runId, step, target, events, more } });
  };
  return { askStepDetail: (target) => context.idle.during(ask(target)) };
};
