import { type FocusEvent, useEffect, useId, useState } from 'react';
import { PARAMETERS } from '../../store/url-state.ts';
import { runTitle } from '../../store/run-title.ts';
import type { EmbedChoices, Shared, Written } from '../../store/share.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { Select } from '../../ui/Select.tsx';
import { parameterWords, shareWords, textPieces } from '../../words/index.ts';
import { EMBED_SIZES, embedSnippet, type EmbedSize, LONG_CHARS, scenarioFile } from './forms.ts';
import './share-dialog.css';

const THEMES = [
  { value: 'system', label: 'As the reader’s system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
] as const;

const selectAll = ({ currentTarget }: FocusEvent<HTMLInputElement | HTMLTextAreaElement>): void =>
  currentTarget.select();

interface TextFieldProps {
  readonly what: Shared;
  readonly label: string;
  readonly text: string;
  readonly first?: boolean;
  readonly rows?: number;
}

/** A text to take along, with the button that does so. */
const TextField = ({ what, label, text, first = false, rows }: TextFieldProps) => {
  const id = useId();
  const { copyText } = useActions();
  const outcome = useApp(({ share }) => (share.what === what ? share.copied : 'none'));
  const field = { id, readOnly: true, value: text, onFocus: selectAll, spellCheck: false } as const;
  return (
    <div className="share-field">
      <label className="share-label" htmlFor={id}>
        {label}
      </label>
      <div className="share-row">
        {rows === undefined ? <input type="text" {...field} /> : <textarea rows={rows} {...field} />}
        <Button
          icon={outcome === 'copied' ? 'check' : 'link'}
          aria-label={`Copy: ${label}`}
          {...(first ? { 'data-first': true } : {})}
          onClick={() => void copyText(what, text)}
        >
          {outcome === 'copied' ? 'Copied' : 'Copy'}
        </Button>
      </div>
      <p className="share-outcome" role="status">
        {outcome === 'none' ? (
          ''
        ) : outcome === 'copied' ? (
          <span className="hidden-visually">Copied</span>
        ) : (
          shareWords.refused
        )}
      </p>
    </div>
  );
};

interface ParameterRow {
  readonly name: string;
  /** As it stands, or can be typed, in an address. */
  readonly text: string;
}

const ParameterTable = ({
  head,
  rows,
}: {
  readonly head: string;
  readonly rows: readonly ParameterRow[];
}) => (
  <table className="share-parameters">
    <thead className="hidden-visually">
      <tr>
        <th scope="col">{head}</th>
        <th scope="col">What it means</th>
      </tr>
    </thead>
    <tbody>
      {rows.map(({ name, text }) => (
        <tr key={`${name} ${text}`}>
          <th scope="row">
            <code>{text}</code>
          </th>
          <td>
            <Prose plain pieces={textPieces(parameterWords[name]?.about ?? '')} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Parameters = ({ written: { parameters } }: { readonly written: Written }) => {
  const said = new Set<string>(parameters.map(([name]) => name));
  const others = PARAMETERS.filter((name) => !said.has(name));
  return (
    <>
      <section className="share-section">
        <h3 className="heading">{shareWords.parameters}</h3>
        <ParameterTable
          head="Parameter"
          rows={parameters.map(([name, value]) => ({ name, text: `${name}=${value}` }))}
        />
        <p className="muted">
          <Prose plain pieces={textPieces(shareWords.packed)} />
        </p>
      </section>
      <details className="share-section">
        <summary className="share-others">{shareWords.others}</summary>
        <ParameterTable
          head="Example"
          rows={others.map((name) => ({ name, text: parameterWords[name]?.example ?? '' }))}
        />
      </details>
    </>
  );
};

/** Gives a text to the browser as a file. */
const save = (name: string, text: string): void => {
  const href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
  URL.revokeObjectURL(href);
};

/** The moment as a link, as a frame for another page, and what its address says. */
export const ShareDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const written = useApp((state) => state.share.written);
  const theme = useApp((state) => state.settings.theme);
  const title = useApp(runTitle) ?? '';
  const own = useApp(({ scenario }) => scenarioFile(scenario.given, scenario.added));
  const { writeShare, forgetShare } = useActions();
  const [choices, setChoices] = useState<EmbedChoices>({ controls: 'all', calm: false, theme });
  const [size, setSize] = useState<EmbedSize>('960x540');
  useEffect(() => {
    void writeShare(choices);
  }, [writeShare, choices]);
  useEffect(() => forgetShare, [forgetShare]);
  return (
    <Dialog title={shareWords.title} onClose={onClose}>
      <div className="share scroll" tabIndex={-1}>
        <p className="share-promise">{shareWords.promise}</p>
        <section className="share-section">
          <TextField what="link" label={shareWords.link} text={written?.link ?? ''} first />
          {written?.short === undefined ? null : (
            <TextField what="short" label={shareWords.short} text={written.short} />
          )}
          {written === undefined || written.link.length <= LONG_CHARS ? null : (
            <p className="share-long">
              {shareWords.long}{' '}
              {own === undefined ? null : (
                <Button icon="file" onClick={() => save('scenario.json', own)}>
                  {shareWords.save}
                </Button>
              )}
            </p>
          )}
        </section>
        <section className="share-section">
          <h3 className="heading">{shareWords.embed}</h3>
          <p>{shareWords.embedAbout}</p>
          <div className="share-choices">
            <Select
              label="Size of the frame"
              value={size}
              onChange={(chosen) => setSize(EMBED_SIZES.find(({ value }) => value === chosen)?.value ?? size)}
            >
              {EMBED_SIZES.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
            <Segmented
              label="Theme of the frame"
              options={THEMES}
              value={choices.theme}
              onChange={(chosen) => setChoices({ ...choices, theme: chosen })}
            />
            <label className="share-check">
              <input
                type="checkbox"
                checked={choices.controls === 'min'}
                onChange={({ target }) =>
                  setChoices({ ...choices, controls: target.checked ? 'min' : 'all' })
                }
              />
              Fewer controls
            </label>
            <label className="share-check">
              <input
                type="checkbox"
                checked={choices.calm}
                onChange={({ target }) => setChoices({ ...choices, calm: target.checked })}
              />
              Reduced motion
            </label>
          </div>
          <TextField
            what="embed"
            label="HTML"
            text={written === undefined ? '' : embedSnippet(written.embed, title, size)}
            rows={4}
          />
          <p>
            <a href={written?.embed} target="_blank" rel="noopener">
              Look at it in a new tab
            </a>
          </p>
        </section>
        {written === undefined ? null : <Parameters written={written} />}
      </div>
    </Dialog>
  );
};
