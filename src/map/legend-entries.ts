// What the legend lists, by what the colours say.

import type { MachineInfo, MapMode } from '../store/views.ts';
import type { Tone } from '../ui/tones.ts';
import { looksOf, type ShadeLook } from './coloring.ts';

export interface LegendEntry {
  readonly id: string;
  readonly label: string;
  readonly term: string;
  readonly look: Tone | 'hatch' | 'pin' | 'longterm' | 'kernel' | 'nothing' | ShadeLook;
}

const STATE_ENTRIES: readonly LegendEntry[] = [
  { id: 'system', label: 'system', term: 'system-memory', look: 'system' },
  { id: 'coherent', label: 'coherent', term: 'device-coherent', look: 'coherent' },
  { id: 'private', label: 'private', term: 'device-private', look: 'private' },
  { id: 'movable', label: 'movable', term: 'zone-movable', look: 'movable' },
  { id: 'moving', label: 'moving', term: 'migration', look: 'hatch' },
  { id: 'pin', label: 'pin', term: 'pin', look: 'pin' },
  { id: 'longterm', label: 'long-term pin', term: 'longterm-pin', look: 'longterm' },
  { id: 'kernel', label: 'kernel', term: 'kernel-memory', look: 'kernel' },
  { id: 'free', label: 'free', term: 'free', look: 'nothing' },
];

/** @param processes - names, for colours that are theirs */
export const legendEntries = (
  mode: MapMode,
  processes: readonly string[],
  machine: MachineInfo | undefined,
): readonly LegendEntry[] =>
  mode === 'state'
    ? STATE_ENTRIES
    : looksOf({ mode, processes }, machine).map(
        (look): LegendEntry => ({ id: look.id, label: look.label, term: look.term, look }),
      );
