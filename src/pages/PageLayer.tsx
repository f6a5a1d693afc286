import { Component, createElement, lazy, type ReactNode, Suspense, useEffect, useRef } from 'react';
import { useActions, useApp } from '../store/use-app.ts';
import { Button } from '../ui/Button.tsx';
import { PAGES, pageOf } from './list.ts';
import { PageList } from './PageMenu.tsx';
import './page-layer.css';

const CONTENTS: ReadonlyMap<string, ReactNode> = new Map(
  PAGES.map(({ id, load }) => [id, createElement(lazy(load))]),
);

/**
 * A document over the run: what lies below stays as it is, out of sight and out of reach. Esc and the button lead back,
 * and so does the browser.
 */
export const PageLayer = () => {
  const id = useApp((state) => state.page.page);
  const run = useApp((state) => state.scenario.run?.title);
  const { closePage } = useActions();
  const heading = useRef<HTMLHeadingElement>(null);
  const entry = pageOf(id);
  const content = CONTENTS.get(id);

  useEffect(() => {
    const before = document.activeElement;
    heading.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);

  return (
    <main className="page-layer" aria-labelledby="page-title">
      <div className="page-scroll scroll" tabIndex={-1}>
        <header className="page-header">
          <Button look="line" icon="previous" onClick={closePage}>
            {run === undefined ? 'Back to the app' : 'Back to the run'}
          </Button>
          <h2 id="page-title" ref={heading} tabIndex={-1}>
            {entry?.title ?? 'No such page'}
          </h2>
        </header>
        {content === undefined ? (
          <div className="page-missing">
            <p>
              There is no page <code>{id}</code>. These are here:
            </p>
            <PageList onOpen={() => undefined} />
          </div>
        ) : (
          <LoadFailure key={id}>
            <Suspense fallback={<p className="page-loading">Loading the page…</p>}>{content}</Suspense>
          </LoadFailure>
        )}
      </div>
    </main>
  );
};

/** Says that the chunk of a page could not be fetched, instead of showing nothing at all. */
class LoadFailure extends Component<{ readonly children: ReactNode }, { readonly reason: string }> {
  override state = { reason: '' };

  static getDerivedStateFromError(error: unknown): { readonly reason: string } {
    return { reason: String(error) };
  }

  override render(): ReactNode {
    const { reason } = this.state;
    if (reason === '') return this.props.children;
    return <p className="page-loading">This page could not be loaded: {reason}</p>;
  }
}
