import { useActions } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import type { RunInfo, SelftestReport } from '../../store/views.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { selftestVerdict } from '../../words/index.ts';
import { type AssertionStep, assertionSteps } from './agreement.ts';

interface SelftestEvidenceProps {
  readonly run: RunInfo;
  readonly report: SelftestReport;
  readonly onClose: () => void;
}

/** What one of the kernel's own tests asserts, step by step, and whether it is so here. */
export const SelftestEvidence = ({ run, report, onClose }: SelftestEvidenceProps) => {
  const { textPieces } = useWords();
  const { seekStep } = useActions();
  const goTo = (step: number) => {
    onClose();
    void seekStep(step, 'end');
  };
  return (
    <Dialog title="Does the kernel’s own test pass here?" place="wide" onClose={onClose}>
      <div className="evidence scroll" tabIndex={-1}>
        {selftestVerdict(report).map((sentence) => (
          <p key={sentence}>
            <Prose pieces={textPieces(sentence)} />
          </p>
        ))}
        <table className="assertions">
          <thead>
            <tr>
              <th scope="col">assertion</th>
              <th scope="col">expected</th>
              <th scope="col">verdict</th>
            </tr>
          </thead>
          {assertionSteps(run).map((step) => (
            <AssertionGroup key={step.index} step={step} onGoTo={goTo} />
          ))}
        </table>
      </div>
    </Dialog>
  );
};

interface AssertionGroupProps {
  readonly step: AssertionStep;
  readonly onGoTo: (step: number) => void;
}

const AssertionGroup = ({ step: { index, command, ran, rows }, onGoTo }: AssertionGroupProps) => (
  <tbody>
    <tr className="assertion-step">
      <th scope="rowgroup" colSpan={3}>
        <button type="button" className="button button-bare" disabled={!ran} onClick={() => onGoTo(index)}>
          <span className="muted">step {index}</span> <code>{command}</code>
        </button>
      </th>
    </tr>
    {rows.map(({ key, what, expected, found, icon, verdict, state }) => (
      <tr key={key} data-state={state}>
        <td>
          <code>{what}</code>
        </td>
        <td>
          <code>{expected}</code>
        </td>
        <td className="assertion-verdict">
          <Icon name={icon} /> {verdict}
          {state === 'differs' ? (
            <>
              : found <code>{found}</code>
            </>
          ) : null}
        </td>
      </tr>
    ))}
  </tbody>
);
