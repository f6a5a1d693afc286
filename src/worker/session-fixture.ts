// A session with one run, for tests that ask it questions.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { say } from '../words/index.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { Moment } from './protocol-moment.ts';
import { Session } from './session.ts';

export const RUN = 'run1';

export const recording = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../public/recordings/${name}.json`, import.meta.url), 'utf8'));

type Question = ToWorker extends infer Q
  ? Q extends { id: number; runId: string }
    ? Omit<Q, 'id' | 'runId'>
    : never
  : never;

/** A session with one run, and short questions to it. */
export const openRun = (scenario: unknown) => {
  const session = new Session();
  let id = 0;
  const ask = (question: Question): FromWorker => {
    id += 1;
    const answer = session.handle({ ...question, id, runId: RUN } as ToWorker);
    if (answer === undefined) throw new Error('no answer');
    expect({ id: answer.id, runId: answer.runId }).toEqual({ id, runId: RUN });
    return answer;
  };
  const opened = ask({ kind: 'open', scenario });
  if (opened.kind !== 'opened') throw new Error(JSON.stringify(opened));
  const momentAt = (position: number): Moment => {
    const answer = ask({ kind: 'moment', position });
    if (answer.kind !== 'moment') throw new Error(JSON.stringify(answer));
    return answer.moment;
  };
  const stops = (
    from: number,
    grain: 'beat' | 'event' | 'function' | 'step' | 'gist',
    direction: 1 | -1 = 1,
  ): number[] => {
    const found = [];
    for (let at = from; ; ) {
      const answer = ask({ kind: 'navigate', from: at, grain, direction });
      if (answer.kind !== 'navigated') throw new Error(JSON.stringify(answer));
      if (answer.position === at) return found;
      at = answer.position;
      found.push(at);
    }
  };
  return { session, ask, run: opened.run, momentAt, stops };
};

export const failure = (answer: FromWorker | undefined): { place: string; text: string } => {
  if (answer?.kind !== 'failed') throw new Error(`did not fail: ${answer?.kind}`);
  return { place: answer.place, text: say(answer.message) };
};

export const HOME = 'coherent-longterm-pin-fast';

/** Captions between two positions, each kind once. */
export const captionIds = (
  { momentAt, stops }: ReturnType<typeof openRun>,
  from: number,
  to: number,
): string[] => [
  ...new Set(
    stops(from, 'beat')
      .filter((position) => position <= to)
      .map((position) => momentAt(position).caption.id),
  ),
];
