import { useActions, useApp } from '../../store/use-app.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { badgeOf, differenceRows, evidenceOf, evidenceSteps } from './agreement.ts';

/** Whether this run agrees with what the real kernel was recorded doing. Opens to the evidence. */
export const AgreementBadge = () => {
  const agreement = useApp((state) => state.scenario.run?.agreement);
  const open = useApp((state) => state.viewport.openPanel === 'agreement');
  const { openPanel } = useActions();
  if (agreement === undefined) return null;
  const { icon, text } = badgeOf(agreement);
  return (
    <>
      <button
        type="button"
        className="badge"
        data-kind={agreement.kind}
        aria-haspopup="dialog"
        aria-label={text}
        onClick={() => openPanel('agreement')}
      >
        <Icon name={icon} />
        <span>{text}</span>
      </button>
      {open ? <Evidence onClose={() => openPanel('')} /> : null}
    </>
  );
};

const Evidence = ({ onClose }: { readonly onClose: () => void }) => {
  const run = useApp((state) => state.scenario.run);
  const { seekStep } = useActions();
  if (run === undefined) return null;
  const rows = differenceRows(run.agreement);
  return (
    <Dialog title="Does this run agree with the recorded kernel?" onClose={onClose}>
      <div className="evidence scroll">
        {evidenceOf(run).map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
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
