// Keeps the address in step with what is shown: a new scenario or document is a new entry of the history, all else
// replaces the entry.

import type { AppState } from './app.ts';
import { type Context, report, update } from './context.ts';
import { stepOf } from './player.ts';
import { initialPage } from './page.ts';
import { hasProcess, sortLayout, sortLink } from './left-out.ts';
import type { Problem } from './problem.ts';
import type { Message } from '../worker/protocol.ts';
import { initialLayout, layoutFromLink, layoutInLink, withInFront } from './layout.ts';
import type { CompareActions } from './compare.ts';
import { usualChoices, type WalkInLink, walkText } from './choices.ts';
import { breakpointText, parseBreakpoint } from './debug.ts';
import { initialMaps, mapsText } from './maps.ts';
import type { ScenarioActions } from './scenario.ts';
import { type LinkState, readLink, writeLink } from './url-state.ts';
import { noWindows, windowsInLink } from './windows.ts';

const WRITE_AFTER_MS = 250;
/** Of a link in which very much is wrong, behind the first: the bar leaves room for what was opened. */
const MOST_SAID = 4;

/** How the page-table tree is read; a process of another run is none of this one's. */
const walkInLink = ({ scenario: { run }, trace: { moment }, choices }: AppState): WalkInLink => {
  const { walkLevels, walkRaw, walkProcess } = choices;
  const isHere = walkProcess !== undefined && run !== undefined && hasProcess(run, moment, walkProcess);
  return { walkLevels, walkRaw, ...(isHere ? { walkProcess } : {}) };
};

/** What a link to what is shown now has to say. */
export const linkStateOf = (state: AppState): LinkState => {
  const { scenario, playback, selection, settings, page, maps, compare, debug, choices, embed } = state;
  const { run, origin, machine, kernel, added } = scenario;
  const layout = layoutInLink(state.layout);
  const windows = windowsInLink({ banks: choices.banks, looks: state.viewport.looks });
  const walk = walkInLink(state);
  const shown = {
    theme: settings.theme,
    ...(embed.embedded ? { embed: true } : {}),
    ...(embed.controls === 'all' ? {} : { controls: embed.controls }),
    ...(embed.calm ? { calm: true } : {}),
    ...(page.page === '' ? {} : { page }),
    ...(layout === undefined ? {} : { layout }),
    ...(mapsText(maps) === undefined ? {} : { maps }),
    ...(walkText(walk) === undefined ? {} : { walk }),
    ...(choices.walkOpen.length === 0 ? {} : { branches: choices.walkOpen }),
    ...(choices.extent === undefined ? {} : { extent: choices.extent }),
    ...(choices.asText === usualChoices.asText ? {} : { asText: choices.asText }),
    ...(choices.grain === usualChoices.grain ? {} : { grain: choices.grain }),
  };
  if (run === undefined || origin === undefined) return shown;
  const breakpoints = debug.breakpoints
    .filter(({ on }) => on)
    .map(({ breakpoint }) => breakpointText(breakpoint));
  return {
    ...(origin.kind === 'catalogue' ? { scenario: origin.name } : { own: origin.scenario }),
    ...(machine === undefined ? {} : { machine }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(added.length === 0 ? {} : { added }),
    at: stepOf(run.steps, playback.position),
    ...(selection.selected === undefined ? {} : { selected: selection.selected }),
    ...(compare.contrast === undefined ? {} : { compare: compare.contrast }),
    ...(breakpoints.length === 0 ? {} : { breakpoints }),
    ...(windows === undefined ? {} : { windows }),
    ...shown,
  };
};

/** The same with all panels: nothing of it is for a frame in another page. */
export const fullLinkOf = (state: AppState): LinkState => {
  const { embed: _embed, controls: _controls, calm: _calm, ...link } = linkStateOf(state);
  return link;
};

/** A link without panels that there are not, and what that leaves out. */
const withKnownPanels = (link: LinkState): { readonly link: LinkState; readonly leftOut: Message[] } => {
  if (typeof link.layout !== 'object') return { link, leftOut: [] };
  const { kept: layout, leftOut } = sortLayout(link.layout);
  return { link: { ...link, layout }, leftOut: [...leftOut] };
};

/** As text that is the same for links that mean the same. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

export class AddressSync {
  /** Run that the current entry of the history shows. */
  private runId = '';
  /** Document that it shows. */
  private page = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private endWaiting: (() => void) | undefined;
  private restoring = false;

  private readonly context: Context;
  private readonly scenario: ScenarioActions;
  private readonly compare: CompareActions;

  constructor(context: Context, scenario: ScenarioActions, compare: CompareActions) {
    this.context = context;
    this.scenario = scenario;
    this.compare = compare;
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
        state.page !== before.page ||
        state.layout !== before.layout ||
        state.maps !== before.maps ||
        walkText(state.choices) !== walkText(before.choices) ||
        state.choices.walkOpen !== before.choices.walkOpen ||
        state.choices.extent !== before.choices.extent ||
        state.choices.asText !== before.choices.asText ||
        state.choices.grain !== before.choices.grain ||
        state.choices.banks !== before.choices.banks ||
        state.viewport.looks !== before.viewport.looks ||
        state.compare.contrast !== before.compare.contrast ||
        state.debug.breakpoints !== before.debug.breakpoints ||
        state.settings.theme !== before.settings.theme ||
        state.embed.calm !== before.embed.calm;
      const isNamed = state.scenario.run !== undefined || state.page.page !== '' || this.page !== '';
      if (changed && isNamed) this.schedule();
    });
    this.context.environment.address.onPop(() => void this.context.idle.during(this.goBack()));
  }

  /**
   * Opens what the address names.
   *
   * @param isFirst - the page has just been loaded: whoever opens a link that the page wrote is to see what was seen
   * there, and what it does not name is as usual
   * @returns false if it names nothing that could be opened
   */
  async restore(isFirst = false): Promise<boolean> {
    const { address } = this.context.environment;
    this.restoring = true;
    try {
      const { link: wanted, problems } = await readLink(address.search(), address.hash());
      const { link, leftOut } = withKnownPanels(wanted);
      const isWritten = address.hash() !== '' && problems.length === 0;
      if (isFirst && (isWritten || link.embed === true)) this.showAsUsual();
      if (isFirst) {
        const { embed = false, controls = 'all', calm = false } = link;
        update(this.context, 'embed', { embedded: embed, controls, calm });
      }
      if (link.theme !== undefined) {
        const { settings } = this.context.store.getState();
        update(this.context, 'settings', { ...settings, theme: link.theme });
      }
      if (link.layout !== undefined) update(this.context, 'layout', layoutFromLink(link.layout));
      if (link.maps !== undefined) update(this.context, 'maps', link.maps);
      if (link.walk !== undefined) update(this.context, 'choices', link.walk);
      if (link.extent !== undefined) update(this.context, 'choices', { extent: link.extent });
      if (link.asText !== undefined) update(this.context, 'choices', { asText: link.asText });
      if (link.grain !== undefined) update(this.context, 'choices', { grain: link.grain });
      const isShown = this.isShown(link);
      if (isShown) update(this.context, 'walkthrough', { introduction: false });
      const opened = isShown || (await this.open(link));
      if (opened) leftOut.push(...(await this.showInRun(link, isShown)));
      update(this.context, 'page', link.page ?? initialPage);
      this.say([...problems, ...leftOut.map((message) => ({ place: '', message }))]);
      const state = this.context.store.getState();
      const { layout, maps, choices } = state;
      this.context.linked = { layout, maps, choices, theme: link.theme };
      if (state.embed.embedded) update(this.context, 'embed', { full: await writeLink(fullLinkOf(state)) });
      this.note();
      return opened;
    } finally {
      this.restoring = false;
    }
  }

  /** Not as at an earlier visit. The theme stays: it is the reader's own. */
  private showAsUsual(): void {
    update(this.context, 'layout', initialLayout);
    update(this.context, 'maps', initialMaps);
    update(this.context, 'choices', { ...usualChoices, banks: noWindows.banks, walkOpen: [] });
  }

  /** Selection, windows, stops and the other run, as far as the run has them. @returns what it has not */
  private async showInRun(link: LinkState, isShown: boolean): Promise<readonly Message[]> {
    const { scenario, trace } = this.context.store.getState();
    if (scenario.run === undefined) return [];
    const { kept, leftOut } = await sortLink(link, scenario.run, trace.moment);
    if (kept.selected !== undefined) update(this.context, 'selection', { selected: kept.selected });
    if (kept.branches !== undefined) update(this.context, 'choices', { walkOpen: kept.branches });
    if (kept.maps !== undefined) update(this.context, 'maps', kept.maps);
    if (kept.walk !== undefined) update(this.context, 'choices', kept.walk);
    if (kept.windows !== undefined) {
      update(this.context, 'choices', { banks: kept.windows.banks });
      update(this.context, 'viewport', { looks: kept.windows.looks });
    }
    if (!isShown) await this.showTools(kept);
    return leftOut;
  }

  /** Says all that is wrong with a link, behind what kept it from being opened. */
  private say(problems: readonly Omit<Problem, 'about'>[]): void {
    const { problem } = this.context.store.getState().problem;
    const all = [...(problem?.about === 'open' ? [problem] : []), ...problems];
    const [first, ...others] = all;
    if (first === undefined || problems.length === 0) return;
    const messages = others.map(({ message }) => message);
    const rest = messages.length - MOST_SAID;
    const more: Message[] = rest > 0 ? [{ id: 'link.more', params: { count: rest } }] : [];
    report(this.context, { about: 'link', ...first, others: [...messages.slice(0, MOST_SAID), ...more] });
  }

  /** Stops and the other run that a link names. */
  private async showTools({ breakpoints = [], compare, layout }: LinkState): Promise<void> {
    const entries = breakpoints.flatMap((text) => {
      const breakpoint = parseBreakpoint(text);
      return breakpoint === undefined ? [] : [{ breakpoint, on: true }];
    });
    update(this.context, 'debug', { breakpoints: entries });
    if (compare === undefined) return;
    // who wrote such a link by hand wants to see it; an arrangement of its own says what lies in front
    if (typeof layout !== 'object')
      update(this.context, 'layout', withInFront(this.context.store.getState().layout, 'compare', 'tables'));
    await this.compare.compareWith(compare);
  }

  /** Back or Forward; the entry of the first load names nothing and shows the introduction. */
  private async goBack(): Promise<void> {
    const { address } = this.context.environment;
    if (address.search() === '' && address.hash() === '') {
      update(this.context, 'page', initialPage);
      update(this.context, 'walkthrough', { introduction: true });
      this.note();
    } else await this.restore();
  }

  /** Whether the run that a link names is the one that is open, at the same place: then it stays as it is. */
  private isShown(link: LinkState): boolean {
    const { page: _ofLink, ...wanted } = link;
    const { page: _shown, ...shown } = linkStateOf(this.context.store.getState());
    if (shown.scenario === undefined && shown.own === undefined) return false;
    return canonical({ theme: 'system', ...wanted }) === canonical(shown);
  }

  private note(): void {
    const { scenario, page } = this.context.store.getState();
    this.runId = scenario.runId;
    this.page = page.page;
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
    if (state.scenario.working !== undefined) {
      // packing takes time that pictures need now, and the place is not the last one
      this.schedule();
      return;
    }
    const link = await writeLink(linkStateOf(state));
    const { address } = this.context.environment;
    const { embedded } = state.embed;
    if (embedded) update(this.context, 'embed', { full: await writeLink(fullLinkOf(state)) });
    // what changed while the link was packed schedules another write
    // Back of the page around a frame is to leave that page
    const isSame = state.scenario.runId === this.runId && state.page.page === this.page;
    if (isSame || embedded) address.replace(link);
    else address.push(link);
    this.runId = state.scenario.runId;
    this.page = state.page.page;
    if (this.timer === undefined) {
      this.endWaiting?.();
      this.endWaiting = undefined;
    }
  }
}
