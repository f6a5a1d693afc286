// What takes long runs in slices, and every other message is answered in between. One such work at a time, in the order
// in which they were asked for. Pure but for what it is given.

import type { DetailRequest } from './protocol-detail.ts';
import type { AppendRequest, FromWorker, OpenRequest, ToWorker } from './protocol.ts';
import type { Session, Work } from './session.ts';

type LongRequest = OpenRequest | AppendRequest | DetailRequest;

/** Slices from one progress message to the next. */
const SLICES_A_MESSAGE = 8;

export interface Surroundings {
  readonly post: (answer: FromWorker) => void;
  /** Calls back once waiting messages have been received. */
  readonly later: (work: () => void) => void;
  /** A slice begins: what it asks whether it may go on. */
  readonly slice: () => () => boolean;
}

export class Jobs {
  private readonly waiting: LongRequest[] = [];
  private running: { readonly request: LongRequest; readonly work: Work } | undefined;
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
    if (message.kind === 'open' || message.kind === 'append' || message.kind === 'detail') {
      this.waiting.push(message);
      this.begin();
      return;
    }
    this.answer(this.session.handle(message));
  }

  private answer(answer: FromWorker | undefined): void {
    if (answer !== undefined) this.surroundings.post(answer);
  }

  private begin(): void {
    if (this.running !== undefined) return;
    const request = this.waiting.shift();
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
    this.session.maps.advance(running.request.runId, this.surroundings.slice());
    this.surroundings.later(() => {
      // it may have been cancelled meanwhile
      if (this.running === running) this.goOn();
    });
  }

  /** Gets ready for the questions that come next, as long as no long request does. */
  private foresee(runId: string): void {
    const parts = this.session.foresee(runId);
    const goOn = (): void => {
      if (this.running === undefined && parts.next().done !== true) this.surroundings.later(goOn);
    };
    this.surroundings.later(goOn);
  }

  private cancel(id: number): void {
    const at = this.waiting.findIndex((request) => request.id === id);
    const request = at < 0 ? this.running?.request : this.waiting.splice(at, 1)[0];
    if (request?.id !== id) return;
    if (at < 0) {
      this.running?.work.return(undefined);
      this.running = undefined;
    }
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
}
