// Keeps the address in step with the page: a new scenario is a new entry of the history, all else replaces the entry.

import type { AppState } from './app.ts';
import { type Context, report, update } from './context.ts';
import { stepOf } from './player.ts';
import type { ScenarioActions } from './scenario.ts';
import { type LinkState, readLink, writeLink } from './url-state.ts';

const WRITE_AFTER_MS = 250;

/** What a link to what is shown now has to say. */
export const linkStateOf = (state: AppState): LinkState => {
  const { scenario, playback, selection, settings } = state;
  const { run, origin, machine, kernel, added } = scenario;
  if (run === undefined || origin === undefined) return { theme: settings.theme };
  return {
    ...(origin.kind === 'catalogue' ? { scenario: origin.name } : { own: origin.scenario }),
    ...(machine === undefined ? {} : { machine }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(added.length === 0 ? {} : { added }),
    at: stepOf(run.steps, playback.position),
    ...(selection.selected === undefined ? {} : { selected: selection.selected }),
    theme: settings.theme,
  };
};

export class AddressSync {
  /** Run that the current entry of the history shows. */
  private runId = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private endWaiting: (() => void) | undefined;
  private restoring = false;

  private readonly context: Context;
  private readonly scenario: ScenarioActions;

  constructor(context: Context, scenario: ScenarioActions) {
    this.context = context;
    this.scenario = scenario;
  }

  start(): void {
    this.context.store.subscribe((state, before) => {
      if (state.playback.playing || state.playback.moving || this.restoring) return;
      const changed =
        state.scenario.runId !== this.runId ||
        state.playback.position !== before.playback.position ||
        state.playback.playing !== before.playback.playing ||
        state.playback.moving !== before.playback.moving ||
        state.scenario.added !== before.scenario.added ||
        state.selection.selected !== before.selection.selected ||
        state.settings.theme !== before.settings.theme;
      if (changed && state.scenario.run !== undefined) this.schedule();
    });
    this.context.environment.address.onPop(() => void this.context.idle.during(this.goBack()));
  }

  /** Opens what the address names; false if it names nothing that could be opened. */
  async restore(): Promise<boolean> {
    const { address } = this.context.environment;
    this.restoring = true;
    try {
      const { link, problems } = await readLink(address.search(), address.hash());
      if (link.theme !== undefined) {
        const { settings } = this.context.store.getState();
        update(this.context, 'settings', { ...settings, theme: link.theme });
      }
      const opened = await this.open(link);
      if (opened && link.selected !== undefined)
        update(this.context, 'selection', { selected: link.selected });
      const [first] = problems;
      if (first !== undefined) report(this.context, { about: 'link', ...first });
      this.runId = this.context.store.getState().scenario.runId;
      return opened;
    } finally {
      this.restoring = false;
    }
  }

  /** Back or Forward; the entry of the first load names nothing and shows the introduction. */
  private async goBack(): Promise<void> {
    const { address } = this.context.environment;
    if (address.search() === '' && address.hash() === '')
      update(this.context, 'walkthrough', { introduction: true });
    else await this.restore();
  }

  private async open(link: LinkState): Promise<boolean> {
    const options = {
      machine: link.machine,
      kernel: link.kernel,
      ...(link.added === undefined ? {} : { added: link.added }),
      ...(link.at === undefined ? {} : { at: link.at }),
    };
    if (link.own !== undefined) return await this.scenario.openScenario(link.own, options);
    if (link.scenario !== undefined) return await this.scenario.openByName(link.scenario, options);
    return false;
  }

  private schedule(): void {
    this.endWaiting ??= this.context.idle.begin();
    if (this.timer === undefined) this.timer = setTimeout(() => void this.write(), WRITE_AFTER_MS);
  }

  private async write(): Promise<void> {
    this.timer = undefined;
    const state = this.context.store.getState();
    const link = await writeLink(linkStateOf(state));
    const { address } = this.context.environment;
    // what changed while the link was packed schedules another write
    if (state.scenario.runId === this.runId) address.replace(link);
    else address.push(link);
    this.runId = state.scenario.runId;
    if (this.timer === undefined) {
      this.endWaiting?.();
      this.endWaiting = undefined;
    }
  }
}
