// What a session says to bad input.

import { describe, expect, test } from 'vitest';
import { Session } from './session.ts';
import { RUN, openRun, failure } from './session-fixture.ts';

describe('bad input', () => {
  const refuse = (scenario: unknown, more: object = {}): { place: string; text: string } =>
    failure(new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario, ...more }));
  const base = { format: 1, devices: [{ id: 0, kind: 'coherent' }] };
  const mmap = { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' } };

  test.each([
    ['nothing', undefined, ''],
    ['a number', 7, ''],
    [
      'an unknown operation',
      { ...base, steps: [mmap, { step: { op: 'explode', proc: 'A' } }] },
      'steps[1].step.op',
    ],
    [
      'a page count beyond all bounds',
      { ...base, steps: [{ step: { ...mmap.step, pages: 1e12 } }] },
      'steps[0].step.pages',
    ],
    [
      'a hostile name',
      { ...base, steps: [{ step: { ...mmap.step, vma: '<img src=x>' } }] },
      'steps[0].step.vma',
    ],
    [
      'a device that is not there',
      { ...base, steps: [mmap, { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 9 } }] },
      'steps[1].step.device',
    ],
    [
      'two devices with one number',
      {
        ...base,
        gpu: {},
        devices: [
          { id: 0, kind: 'coherent' },
          { id: 0, kind: 'private' },
        ],
        steps: [mmap],
      },
      'devices',
    ],
    [
      'an area that is not there',
      { ...base, steps: [mmap, { step: { op: 'read', proc: 'A', vma: 'other' } }] },
      'steps[1].step.vma',
    ],
    [
      'a process that is not there',
      { ...base, steps: [{ step: { op: 'exit', proc: 'Z' } }] },
      'steps[0].step.proc',
    ],
  ])('%s is refused with its place', (_name, scenario, place) => {
    const refused = refuse(scenario);
    expect(refused.place).toBe(place);
    expect(refused.text).toMatch(/\.$/);
  });

  test('a broken step of a link is named', () => {
    expect(refuse({ ...base, steps: [mmap] }, { added: [{ op: 'fork' }] }).place).toMatch(/^added\[0\]\./);
  });

  test('an unknown run is named', () => {
    expect(
      failure(new Session().handle({ kind: 'moment', id: 1, runId: 'gone', position: 0 })).text,
    ).toContain('not open');
  });

  test('positions outside of the timeline are its ends', () => {
    const open = openRun({ ...base, steps: [mmap] });
    expect(open.momentAt(-5).position).toBe(open.run.bootEnd);
    expect(open.momentAt(1e9).position).toBe(open.run.length);
    expect(open.momentAt(open.run.bootEnd).caption.id).toBe('boot');
  });
});
