import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { IconButton } from './Button.tsx';
import './dialog.css';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  /** `wide`: with room for two columns. `side`: along the right edge. `top`: where a list below a field can change its length. */
  readonly place?: 'center' | 'wide' | 'side' | 'top';
}

/**
 * A modal dialog: the native one, which keeps the focus inside and gives it back. Mount it to open it.
 * What has `data-first` gets the focus.
 */
export const Dialog = ({ title, onClose, children, place = 'center' }: DialogProps) => {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();

  // while it is still in the document: only then does closing it give the focus back
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog === null || dialog.open) return;
    dialog.showModal();
    dialog.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => {
      dialog.close();
      // what opened it may have gone meanwhile, such as the splitter of a panel that was hidden
      requestAnimationFrame(() => {
        if (document.activeElement === document.body)
          document.getElementById('caption')?.focus({ preventScroll: true });
      });
    };
  }, []);

  return (
    <dialog
      ref={ref}
      className={`dialog dialog-${place}`}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <div className="dialog-body">
        <div className="dialog-header">
          <h2 id={titleId}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </div>
        {children}
      </div>
    </dialog>
  );
};
