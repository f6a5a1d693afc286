import { expect, test } from 'vitest';
import { opened } from '../../store/page-fixture.ts';
import { say } from '../../words/index.ts';
import { nextSaid, type Said, toldEvent } from './told.ts';

const NOTHING: Said = { caption: '', text: '' };

test('a new caption is said with its reason; while it stays the event is, also when it comes again', () => {
  const first = nextSaid(NOTHING, { caption: 'A writes.', why: 'It may.', event: 'Step 1 begins.' });
  expect(first.text).toBe('A writes. It may.');
  const second = nextSaid(first, { caption: 'A writes.', why: 'It may.', event: 'f is entered.' });
  expect(second.text).toBe('f is entered.');
  const third = nextSaid(second, { caption: 'A writes.', why: 'It may.', event: 'f is entered.' });
  expect(third.text).not.toBe(second.text);
  expect(third.text.trim()).toBe('f is entered.');
  // playing, and an event that nobody is told of
  expect(nextSaid(third, { caption: 'A writes.', why: '', event: undefined })).toBe(third);
  expect(nextSaid(third, { caption: 'B reads.', why: '', event: undefined }).text).toBe('B reads.');
});

test('inside a step every kernel function that one goes to is heard, and every event that Why tells', async () => {
  const { actions, state } = await opened('?scenario=coherent-longterm-pin-fast&t=3.0');
  let said = NOTHING;
  const heard = (): string => {
    const { moment } = state().trace;
    if (moment === undefined) throw new Error('no moment');
    const event = toldEvent(moment);
    said = nextSaid(said, {
      caption: say(moment.caption),
      why: '',
      event: event === undefined ? undefined : say(event.text),
    });
    return said.text;
  };
  for (const grain of ['event', 'function'] as const)
    for (let count = 0; count < 12; count++) {
      const before = heard();
      await actions.stepBy(grain, 1);
      const { event } = state().trace.moment ?? {};
      if (event?.text.id !== 'event.cell') expect(heard(), event?.text.id).not.toBe(before);
    }
});
