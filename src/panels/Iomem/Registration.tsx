import type { IomemView, RegistrationView } from '../../store/views.ts';
import { formatCount, formatCounted } from '../../ui/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { iomemWords, refusals, registrationStages, textPieces } from '../../words/index.ts';
import { bytesText, rangeText } from './rows.ts';

interface RegistrationProps {
  readonly registration: RegistrationView;
  /** Absent: it has none (yet, or any more). */
  readonly pgmap: IomemView['pgmaps'][number] | undefined;
}

const SIGNS = {
  passed: { icon: 'check', word: 'passed' },
  failed: { icon: 'close', word: 'refused here' },
  pending: { icon: undefined, word: 'to come' },
  'not-reached': { icon: undefined, word: 'not reached' },
} as const;

/** One GPU: the kernel's checks in order, what they cost, and what became of it. */
export const Registration = ({ registration, pgmap }: RegistrationProps) => {
  const { device, isPrivate, stages, outcome, asked, refusal, memmapPages } = registration;
  const hasEnded = pgmap === undefined && outcome === 'registered';
  return (
    <li className="iomem-gpu" data-outcome={outcome}>
      <h4>
        GPU {device} <code>{isPrivate ? 'MEMORY_DEVICE_PRIVATE' : 'MEMORY_DEVICE_COHERENT'}</code>{' '}
        <span className="iomem-state">{iomemWords.outcomes[hasEnded ? 'ended' : outcome]}</span>
      </h4>
      {asked === undefined ? null : (
        <p>
          <code>{rangeText(asked.start, asked.npages)}</code> {bytesText(asked.npages)}
          {isPrivate ? ', addresses that the kernel invented' : ''}
        </p>
      )}
      {refusal === undefined ? null : (
        <p className="iomem-refusal" role="status">
          <Icon name="warning" /> <code>-{refusal.errno}</code>{' '}
          <code>{refusals[refusal.message]?.printed ?? refusal.message}</code>
          <span>
            {refusals[refusal.message]?.plain ?? ''} The GPU works on, without shared virtual memory.{' '}
            <Prose pieces={textPieces(refusals[refusal.message]?.mend ?? '')} />
          </span>
        </p>
      )}
      <ol className="iomem-checks">
        {stages.map(({ stage, state }) => (
          <li key={stage} data-state={state}>
            <span className="iomem-sign" aria-hidden="true">
              {SIGNS[state].icon === undefined ? '·' : <Icon name={SIGNS[state].icon} />}
            </span>
            <span>
              <Prose pieces={textPieces(registrationStages[stage].name)} />
              <span className="hidden-visually">: {SIGNS[state].word}</span>
              {stage === 'memmap' && memmapPages !== undefined ? (
                <b> {bytesText(memmapPages)} of system memory</b>
              ) : null}
            </span>
            <span className="iomem-check-about">
              <Prose plain pieces={textPieces(registrationStages[stage].about)} />
            </span>
          </li>
        ))}
      </ol>
      {pgmap === undefined ? null : (
        <p data-leaving={pgmap.leaving} className="iomem-use">
          {pgmap.pagesInUse === 0
            ? `Nobody uses a page of it: all ${formatCount(pgmap.npages)} are in the hands of the driver.`
            : `${formatCounted(pgmap.pagesInUse, 'page')} of ${formatCount(pgmap.npages)} in use.`}
          {pgmap.leaving ? <b> {iomemWords.leaving}</b> : null}
        </p>
      )}
      {hasEnded ? (
        <p className="iomem-use">The registration has ended; its struct pages are system memory again.</p>
      ) : null}
    </li>
  );
};
