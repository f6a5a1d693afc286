import { lazy, Suspense } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Icon } from '../../ui/Icon.tsx';
import { kernelWords } from '../../words/index.ts';

/** Loaded when somebody points at its button. */
const loadDialog = () => import('./KernelDialog.tsx').then((m) => ({ default: m.KernelDialog }));
const KernelDialog = lazy(loadDialog);

/** On which kernel the scenario runs: the patches of the series and the switches. */
export const KernelPicker = () => {
  const run = useApp((state) => state.scenario.run);
  const open = useApp((state) => state.viewport.openPanel === 'kernel');
  const { openPanel } = useActions();
  if (run === undefined) return null;
  const words = kernelWords(run.kernel);
  return (
    <>
      <button
        type="button"
        className="button button-line top-kernel"
        aria-haspopup="dialog"
        aria-label={`Kernel: ${words}`}
        onPointerEnter={() => void loadDialog()}
        onFocus={() => void loadDialog()}
        onClick={() => openPanel('kernel')}
      >
        <Icon name="patches" />
        <span className="top-kernel-words">
          <span className="top-kernel-label">Kernel: </span>
          {words}
        </span>
        <Icon name="down" />
      </button>
      <Suspense fallback={null}>
        {open ? <KernelDialog run={run} onClose={() => openPanel('')} /> : null}
      </Suspense>
    </>
  );
};
