// Questions to the worker as promises. Each answer finds its question by id.

import type { Client } from '../worker/client.ts';
import type {
  CancelRequest,
  CloseRequest,
  Failed,
  FromWorker,
  Inspected,
  Message,
  MomentAnswer,
  Navigated,
  Opened,
  Progress,
  SpansAnswer,
  TilesAnswer,
  ToWorker,
} from '../worker/protocol.ts';
import type { DetailAnswer, RetellAnswer } from '../worker/protocol-detail.ts';
import type { MemoryTypesAnswer } from '../worker/protocol-memory-types.ts';
import type { Viewed } from '../worker/protocol-views.ts';
import type { Idle } from './idle.ts';

interface Answers {
  open: Opened;
  append: Opened;
  moment: MomentAnswer;
  navigate: Navigated;
  tiles: TilesAnswer;
  inspect: Inspected;
  spans: SpansAnswer;
  view: Viewed;
  'memory-types': MemoryTypesAnswer;
  detail: DetailAnswer;
  retell: RetellAnswer;
}
type Kind = keyof Answers;
type Question<K extends Kind> = Omit<
  Extract<Exclude<ToWorker, CloseRequest | CancelRequest>, { kind: K }>,
  'id'
>;

const ANSWER_KIND = {
  open: 'opened',
  append: 'opened',
  moment: 'moment',
  navigate: 'navigated',
  tiles: 'tiles',
  inspect: 'inspected',
  spans: 'spans',
  view: 'viewed',
  'memory-types': 'memory-types',
  detail: 'detailed',
  retell: 'retold',
} as const satisfies Record<Kind, FromWorker['kind']>;

const isAnswerTo = <K extends Kind>(kind: K, answer: FromWorker): answer is FromWorker & Answers[K] =>
  answer.kind === ANSWER_KIND[kind];

/** Who asks something that takes long, and does not want it told to all. */
export interface Asker {
  /** @param id - to cancel it by */
  readonly asked: (id: number) => void;
  readonly progress: (progress: Progress) => void;
}

export class WorkerLink {
  private nextId = 1;
  /** Why the worker is gone; undefined while it lives. */
  private crashed: Message | undefined;
  private readonly waiting = new Map<number, (answer: FromWorker) => void>();
  private readonly askers = new Map<number, Asker>();

  private readonly client: Client;
  private readonly idle: Idle;

  constructor(
    client: Client,
    idle: Idle,
    onCrash: (reason: string) => void,
    onProgress: (progress: Progress) => void,
  ) {
    this.client = client;
    this.idle = idle;
    client.onAnswer((answer) => {
      if (answer.kind === 'progress') {
        (this.askers.get(answer.id)?.progress ?? onProgress)(answer);
        return;
      }
      const resolve = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      resolve?.(answer);
    });
    client.onCrash((reason) => {
      this.crashed = { id: 'problem.worker', params: { reason } };
      const waiting = [...this.waiting];
      this.waiting.clear();
      for (const [id, resolve] of waiting) resolve(this.noAnswer(id, this.crashed));
      onCrash(reason);
    });
  }

  private noAnswer(id: number, message: Message): Failed {
    return { kind: 'failed', id, runId: '', place: '', message };
  }

  async ask<K extends Kind>(
    question: Question<K> & { readonly kind: K },
    asker?: Asker,
  ): Promise<Answers[K] | Failed> {
    const id = this.nextId++;
    if (this.crashed !== undefined) return this.noAnswer(id, this.crashed);
    const end = this.idle.begin();
    if (asker !== undefined) this.askers.set(id, asker);
    asker?.asked(id);
    try {
      const answer = await new Promise<FromWorker>((resolve) => {
        this.waiting.set(id, resolve);
        // Question<K> with an id is a ToWorker; the compiler cannot see that through K
        this.client.post({ ...question, id } as unknown as ToWorker);
      });
      if (answer.kind === 'failed') return answer;
      if (isAnswerTo(question.kind, answer)) return answer;
      throw new TypeError(`the worker answered ${question.kind} with ${answer.kind}`);
    } finally {
      this.askers.delete(id);
      end();
    }
  }

  /** Takes back a question that takes long; it is answered by a failure. */
  cancel(id: number): void {
    this.client.post({ kind: 'cancel', request: id });
  }

  close(runId: string): void {
    this.client.post({ kind: 'close', runId });
  }
}
