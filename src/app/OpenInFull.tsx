import { useActions, useApp } from '../store/use-app.ts';
import { Icon } from '../ui/Icon.tsx';
import './embed.css';

/** From a frame in another page to this moment with all panels, in a window of its own. */
export const OpenInFull = () => {
  const full = useApp((state) => state.embed.full);
  const { openInFull } = useActions();
  return (
    <a
      className="button button-line open-in-full"
      href={full === '' ? './' : full}
      target="_blank"
      rel="noopener"
      onClick={(event) => {
        // the address follows a moment behind; with a key held down, the browser knows better where to open it
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        void openInFull();
      }}
    >
      Open in full
      <Icon name="arrow" />
    </a>
  );
};
