// Which run is open, and what can be opened. The last good run stays when something cannot be opened.

import type { MachinePresetName } from '../core/uapi/config.ts';
import type { RunId, RunInfo } from '../worker/protocol.ts';

/** What the picker offers: a recording of the real kernel, or a scene made by hand. */
export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  readonly source: 'recording' | 'scene';
  /** Heading under which the picker lists it. */
  readonly group: string;
  readonly boot: string;
  readonly devices: readonly { readonly id: number; readonly kind: string }[];
  readonly steps: number;
}

export interface Catalogue {
  readonly status: 'loading' | 'ready' | 'failed';
  readonly entries: readonly CatalogueEntry[];
}

/** Where the scenario of the run came from; what a link has to carry. */
export type ScenarioOrigin =
  | { readonly kind: 'catalogue'; readonly name: string }
  /** Came in a link or a file: the commands themselves. */
  | { readonly kind: 'own'; readonly scenario: unknown };

export interface ScenarioSlice {
  readonly catalogue: Catalogue;
  /** Run that is shown; '' before the first one is open. Also stands in the other slices. */
  readonly runId: RunId;
  readonly run: RunInfo | undefined;
  readonly origin: ScenarioOrigin | undefined;
  /** Machine chosen in the picker; undefined: the one that the scenario asks for. */
  readonly machine: MachinePresetName | undefined;
  /** Steps that were added by hand, behind those of the scenario. */
  readonly added: readonly unknown[];
  /** Name or title of what is being opened; undefined: nothing. */
  readonly opening: string | undefined;
}

/** Where to stand after opening. Without any of these: at the end of boot, before step 0. */
export interface OpenOptions {
  readonly machine?: MachinePresetName | undefined;
  readonly position?: number;
  /** Stands before this step. */
  readonly beforeStep?: number;
}

export interface ScenarioActions {
  /** Opens an entry of the catalogue. True if it is open now; else `problem` says why not. */
  readonly openByName: (name: string, options?: OpenOptions) => Promise<boolean>;
  /** Opens a scenario or recording from a file or a link, as parsed JSON. */
  readonly openScenario: (scenario: unknown, options?: OpenOptions) => Promise<boolean>;
  /** Opens the text of a dropped or chosen file. */
  readonly openText: (text: string) => Promise<boolean>;
  /** Runs the same scenario on another machine; undefined: the one it asks for. */
  readonly setMachine: (machine: MachinePresetName | undefined) => Promise<boolean>;
  /** Adds a step at the end of the run and goes there. */
  readonly addStep: (step: unknown) => Promise<boolean>;
}

export const initialScenario: ScenarioSlice = {
  catalogue: { status: 'loading', entries: [] },
  runId: '',
  run: undefined,
  origin: undefined,
  machine: undefined,
  added: [],
  opening: undefined,
};
