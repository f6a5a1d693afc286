// The life of the selected page or entry through big steps. They left counts, so the worker runs them again for it, one
// after the other and behind everything else, as soon as somebody looks; the panels fill up step by step.

import type { Selection } from '../worker/protocol.ts';
import { type Context, update } from './context.ts';
import type { Queries } from './queries.ts';
import { sameSelection } from './selection.ts';

export interface StorySlice {
  /** The step that runs again, and the pages it has worked on; step -1: not known yet. undefined: none does. */
  readonly telling: { readonly target: Selection; readonly step: number; readonly pages: number } | undefined;
  /** Of this one nobody wants to wait for more. */
  readonly stopped: Selection | undefined;
}

export interface StoryActions {
  readonly stopStory: () => void;
  /** Goes on with what was stopped. */
  readonly tellStory: () => void;
}

export const initialStory: StorySlice = { telling: undefined, stopped: undefined };

export class Story {
  /** Of the question that is under way. */
  private request: number | undefined;

  private readonly context: Context;
  private readonly queries: Queries;

  constructor(context: Context, queries: Queries) {
    this.context = context;
    this.queries = queries;
  }

  /** Something was selected, looked up or stopped, or another run is shown. */
  consider(): void {
    const { story, selection, scenario, queries, playback } = this.context.store.getState();
    const { telling, stopped } = story;
    const { selected, runId } = selection;
    if (telling !== undefined) {
      if (!sameSelection(telling.target, selected) || runId !== scenario.runId) this.cancel();
      return;
    }
    if (stopped !== undefined && !sameSelection(stopped, selected))
      update(this.context, 'story', { stopped: undefined });
    const { inspected } = queries;
    const isReady =
      selected !== undefined &&
      !playback.playing &&
      inspected !== undefined &&
      sameSelection(inspected.target, selected) &&
      inspected.inspection.untold.length > 0 &&
      !sameSelection(stopped, selected);
    if (isReady) void this.context.idle.during(this.tell(selected));
  }

  cancel(): void {
    if (this.request !== undefined) this.context.link.cancel(this.request);
  }

  private async tell(target: Selection): Promise<void> {
    const { scenario, playback } = this.context.store.getState();
    const { runId } = scenario;
    update(this.context, 'story', { telling: { target, step: -1, pages: 0 } });
    const answer = await this.context.link.ask(
      { kind: 'retell', runId, position: playback.position, target },
      {
        asked: (id) => (this.request = id),
        progress: ({ step, pages }) => update(this.context, 'story', { telling: { target, step, pages } }),
      },
    );
    this.request = undefined;
    const isTold = answer.kind === 'retold' && answer.step >= 0;
    const { selected } = this.context.store.getState().selection;
    // a question that failed is not asked again by itself
    const stopped = isTold || !sameSelection(target, selected) ? undefined : target;
    update(this.context, 'story', { telling: undefined, stopped });
    if (isTold && sameSelection(target, selected)) this.queries.refreshSelected();
    else this.consider();
  }
}

export const storyActions = (context: Context, story: Story): StoryActions => ({
  stopStory: () => story.cancel(),
  tellStory: () => {
    update(context, 'story', { stopped: undefined });
    story.consider();
  },
});
