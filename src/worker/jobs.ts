// What takes long runs in slices, and every other message is answered in between. One such work at a time, in the order
// in which they were asked for. Pure but for what it is given.

import type { DetailRequest, RetellRequest } from './protocol-detail.ts';
import type { AppendRequest, FromWorker, NavigateRequest, OpenRequest, ToWorker } from './protocol.ts';
import type { Session, Work } from './session.ts';

/** Only a search for a breakpoint looks at many events, or runs a big step again. */
type SearchRequest = NavigateRequest & { readonly grain: 'breakpoint' };
type LongRequest = OpenRequest | AppendRequest | DetailRequest | RetellRequest | SearchRequest;

interface Job {
  readonly request: LongRequest;
  readonly work: Work;
}

/** Slices from one progress message to the next. */
const SLICES_A_MESSAGE = 8;

export interface Surroundings {
  readonly post: (answer: FromWorker) => void;
  /** Calls back once waiting messages have been received. */
  readonly later: (work: () => void) => void;
  /** Calls back once the page has had time to show what it was answered, for which it needs a processor. */
  readonly atRest: (work: () => void) => void;
  /** A slice begins: what it asks whether it may go on. */
  readonly slice: () => () => boolean;
}

export class Jobs {
  private readonly waiting: LongRequest[] = [];
  /** Have begun, and let go first what was asked for by itself. */
  private readonly aside: Job[] = [];
  private running: Job | undefined;
  private mayGoOn: () => boolean = () => true;
  private slices = 0;

  private readonly session: Session;
  private readonly surroundings: Surroundings;

  constructor(session: Session, surroundings: Surroundings) {
    this.session = session;
    this.surroundings = surroundings;
  }

  receive(message: ToWorker): void {
    if (message.kind === 'cancel') {
      this.cancel(message.request);
      return;
    }
    if (isLong(message)) {
      this.waiting.push(message);
      if (message.kind !== 'retell') this.stepAside();
      this.begin();
      return;
    }
    this.answer(this.session.handle(message));
  }

  private answer(answer: FromWorker | undefined): void {
    if (answer !== undefined) this.surroundings.post(answer);
  }

  /** What only explains what is on screen waits for what somebody wants to do. */
  private stepAside(): void {
    if (this.running?.request.kind !== 'retell') return;
    this.aside.push(this.running);
    this.running = undefined;
  }

  private begin(): void {
    if (this.running !== undefined) return;
    const first = this.waiting.findIndex(({ kind }) => kind !== 'retell');
    const left = first < 0 ? this.aside.pop() : undefined;
    if (left !== undefined) {
      this.running = left;
      this.goOn();
      return;
    }
    const request = this.waiting.splice(Math.max(0, first), 1)[0];
    if (request === undefined) return;
    this.running = { request, work: this.session.work(request, () => this.mayGoOn()) };
    this.slices = 0;
    this.goOn();
  }

  private goOn(): void {
    const { running } = this;
    if (running === undefined) return;
    this.mayGoOn = this.surroundings.slice();
    const slice = running.work.next();
    if (slice.done === true) {
      this.running = undefined;
      this.answer(slice.value);
      this.begin();
      if (this.running === undefined) this.foresee(running.request.runId);
      return;
    }
    if (this.slices++ % SLICES_A_MESSAGE === 0) this.answer(slice.value);
    const { kind, runId } = running.request;
    // what runs again does so elsewhere: the run is no further
    if (kind === 'open' || kind === 'append') this.session.maps.advance(runId, this.surroundings.slice());
    this.surroundings.later(() => {
      // it may have been cancelled meanwhile
      if (this.running === running) this.goOn();
    });
  }

  /** Gets ready for the questions that come next, as long as no long request does. */
  private foresee(runId: string): void {
    let mayGoOn = (): boolean => true;
    const parts = this.session.foresee(runId, () => mayGoOn());
    const goOn = (): void => {
      mayGoOn = this.surroundings.slice();
      if (this.running !== undefined) return;
      // by turns with the maps, a run of many GiB would be put to two places for every slice
      if (this.session.maps.isBehind || parts.next().done !== true) this.surroundings.later(goOn);
    };
    this.surroundings.atRest(goOn);
  }

  private cancel(id: number): void {
    const request = this.drop(id);
    if (request === undefined) return;
    const { runId } = request;
    this.answer({
      kind: 'failed',
      id,
      runId,
      place: '',
      message: { id: 'problem.cancelled', params: {} },
    });
    this.begin();
  }

  /** Forgets a request, whether it has begun or not. */
  private drop(id: number): LongRequest | undefined {
    const waits = this.waiting.findIndex((request) => request.id === id);
    if (waits >= 0) return this.waiting.splice(waits, 1)[0];
    const left = this.aside.findIndex(({ request }) => request.id === id);
    const job = left < 0 ? this.running : this.aside.splice(left, 1)[0];
    // what has been done already ends with its answer
    if (job?.request.id !== id || this.session.settling === id) return undefined;
    job.work.return(undefined);
    if (job === this.running) this.running = undefined;
    return job.request;
  }
}

const isLong = (message: ToWorker): message is LongRequest =>
  message.kind === 'open' ||
  message.kind === 'append' ||
  message.kind === 'detail' ||
  message.kind === 'retell' ||
  (message.kind === 'navigate' && message.grain === 'breakpoint');
