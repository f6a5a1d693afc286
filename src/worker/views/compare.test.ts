import { describe, expect, test } from 'vitest';
import { DEFAULT_KERNEL } from '../../core/uapi/config.ts';
import { SCENES } from '../../scenarios/index.ts';
import { type Contrast, contrastingKernel, contrastingScenario, CONTRASTS } from '../../store/compare.ts';
import { Session } from '../session.ts';
import type { CompareView } from '../protocol-compare.ts';

const given = SCENES.find(({ name }) => name === 'longterm-pin')?.scenario;

const open = (session: Session, runId: string, scenario: unknown, kernel?: object) => {
  const opened = session.handle({
    kind: 'open',
    id: 1,
    runId,
    scenario: structuredClone(scenario),
    ...(kernel === undefined ? {} : { kernel }),
  });
  if (opened?.kind !== 'opened') throw new Error(JSON.stringify(opened));
  return opened.run;
};

const compareAtEnd = (session: Session, step: number): CompareView => {
  const run = open(session, 'a', given);
  const position = run.steps[step]?.end ?? 0;
  const query = { view: 'compare', other: 'b' } as const;
  const viewed = session.handle({ kind: 'view', id: 2, runId: 'a', position, query });
  if (viewed?.kind !== 'viewed' || viewed.result.view !== 'compare') throw new Error(JSON.stringify(viewed));
  return viewed.result.data;
};

describe('two runs side by side', () => {
  test('the same kernel twice: nothing differs, at any position', () => {
    const session = new Session();
    const run = open(session, 'a', given);
    open(session, 'b', given);
    for (let position = run.bootEnd; position <= run.length; position += 37) {
      const viewed = session.handle({
        kind: 'view',
        id: 2,
        runId: 'a',
        position,
        query: { view: 'compare', other: 'b' },
      });
      if (viewed?.kind !== 'viewed' || viewed.result.view !== 'compare') throw new Error('no view');
      const { otherPosition } = viewed.result.data;
      expect(otherPosition).toBeLessThanOrEqual(position);
      if (otherPosition === position)
        expect(viewed.result.data).toMatchObject({ pages: [], calls: [], parting: undefined });
    }
  });

  test('without patch 6 the pages stay on the device, unpinned', () => {
    const session = new Session();
    open(session, 'b', given, contrastingKernel('without-patch-6', DEFAULT_KERNEL));
    const { pages, pagesSeen, calls } = compareAtEnd(session, 3);
    expect(pagesSeen).toBe(4);
    expect(pages).toHaveLength(4);
    expect(pages[0]?.sides).toMatchObject([
      { residence: 'system', device: -1, pins: 1 },
      { residence: 'coherent', device: 0, pins: 0 },
    ]);
    expect(calls).toContainEqual({ fn: 'migrate_longterm_unpinnable_pages', counts: [1, 16] });
  });

  test('with a private device the entries are not present', () => {
    const session = new Session();
    open(session, 'b', contrastingScenario('private-devices', given));
    const { pages } = compareAtEnd(session, 2);
    expect(pages[0]?.sides.map(({ entry }) => entry)).toEqual(['present', 'device-private']);
  });

  /** Where the run of a scene and its counterpart part, as the ids of what happens in each. */
  const partingOf = (name: string, contrast: Contrast) => {
    const scenario = SCENES.find((scene) => scene.name === name)?.scenario;
    const session = new Session();
    const { kernel, length } = open(session, 'a', scenario);
    open(session, 'b', contrastingScenario(contrast, scenario), contrastingKernel(contrast, kernel));
    const query = { view: 'compare', other: 'b' } as const;
    const viewed = session.handle({ kind: 'view', id: 2, runId: 'a', position: length, query });
    if (viewed?.kind !== 'viewed' || viewed.result.view !== 'compare')
      throw new Error(JSON.stringify(viewed));
    const { parting } = viewed.result.data;
    return parting === undefined ? undefined : [parting.step, ...parting.sides.map((side) => side?.text.id)];
  };

  test('says where two worlds part first, and what happens in each', () => {
    expect(partingOf('longterm-pin', 'without-patch-6')).toEqual([
      3,
      'longterm.unpinnable-count',
      'migrate.isolation-failed',
    ]);
    expect(partingOf('longterm-pin', 'private-devices')).toEqual([
      3,
      'gup.fast.refused.longterm',
      'gup.fast.refused.none',
    ]);
    expect(partingOf('longterm-pin', 'without-series')).toEqual([2, 'step.end', undefined]);
    expect(partingOf('pinnable-cma', 'without-CONFIG_CMA')).toEqual([
      2,
      'gup.fast.refused.longterm',
      'step.end',
    ]);
    expect(partingOf('movable-zone', 'without-CONFIG_MIGRATION')).toEqual([
      4,
      'gup.fast.refused.longterm',
      'step.end',
    ]);
    expect(partingOf('longterm-pin', 'without-CONFIG_CMA')).toBeUndefined();
  });

  test('what follow_page of 6.0 loses stands in the reference counts', () => {
    const scenario = SCENES.find((scene) => scene.name === 'around-ksm')?.scenario;
    const session = new Session();
    const { kernel, steps } = open(session, 'a', scenario);
    open(session, 'b', scenario, contrastingKernel('follow-page-v6.0', kernel));
    const query = { view: 'compare', other: 'b' } as const;
    const pages = steps.flatMap(({ end: position }) => {
      const viewed = session.handle({ kind: 'view', id: 2, runId: 'a', position, query });
      return viewed?.kind === 'viewed' && viewed.result.view === 'compare' ? viewed.result.data.pages : [];
    });
    expect(pages.length).toBeGreaterThan(0);
    for (const { sides } of pages) expect(sides[1].refcount).toBeGreaterThan(sides[0].refcount);
  });

  test('Linux 6.0 parts where its one loop brings a page home', () => {
    expect(partingOf('longterm-pin', 'linux-6.0')).toEqual([
      3,
      'longterm.unpinnable-count',
      'longterm.pin-dropped',
    ]);
    expect(partingOf('around-ksm', 'linux-6.0')).toEqual(partingOf('around-ksm', 'follow-page-v6.0'));
  });

  test('a run that is not open is named', () => {
    const session = new Session();
    open(session, 'a', given);
    const query = { view: 'compare', other: 'gone' } as const;
    expect(session.handle({ kind: 'view', id: 2, runId: 'a', position: 0, query })).toMatchObject({
      kind: 'failed',
      message: { id: 'problem.no-run' },
    });
  });

  test('every contrast opens', () => {
    for (const contrast of CONTRASTS) {
      const run = open(
        new Session(),
        'b',
        contrastingScenario(contrast, given),
        contrastingKernel(contrast, DEFAULT_KERNEL),
      );
      expect(run.steps.length + run.leftOut.length, contrast).toBeGreaterThanOrEqual(5);
    }
  });
});
