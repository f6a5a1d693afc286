import { type ReactNode, useEffect, useRef } from 'react';
import { useActions, useApp } from '../store/use-app.ts';
import './document.css';

export interface DocumentSection {
  /** In the address: `?page=model/gup`. Small letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  readonly body: ReactNode;
}

interface DocumentProps {
  /** What the page is about, before its first heading. */
  readonly lead: ReactNode;
  readonly sections: readonly DocumentSection[];
  /** Beside the title of a section in the table of contents: how many rows it has. */
  readonly count?: (section: string) => number;
}

/** A document with a table of contents. Its section stands in the address. */
export const Document = ({ lead, sections, count }: DocumentProps) => {
  const { page, section } = useApp((state) => state.page);
  const { openPage } = useActions();
  const body = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (section === '') return;
    const heading = body.current?.querySelector<HTMLElement>(`#section-${CSS.escape(section)}`);
    heading?.scrollIntoView({ block: 'start' });
    heading?.focus({ preventScroll: true });
  }, [section]);

  return (
    <div className="document">
      <nav className="document-contents" aria-label="Contents">
        <h3 className="heading">Contents</h3>
        <ul>
          {sections.map(({ id, title }) => (
            <li key={id}>
              <button
                type="button"
                aria-current={id === section ? 'location' : undefined}
                onClick={() => openPage(page, id)}
              >
                <span>{title}</span>
                {count === undefined ? null : <span className="muted">{count(id)}</span>}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <div className="document-body" ref={body}>
        <div className="document-lead">{lead}</div>
        {sections.map(({ id, title, body: content }) => (
          <section key={id} aria-labelledby={`section-${id}`}>
            <h3 id={`section-${id}`} tabIndex={-1}>
              {title}
            </h3>
            {content}
          </section>
        ))}
      </div>
    </div>
  );
};
