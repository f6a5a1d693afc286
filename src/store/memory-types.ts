// The comparison of the five types of device memory, computed in the worker when somebody first asks for it.

import type { MemoryTypeRow } from '../core/uapi/memory-types.ts';
import { type Context, report, update } from './context.ts';

export interface MemoryTypesSlice {
  /** undefined: not asked for, or not answered yet. */
  readonly rows: readonly MemoryTypeRow[] | undefined;
}

export interface MemoryTypesActions {
  readonly askMemoryTypes: () => Promise<void>;
}

export const initialMemoryTypes: MemoryTypesSlice = { rows: undefined };

export const memoryTypesActions = (context: Context): MemoryTypesActions => {
  let asked: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    const answer = await context.link.ask({ kind: 'memory-types', runId: '' });
    if (answer.kind === 'failed') {
      asked = undefined;
      report(context, { about: 'query', place: answer.place, message: answer.message });
      return;
    }
    update(context, 'memoryTypes', { rows: answer.rows });
  };
  return {
    askMemoryTypes: () => {
      asked ??= context.idle.during(ask());
      return asked;
    },
  };
};
