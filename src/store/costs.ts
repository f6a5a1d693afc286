// Figures of the cost model that a person put in place of its own. Kept over visits.

import * as v from 'valibot';
import {
  type CostOverrides,
  DEFAULT_LINKS,
  DEFAULT_OPS,
  type LinkName,
  type OpName,
} from '../core/uapi/cost-model.ts';
import { type Context, type Environment, update } from './context.ts';
import { writeSaved } from './saved.ts';

export interface CostsSlice {
  readonly overrides: CostOverrides;
}

/** A figure of the model. */
export type FigureId =
  | { readonly kind: 'links'; readonly name: LinkName }
  | { readonly kind: 'ops'; readonly name: OpName }
  | { readonly kind: 'efficiency' };

export interface CostsActions {
  /** Only what is above 0 counts; undefined: the model's own again. */
  readonly setFigure: (figure: FigureId, value: number | undefined) => void;
  readonly resetFigures: () => void;
}

export const initialCosts: CostsSlice = { overrides: {} };

const figure = v.pipe(v.number(), v.finite(), v.gtValue(0));
/** Those figures that the model has: one that it had once, or that is none, takes no other with it. */
const some = <Name extends string>(names: readonly Name[]) =>
  v.optional(
    v.pipe(
      v.record(v.string(), v.unknown()),
      v.transform((given) => {
        const known: Partial<Record<Name, number>> = {};
        for (const name of names) {
          const value = given[name];
          if (v.is(figure, value)) known[name] = value;
        }
        return known;
      }),
    ),
  );
const overridesSchema = v.object({
  links: some(Object.keys(DEFAULT_LINKS) as LinkName[]),
  ops: some(Object.keys(DEFAULT_OPS) as OpName[]),
  efficiency: v.optional(figure),
});

/** The figures of an earlier visit; what cannot be read counts as not there. */
export const readCosts = (environment: Environment): CostsSlice => {
  try {
    const saved = v.safeParse(
      v.object({ costs: overridesSchema }),
      JSON.parse(environment.readSetting() ?? '{}'),
    );
    return saved.success ? { overrides: withoutGaps(saved.output.costs) } : initialCosts;
  } catch {
    return initialCosts;
  }
};

const withoutGaps = ({ links, ops, efficiency }: v.InferOutput<typeof overridesSchema>): CostOverrides => ({
  ...(links === undefined ? {} : { links }),
  ...(ops === undefined ? {} : { ops }),
  ...(efficiency === undefined ? {} : { efficiency }),
});

const withFigure = (overrides: CostOverrides, id: FigureId, value: number | undefined): CostOverrides => {
  const isFigure = value !== undefined && Number.isFinite(value) && value > 0;
  if (id.kind === 'efficiency') {
    const { efficiency: _old, ...others } = overrides;
    return isFigure ? { ...others, efficiency: value } : others;
  }
  const group: Readonly<Record<string, number>> = overrides[id.kind] ?? {};
  const { [id.name]: _old, ...rest } = group;
  return { ...overrides, [id.kind]: isFigure ? { ...rest, [id.name]: value } : rest };
};

export const costsActions = (context: Context, onChange: () => void): CostsActions => {
  const set = (overrides: CostOverrides): void => {
    update(context, 'costs', { overrides });
    writeSaved(context);
    onChange();
  };
  return {
    setFigure: (id, value) => set(withFigure(context.store.getState().costs.overrides, id, value)),
    resetFigures: () => set({}),
  };
};
