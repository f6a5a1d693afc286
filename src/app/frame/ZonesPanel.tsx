import { Zones } from '../../panels/Zones/Zones.tsx';
import { useApp } from '../../store/use-app.ts';
import { targetsOf } from '../palette/targets.ts';

/** The map of memory, with the search of the palette. */
export const ZonesPanel = () => {
  const machine = useApp((state) => state.scenario.run?.machine);
  const moment = useApp((state) => state.trace.moment);
  return <Zones find={(text) => targetsOf(text, machine, moment)[0]} />;
};
