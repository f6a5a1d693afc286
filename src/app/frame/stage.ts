// What the panels of the stage share: the windows on memory.

import { createContext, useContext } from 'react';
import type { MapController } from '../../map/controller.ts';

export interface Stage {
  readonly maps: MapController;
}

const Context = createContext<Stage | undefined>(undefined);

export const StageProvider = Context.Provider;

export const useStage = (): Stage => {
  const stage = useContext(Context);
  if (stage === undefined) throw new Error('there is no StageProvider');
  return stage;
};
