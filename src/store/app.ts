// The whole state of the page and everything that can be done to it.

import type { StoreApi } from 'zustand/vanilla';
import type { ChoicesActions, ChoicesSlice } from './choices.ts';
import type { CompareActions, CompareSlice } from './compare.ts';
import type { CostsActions, CostsSlice } from './costs.ts';
import type { EmbedActions, EmbedSlice } from './embed.ts';
import type { DebugActions, DebugSlice } from './debug.ts';
import type { MapsActions, MapsSlice } from './maps.ts';
import type { MemoryTypesActions, MemoryTypesSlice } from './memory-types.ts';
import type { PageActions, PageSlice } from './page.ts';
import type { LayoutActions, LayoutSlice } from './layout.ts';
import type { PlaybackActions, PlaybackSlice } from './playback.ts';
import type { ProblemActions, ProblemSlice } from './problem.ts';
import type { StepDetailActions, StepDetailSlice } from './step-detail.ts';
import type { StoryActions, StorySlice } from './story.ts';
import type { QueriesActions, QueriesSlice } from './queries.ts';
import type { ScenarioActions, ScenarioSlice } from './scenario.ts';
import type { SelectionActions, SelectionSlice } from './selection.ts';
import type { SettingsActions, SettingsSlice } from './settings.ts';
import type { ShareActions, ShareSlice } from './share.ts';
import type { TraceActions, TraceSlice } from './trace.ts';
import type { Turns } from './turns.ts';
import type { ViewportActions, ViewportSlice } from './viewport.ts';
import type { WalkthroughActions, WalkthroughSlice } from './walkthrough.ts';
import type { WorldsActions, WorldsSlice } from './worlds.ts';

export interface AppState {
  readonly scenario: ScenarioSlice;
  readonly playback: PlaybackSlice;
  readonly trace: TraceSlice;
  readonly queries: QueriesSlice;
  readonly selection: SelectionSlice;
  readonly viewport: ViewportSlice;
  readonly layout: LayoutSlice;
  readonly maps: MapsSlice;
  readonly walkthrough: WalkthroughSlice;
  readonly settings: SettingsSlice;
  readonly problem: ProblemSlice;
  readonly debug: DebugSlice;
  readonly compare: CompareSlice;
  readonly page: PageSlice;
  readonly memoryTypes: MemoryTypesSlice;
  readonly costs: CostsSlice;
  readonly worlds: WorldsSlice;
  readonly stepDetail: StepDetailSlice;
  readonly story: StorySlice;
  readonly share: ShareSlice;
  readonly choices: ChoicesSlice;
  readonly embed: EmbedSlice;
}

/** The only way to change the state. Stable: the same functions as long as the page lives. */
export type AppActions = ScenarioActions &
  PlaybackActions &
  TraceActions &
  QueriesActions &
  SelectionActions &
  ViewportActions &
  LayoutActions &
  MapsActions &
  WalkthroughActions &
  SettingsActions &
  ProblemActions &
  DebugActions &
  CompareActions &
  PageActions &
  MemoryTypesActions &
  CostsActions &
  WorldsActions &
  StepDetailActions &
  StoryActions &
  ShareActions &
  ChoicesActions &
  EmbedActions;

export interface App {
  readonly store: StoreApi<AppState>;
  readonly actions: AppActions;
  /** Panels appear, and show answers of the worker, when it is their turn. */
  readonly turns: Turns;
  /** Loads the catalogue and what the address names; called once by main.tsx. */
  readonly start: () => Promise<void>;
  /** Something is under way that `idle` waits for; the returned function ends it. */
  readonly busy: () => () => void;
  /** Gives the simulation a port to the painter of the maps. */
  readonly connectPainter: (port: MessagePort) => void;
  /** Resolves when no request is pending and nothing moves. */
  readonly idle: () => Promise<void>;
}
