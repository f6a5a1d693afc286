// What the inspector lists.

import type { HistoryEntry, Inspection, Message } from '../../store/views.ts';
import { formatCount } from '../../ui/format.ts';

export interface HolderRow {
  readonly key: string;
  readonly holder: string;
  readonly detail: string;
  /** `+1 024` */
  readonly amount: string;
}

const signed = (amount: number): string =>
  amount < 0 ? `\u2212${formatCount(-amount)}` : `+${formatCount(amount)}`;

/** Holders and what they add up to: the reference count. */
export const holderRows = ({ holders }: Inspection): { rows: HolderRow[]; sum: number } => ({
  rows: holders.map(({ holder, detail, amount }, index) => ({
    key: `${index} ${holder}`,
    holder,
    detail,
    amount: signed(amount),
  })),
  sum: holders.reduce((sum, { amount }) => sum + amount, 0),
});

export interface HistoryRow {
  readonly key: string;
  readonly position: number;
  readonly step: number;
  readonly text: Message;
  readonly provenance: HistoryEntry['provenance'];
}

export const historyRows = ({ history }: Inspection): HistoryRow[] =>
  history.map((entry, index) => ({ ...entry, key: `${entry.position} ${index}` }));
