import { useActions, useApp } from '../store/use-app.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { PAGES } from './list.ts';
import './page-menu.css';

/** The documents, each with what one finds there. */
export const PageList = ({ onOpen }: { readonly onOpen: () => void }) => {
  const { openPage } = useActions();
  const open = useApp((state) => state.page.page);
  return (
    <ul className="page-list">
      {PAGES.map(({ id, title, about }) => (
        <li key={id}>
          <button
            type="button"
            className="page-entry"
            aria-current={id === open ? 'page' : undefined}
            onClick={() => {
              onOpen();
              openPage(id);
            }}
          >
            <span className="page-entry-title">{title}</span>
            <span className="page-entry-about">{about}</span>
          </button>
        </li>
      ))}
    </ul>
  );
};

/** Opened from the top bar. */
export const PageMenu = () => {
  const { openPanel } = useActions();
  const close = () => openPanel('');
  return (
    <Dialog title="Pages to read" onClose={close}>
      <PageList onOpen={close} />
    </Dialog>
  );
};
