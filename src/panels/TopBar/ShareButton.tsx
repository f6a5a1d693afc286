import { useEffect } from 'react';
import type { ShareSlice } from '../../store/share.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { IconButton } from '../../ui/Button.tsx';

const LABELS: Readonly<Record<ShareSlice['copied'], string>> = {
  none: 'Share this moment',
  copied: 'Link copied; nothing was uploaded',
  refused: 'Not allowed here: copy it from the address bar',
};
const SAID_MS = 4000;

/** To the dialog that hands this moment on; it also says what became of a link that was copied without it. */
export const ShareButton = () => {
  const outcome = useApp((state) => state.share.copied);
  const isOpen = useApp((state) => state.viewport.openPanel === 'share');
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const { openPanel, forgetCopied } = useActions();
  useEffect(() => {
    if (outcome === 'none') return;
    const timer = setTimeout(forgetCopied, SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome, forgetCopied]);
  // the dialog says by itself what was copied in it
  const said = isOpen ? 'none' : outcome;
  return (
    <>
      <IconButton
        icon={said === 'copied' ? 'check' : 'link'}
        label={LABELS[said]}
        disabled={!hasRun}
        aria-haspopup="dialog"
        onClick={() => openPanel('share')}
      />
      <span className="hidden-visually" role="status">
        {said === 'none' ? '' : LABELS[said]}
      </span>
    </>
  );
};
