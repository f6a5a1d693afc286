import { useEffect } from 'react';
import type { ShareSlice } from '../../store/share.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { IconButton } from '../../ui/Button.tsx';

const LABELS: Readonly<Record<ShareSlice['copied'], string>> = {
  none: 'Copy a link to this moment',
  copied: 'Link copied; nothing was uploaded',
  refused: 'Not allowed here: copy it from the address bar',
};
const SAID_MS = 4000;

/** The address always leads to what is shown; this puts it on the clipboard. */
export const CopyLink = () => {
  const outcome = useApp((state) => state.share.copied);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const { copyLink, forgetCopied } = useActions();
  useEffect(() => {
    if (outcome === 'none') return;
    const timer = setTimeout(forgetCopied, SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome, forgetCopied]);
  return (
    <>
      <IconButton
        icon={outcome === 'copied' ? 'check' : 'link'}
        label={LABELS[outcome]}
        disabled={!hasRun}
        onClick={() => void copyLink()}
      />
      <span className="hidden-visually" role="status">
        {outcome === 'none' ? '' : LABELS[outcome]}
      </span>
    </>
  );
};
