import { lazy, Suspense } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Icon } from '../../ui/Icon.tsx';
import { badgeOf } from './agreement.ts';

/** Loaded when somebody points at the badge. */
const loadEvidence = () => import('./Evidence.tsx').then((m) => ({ default: m.Evidence }));
const Evidence = lazy(loadEvidence);
const SelftestEvidence = lazy(() =>
  import('./SelftestEvidence.tsx').then((m) => ({ default: m.SelftestEvidence })),
);

/** Whether this run agrees with what the real kernel was recorded doing, or passes its test. Opens to the evidence. */
export const AgreementBadge = () => {
  const run = useApp((state) => state.scenario.run);
  const open = useApp((state) => state.viewport.openPanel === 'agreement');
  const { openPanel } = useActions();
  if (run === undefined) return null;
  const { kind, icon, text, steps } = badgeOf(run);
  const close = () => openPanel('');
  return (
    <>
      <button
        type="button"
        className="badge"
        data-kind={kind}
        aria-haspopup="dialog"
        aria-label={text}
        onPointerEnter={() => void loadEvidence()}
        onClick={() => openPanel('agreement')}
      >
        <Icon name={icon} />
        <span>
          {text.slice(0, text.length - steps.length)}
          <span className="badge-steps">{steps}</span>
        </span>
      </button>
      <Suspense fallback={null}>
        {!open ? null : run.selftest === undefined ? (
          <Evidence run={run} onClose={close} />
        ) : (
          <SelftestEvidence run={run} report={run.selftest} onClose={close} />
        )}
      </Suspense>
    </>
  );
};
