import { lazy, Suspense } from 'react';
import { MemoryMaps } from '../../map/MemoryMaps.tsx';
import { PageTables } from '../../panels/PageTables/PageTables.tsx';
import { Pins } from '../../panels/Pins/Pins.tsx';
import { NextStep } from '../../panels/Steps/NextStep.tsx';
import { Steps } from '../../panels/Steps/Steps.tsx';
import { InTurn } from './InTurn.tsx';
import { useStage } from './stage.ts';

/** Loaded when the maps are first read as text, or with the panel Functions. */
const TimelineText = lazy(async () => ({
  default: (await import('../../panels/Timeline/TimelineText.tsx')).TimelineText,
}));

/** What has been done and what comes next, and the field to do something else. */
export const CausePanel = () => (
  <div className="cause">
    <Steps />
    <NextStep />
  </div>
);

/** Whose entries point where: the CPU's tables with the devices' beside them, and references with a name. */
export const TablesPanel = () => (
  <div className="stage-tables">
    <PageTables />
    <InTurn>
      <Pins />
    </InTurn>
  </div>
);

/** The maps, or the maps and the timeline as text. */
export const MapsPanel = () => {
  const { maps } = useStage();
  return (
    <MemoryMaps maps={maps}>
      <Suspense fallback={<p className="muted panel-loading">Loading…</p>}>
        <TimelineText follow={false} />
      </Suspense>
    </MemoryMaps>
  );
};
