// What a write and a fork would do, in words.

import type { ForkArea, ForkSide, ForkView } from '../../store/views.ts';
import { formatCounted } from '../../ui/format.ts';

const ON_WRITE: Readonly<Record<ForkSide['onWrite'], string>> = {
  denied: 'may not write',
  fresh: 'gets a new page',
  writes: 'writes in place',
  exclusive: 'keeps it: exclusive',
  reuse: 'keeps it: last owner',
  copy: 'copies',
  shared: 'writes the shared page',
  home: 'brings it home',
  'taken-back': 'takes it back',
  waits: 'waits: it is on its way',
  fault: 'faults',
};
export const writeWords = ({ onWrite }: ForkSide): string => ON_WRITE[onWrite];

const AT_FORK: Readonly<Record<ForkSide['atFork'], string>> = {
  share: 'shared',
  'early-copy': 'copied at once',
  nothing: 'nothing to copy',
  'left-out': 'left out',
};
export const forkWords = ({ atFork }: ForkSide): string => AT_FORK[atFork];

/** Why a side would act so: the facts that decide it. */
export const factsOf = (side: ForkSide): string =>
  side.mapcount === 0
    ? ''
    : [
        side.exclusive ? 'AnonExclusive' : '',
        `mapcount ${side.mapcount}`,
        side.pins > 0 ? `pins ${side.pins}` : '',
      ]
        .filter((part) => part !== '')
        .join(', ');

const countOf = (areas: readonly ForkArea[], test: (page: ForkArea['pages'][number]) => boolean): number =>
  areas.reduce((sum, { pages }) => sum + pages.filter(test).length, 0);

/** One line about all pages that are listed. */
export const summary = ({ areas, parent, child }: ForkView): string => {
  const early = countOf(areas, ({ parent: side }) => side?.atFork === 'early-copy');
  const again = `A fork of ${parent} now would copy ${formatCounted(early, 'page')} at once.`;
  if (child === '') return again;
  const shared = countOf(areas, (page) => page.shared);
  const ours = countOf(areas, ({ parent: side }) => side?.onWrite === 'copy');
  const theirs = countOf(areas, ({ child: side }) => side?.onWrite === 'copy');
  return `Pages with one frame for both: ${shared}. On the next write ${parent} would copy ${ours}, and ${child} would copy ${theirs}. ${again}`;
};
