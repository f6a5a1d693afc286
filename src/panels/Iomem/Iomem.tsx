import { type ReactNode, useId } from 'react';
import { useView } from '../../store/use-view.ts';
import type { IomemView } from '../../store/views.ts';
import { formatCount } from '../../ui/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Waiting } from '../../ui/Waiting.tsx';
import { iomemWords, textPieces } from '../../words/index.ts';
import { Registration } from './Registration.tsx';
import { bytesText, type CardState, cardStates, iomemLines, latestOf, rangeText, sumsOf } from './rows.ts';
import './iomem.css';

const QUERY = { view: 'iomem' } as const;

/** From the firmware's map to VRAM that can be used, as far as it has come. */
export const Iomem = () => {
  const view = useView(QUERY);
  return (
    <section className="iomem" aria-labelledby="iomem-heading">
      <h2 id="iomem-heading" className="heading">
        From firmware to usable VRAM
      </h2>
      {view === undefined ? <Waiting /> : <Way view={view} />}
    </section>
  );
};

const Way = ({ view }: { readonly view: IomemView }) => {
  const [efi, e820, iomem, memory, driver] = cardStates(view);
  const sums = sumsOf(view);
  const isBoot = driver === 'later';
  const registrations = latestOf(view.registrations);
  const hasRefused = registrations.some(({ outcome }) => outcome === 'refused');
  const own = new Set(registrations.map(({ device }) => device));
  return (
    <ol className="iomem-way">
      <Card title={iomemWords.efi.title} about={iomemWords.efi.about} state={efi} sum={sums.efi}>
        <ul className="iomem-ranges">
          {view.efi.map(({ start, npages, specialPurpose }) => (
            <li key={start} data-kind={specialPurpose ? 'soft-reserved' : 'ram'}>
              <code>{rangeText(start, npages)}</code>
              <span>
                {bytesText(npages)}
                {specialPurpose ? <code className="iomem-flag">EFI_MEMORY_SP</code> : null}
              </span>
            </li>
          ))}
        </ul>
      </Card>
      <Card
        title={iomemWords.e820.title}
        about={view.softReserve ? iomemWords.e820.about : iomemWords.e820.ignored}
        state={e820}
        sum={sums.e820}
        warns={!view.softReserve}
      >
        <ul className="iomem-ranges">
          {view.e820.map(({ start, npages, type }) => (
            <li key={start} data-kind={type === 'E820_TYPE_SOFT_RESERVED' ? 'soft-reserved' : 'ram'}>
              <code>{rangeText(start, npages)}</code>
              <span>
                {bytesText(npages)}{' '}
                <code>{type === 'E820_TYPE_SOFT_RESERVED' ? 'SOFT_RESERVED' : 'RAM'}</code>
              </span>
            </li>
          ))}
        </ul>
      </Card>
      <Card
        title={iomemWords.iomem.title}
        about={iomemWords.iomem.about}
        state={iomem}
        sum={sums.iomem}
        stays={isBoot}
      >
        {view.text === '' ? (
          <p className="muted">{iomemWords.iomem.empty}</p>
        ) : (
          <pre className="iomem-text scroll" tabIndex={0} aria-label="/proc/iomem">
            {iomemLines(view.text).map(({ text, kind }) => (
              <span key={text} data-kind={kind}>
                {text}
                {'\n'}
              </span>
            ))}
          </pre>
        )}
      </Card>
      <Card
        title={iomemWords.memory.title}
        about={iomemWords.memory.about}
        state={memory}
        sum={sums.memory}
        stays={isBoot}
      >
        {view.managedPages === 0 ? (
          <p className="muted">{iomemWords.memory.empty}</p>
        ) : (
          <dl className="iomem-facts">
            <dt>MemTotal</dt>
            <dd>{bytesText(view.managedPages)}</dd>
            <dt>MemFree</dt>
            <dd>{bytesText(view.freePages)}</dd>
            {view.deviceZones.map(({ node, spanned }) => (
              <div key={node} className="iomem-zone">
                <dt>
                  node {node}, <code>ZONE_DEVICE</code>
                </dt>
                <dd>spans {bytesText(spanned)}, none present</dd>
              </div>
            ))}
          </dl>
        )}
      </Card>
      <Card
        title={iomemWords.driver.title}
        about={iomemWords.driver.about}
        state={driver}
        sum={sums.driver}
        warns={hasRefused}
        wide
        stays
      >
        {registrations.length + view.pgmaps.length === 0 ? (
          <p className="muted">{iomemWords.driver.empty}</p>
        ) : (
          <ul className="iomem-gpus">
            {registrations.map((each) => (
              <Registration
                key={each.device}
                registration={each}
                pgmap={view.pgmaps.find(({ device }) => device === each.device)}
              />
            ))}
            {view.pgmaps
              .filter(({ device }) => !own.has(device))
              .map(({ device, type, start, npages, pagesInUse }) => (
                <li key={`${device} ${start}`} className="iomem-gpu">
                  <h4>
                    Device {device} <code>{type}</code>
                  </h4>
                  <p>
                    <code>{rangeText(start, npages)}</code> {bytesText(npages)}, {formatCount(pagesInUse)}{' '}
                    pages in use
                  </p>
                </li>
              ))}
          </ul>
        )}
      </Card>
    </ol>
  );
};

interface CardProps {
  readonly title: string;
  readonly about: string;
  readonly state: CardState | undefined;
  /** All of it in a few words. */
  readonly sum: string;
  /** It stays open when it is done. */
  readonly stays?: boolean;
  readonly warns?: boolean;
  readonly wide?: boolean;
  readonly children: ReactNode;
}

/** A station on the way. What has not happened yet is only named. */
const Card = ({
  title,
  about,
  state = 'later',
  sum,
  stays = false,
  warns = false,
  wide = false,
  children,
}: CardProps) => {
  const id = useId();
  return (
    <li
      className="iomem-card"
      data-state={state}
      data-wide={wide}
      aria-labelledby={id}
      aria-current={state === 'now' ? 'step' : undefined}
    >
      <details key={state} open={state === 'now' || (state === 'done' && stays)}>
        <summary>
          <h3 id={id} className="iomem-title">
            <span className="iomem-dot" aria-hidden="true">
              {state === 'done' ? <Icon name="check" /> : null}
            </span>
            {title} <span className="iomem-state">{iomemWords.states[state]}</span>
          </h3>
          <span className="iomem-sum">
            {warns ? <Icon name="warning" /> : null} {state === 'later' ? '' : sum}
          </span>
        </summary>
        <p className="iomem-about">
          <Prose pieces={textPieces(about)} />
        </p>
        {state === 'later' ? null : children}
      </details>
    </li>
  );
};
