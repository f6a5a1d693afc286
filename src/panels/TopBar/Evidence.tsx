import { DEFAULT_KERNEL } from '../../core/uapi/config.ts';
import { useActions } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import type { RunInfo } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { differenceRows, evidenceOf, evidenceSteps } from './agreement.ts';

interface EvidenceProps {
  readonly run: RunInfo;
  readonly onClose: () => void;
}

/** What was recorded and what is simulated, step by step; or why nothing was recorded. */
export const Evidence = ({ run, onClose }: EvidenceProps) => {
  const { seekStep, setKernel } = useActions();
  const { pieces, textPieces } = useWords();
  const rows = differenceRows(run.agreement);
  const canCompare = run.source === 'recording' && run.agreement.reason?.id === 'agreement.kernel';
  return (
    <Dialog title="Does this run agree with the recorded kernel?" onClose={onClose}>
      <div className="evidence scroll">
        {evidenceOf(run).map((sentence) => (
          <p key={typeof sentence === 'string' ? sentence : sentence.id}>
            <Prose pieces={typeof sentence === 'string' ? textPieces(sentence) : pieces(sentence)} />
          </p>
        ))}
        {canCompare ? (
          <p>
            <Button
              onClick={() => {
                onClose();
                void setKernel(DEFAULT_KERNEL);
              }}
            >
              Run it on the recorded kernel
            </Button>
          </p>
        ) : null}
        <ol className="evidence-steps">
          {evidenceSteps(run).map(({ index, command, verdict, agrees }) => (
            <li key={index}>
              <Icon name={agrees ? 'check' : 'differs'} />
              <span className="muted">{index}</span>
              <code>{command}</code>
              <span className="muted">{verdict}</span>
            </li>
          ))}
        </ol>
        {rows.length === 0 ? null : (
          <table className="differences">
            <thead>
              <tr>
                <th scope="col">step</th>
                <th scope="col">field</th>
                <th scope="col">Linux</th>
                <th scope="col">here</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ key, step, path, kernel, ours }) => (
                <tr key={key}>
                  <td>
                    <button
                      type="button"
                      className="button button-bare"
                      onClick={() => {
                        onClose();
                        void seekStep(step, 'end');
                      }}
                    >
                      {step}
                    </button>
                  </td>
                  <td>
                    <code>{path}</code>
                  </td>
                  <td>
                    <code>{kernel}</code>
                  </td>
                  <td>
                    <code>{ours}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Dialog>
  );
};
