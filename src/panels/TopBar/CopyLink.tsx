import { useEffect, useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import { IconButton } from '../../ui/Button.tsx';

type Outcome = 'none' | 'copied' | 'refused';

const LABELS: Readonly<Record<Outcome, string>> = {
  none: 'Copy a link to this moment',
  copied: 'Link copied; nothing was uploaded',
  refused: 'Not allowed here: copy it from the address bar',
};

/** The address always leads to what is shown; this puts it on the clipboard. */
export const CopyLink = () => {
  const [outcome, setOutcome] = useState<Outcome>('none');
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  useEffect(() => {
    if (outcome === 'none') return;
    const timer = setTimeout(() => setOutcome('none'), 4000);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = () => {
    navigator.clipboard.writeText(location.href).then(
      () => setOutcome('copied'),
      () => setOutcome('refused'),
    );
  };
  return (
    <>
      <IconButton
        icon={outcome === 'copied' ? 'check' : 'link'}
        label={LABELS[outcome]}
        disabled={!hasRun}
        onClick={copy}
      />
      <span className="hidden-visually" role="status">
        {outcome === 'none' ? '' : LABELS[outcome]}
      </span>
    </>
  );
};
