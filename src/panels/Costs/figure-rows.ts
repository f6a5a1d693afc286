// Figures of the cost model as rows. Apart from what is drawn, as the palette has them, too.

import type { CostModel, Figure } from '../../core/uapi/cost-model.ts';
import type { FigureId } from '../../store/costs.ts';
import { figureNames } from '../../words/index.ts';

/** In which unit a figure is read and written, and how much one of it is in the model's. */
interface Unit {
  readonly unit: string;
  readonly factor: number;
}

const PLAIN = new Set(['gpu.inFlight']);
const unitOf = (id: FigureId): Unit => {
  if (id.kind === 'links') return { unit: 'GB/s', factor: 1e9 };
  if (id.kind === 'efficiency' || PLAIN.has(id.name)) return { unit: '', factor: 1 };
  if (id.name === 'gpu.access.bytes') return { unit: 'B', factor: 1 };
  return { unit: 'ns', factor: 1 };
};

export interface FigureRow extends Unit {
  readonly id: FigureId;
  readonly key: string;
  readonly name: string;
  readonly value: number;
  readonly figure: Figure;
}

const rowOf = (id: FigureId, key: string, figure: Figure): FigureRow => {
  const unit = unitOf(id);
  return { id, key, name: figureNames[key] ?? key, ...unit, value: figure.value / unit.factor, figure };
};

/** Of its field in the page. */
export const fieldIdOf = ({ key }: Pick<FigureRow, 'key'>): string => `figure-${key}`;

/** All figures of the model. */
export const figureRows = ({ links, ops, efficiency }: CostModel): FigureRow[] => [
  ...(Object.keys(links) as (keyof CostModel['links'])[]).map((name) =>
    rowOf({ kind: 'links', name }, name, links[name]),
  ),
  rowOf({ kind: 'efficiency' }, 'efficiency', efficiency),
  ...(Object.keys(ops) as (keyof CostModel['ops'])[]).map((name) =>
    rowOf({ kind: 'ops', name }, name, ops[name]),
  ),
];

/** What a figure may be at most, in the model's unit: no part is more than the whole. */
const mostOf = ({ kind }: FigureId): number => (kind === 'efficiency' ? 1 : Number.MAX_VALUE);

/** What was typed, in the model's unit; undefined: no figure. */
export const parseFigure = (
  text: string,
  { factor, id }: Pick<FigureRow, 'factor' | 'id'>,
): number | undefined => {
  const value = Number(text.replace(',', '.')) * factor;
  return text.trim() !== '' && value > 0 && value <= mostOf(id) ? value : undefined;
};

/** Why what was typed is no figure, and what stays. */
export const refusedFigure = ({ id, value, unit }: Pick<FigureRow, 'id' | 'value' | 'unit'>): string =>
  `Write a number above 0${mostOf(id) === 1 ? ', at most 1' : ''}. It stays at ${value}${unit && ` ${unit}`}.`;
