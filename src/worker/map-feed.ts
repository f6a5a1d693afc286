// Feeds the painter of the maps: says what is different in the sections of memory since the last picture that it took.

import { freeBlocksWithin } from '../core/kernel/mm/buddy.ts';
import { PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { FromPainter, MapMode, Picture, Place, SectionUpdate, ShowRequest } from './protocol-map.ts';
import type { Run } from './run.ts';
import { longtermRunning } from './views/moment.ts';
import type { Pyramid } from './views/pyramid.ts';
import { countShades } from './views/shades.ts';

export class MapFeed {
  private send: ((picture: Picture) => void) | undefined;
  private shown: ShowRequest | undefined;
  /** There is something to send; it waits until the painter has taken the last picture. */
  private due = false;
  private taken = true;
  /** There was no time for all of the picture that is due. */
  private isBegun = false;
  /** What the painter knows: of which pyramid, up to which version, and of which sections the single pages. */
  private pyramid: Pyramid | undefined;
  private version = 0;
  private mode: MapMode = 'state';
  /** Step that ages were counted from. */
  private step = -1;
  private readonly pagesSent = new Set<number>();
  private readonly runOf: (runId: string) => Run | undefined;

  /** @param runOf - an open run; undefined where there is none of that name */
  constructor(runOf: (runId: string) => Run | undefined) {
    this.runOf = runOf;
  }

  /** There is a painter now; it knows nothing yet. */
  connect(send: (picture: Picture) => void): void {
    this.send = send;
    this.shown = undefined;
    this.pyramid = undefined;
    this.due = false;
    this.taken = true;
    this.isBegun = false;
  }

  /**
   * Takes a message of the painter.
   *
   * @param mayGoOn - asked often; false leaves the rest of a picture for later
   */
  receive(message: FromPainter, mayGoOn: () => boolean = always): void {
    switch (message.kind) {
      case 'show':
        this.shown = message;
        this.due = true;
        break;
      case 'taken':
        this.taken = true;
        break;
    }
    this.deliver(mayGoOn);
  }

  /** A run has got further. Called between the parts of a long step, so it must be cheap when nobody looks. */
  advance(runId: string, mayGoOn: () => boolean = always): void {
    if (this.shown?.runId !== runId || this.shown.place !== 'live') return;
    this.due = true;
    this.deliver(mayGoOn);
  }

  /** Goes on with the picture for which there was no time. @returns whether there is more to do now */
  goOn(mayGoOn: () => boolean): boolean {
    if (this.isBegun) this.deliver(mayGoOn);
    return this.isBehind;
  }

  /** A picture is begun: the run stands at its place, and other places would have to be gone to and left between its slices. */
  get isBehind(): boolean {
    return this.isBegun && this.taken;
  }

  private deliver(mayGoOn: () => boolean): void {
    const { send, shown } = this;
    if (send === undefined || shown === undefined || !this.due || !this.taken) return;
    const run = this.runOf(shown.runId);
    const isWhole = run === undefined || catchUp(run, shown.place, mayGoOn);
    this.isBegun = !isWhole;
    // what is going on anyway may be seen half, one place is seen when it is whole
    if (!isWhole && shown.place !== 'live') return;
    this.due = !isWhole;
    this.taken = false;
    send(this.picture(run, shown));
  }

  private picture(run: Run | undefined, { number, runId, place, pageSections, mode }: ShowRequest): Picture {
    const fresh = run?.pyramid !== this.pyramid || run === undefined;
    if (fresh) {
      this.pyramid = run?.pyramid;
      this.version = 0;
      this.pagesSent.clear();
    }
    if (run === undefined) return { kind: 'picture', number, runId, place, fresh, mode, sections: [] };
    const sections = this.changes(run, pageSections, mode);
    return { kind: 'picture', number, runId, place, fresh, mode, sections };
  }

  private changes(run: Run, pageSections: readonly number[], mode: MapMode): SectionUpdate[] {
    const { pyramid } = run;
    const wanted = new Set(pageSections);
    const { index: step } = run.stepAt(run.sim.machine.journal.position);
    // every page is a step older in the next step
    const anew = mode !== this.mode || (mode === 'age' && step !== this.step);
    this.mode = mode;
    this.step = step;
    const readShades = run.shades.reader(mode);
    const updates: SectionUpdate[] = [];
    for (const no of pyramid.sectionNumbers()) {
      const section = pyramid.section(no);
      if (section === undefined) continue;
      const reshaded = readShades !== undefined && (anew || mode === 'type' || pyramid.read.has(no));
      const changed = section.version > this.version || reshaded;
      if (changed) this.pagesSent.delete(no);
      const sendPages = wanted.has(no) && !this.pagesSent.has(no);
      if (!changed && !sendPages) continue;
      if (sendPages) this.pagesSent.add(no);
      const shades = readShades === undefined ? undefined : new Uint8Array(PAGES_PER_SECTION);
      if (shades !== undefined) readShades?.(no, section, shades);
      updates.push({
        section: no,
        counts: section.counts.slice(),
        pages: sendPages ? section.pages.slice() : undefined,
        shadeCounts: shades && countShades(shades),
        shades: sendPages ? shades : undefined,
        freeBlocks: sendPages ? freeBlocksOf(run, no) : undefined,
      });
    }
    this.version = pyramid.version;
    pyramid.read.clear();
    return updates;
  }
}

const always = (): boolean => true;

/** Brings the run's pyramid to a place. @returns whether it is there */
const catchUp = (run: Run, place: Place, mayGoOn: () => boolean): boolean => {
  run.seek(place === 'live' ? run.sim.reached : run.clamp(place));
  return run.pyramid.update(longtermRunning(run, run.sim.machine.journal.position), mayGoOn);
};

const freeBlocksOf = (run: Run, no: number): Int32Array<ArrayBuffer> =>
  Int32Array.from(freeBlocksWithin(run.sim.machine, no * PAGES_PER_SECTION, (no + 1) * PAGES_PER_SECTION));
