import { useState } from 'react';
import { useActions } from '../../store/use-app.ts';
import type { GpuBoView, GpuStateView } from '../../store/views.ts';
import { formatCount, formatCounted } from '../../ui/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Term } from '../../ui/Term.tsx';
import { gpuPanel, textPieces } from '../../words/index.ts';
import {
  bytesText,
  holdOf,
  type ObjectRun,
  objectRuns,
  objectsOf,
  pagesText,
  placeOf,
  vramBar,
} from './rows.ts';

interface VramProps {
  readonly gpu: GpuStateView['gpus'][number];
  readonly bos: readonly GpuBoView[];
}

/** The VRAM of a GPU: who has which part of it, and in which order they would have to go. */
export const Vram = ({ gpu, bos }: VramProps) => {
  const { device, model, coherent, hive, vramPages, freePages, registered } = gpu;
  const objects = objectsOf(gpu, bos);
  const { segments, nails } = vramBar(gpu, objects);
  const used = vramPages - freePages;
  return (
    <section className="gpu-vram" data-coherent={coherent} aria-labelledby={`gpu-${device}`}>
      <h3 id={`gpu-${device}`}>
        GPU {device}{' '}
        <small>
          {model},{' '}
          <Term id={coherent ? 'device-coherent' : 'device-private'}>
            {coherent ? 'coherent link' : 'private memory'}
          </Term>
          {hive === 0 ? null : (
            <>
              , <Term id="hive">hive {hive}</Term>
            </>
          )}
        </small>
      </h3>
      {registered ? null : (
        <p className="gpu-note">
          <Icon name="warning" /> <Prose pieces={textPieces(gpuPanel.unregistered)} />
        </p>
      )}
      <div
        className="gpu-bar"
        role="img"
        aria-label={`VRAM: ${pagesText(used)} of ${formatCount(vramPages)} taken, ${bytesText(freePages)} free`}
      >
        {segments.map(({ key, bo, kind, left, width }) => (
          <span
            key={key}
            className="gpu-segment"
            data-kind={kind}
            style={{ left: `${left}%`, width: `${width}%` }}
          >
            {width > 6 ? <span className="gpu-segment-name">#{bo}</span> : null}
          </span>
        ))}
        {nails.map(({ key, left, longterm }) => (
          <span key={key} className="gpu-nail" data-longterm={longterm} style={{ left: `${left}%` }} />
        ))}
      </div>
      <p className="gpu-fill">
        {bytesText(used)} of {bytesText(vramPages)} taken
      </p>
      {objects.length === 0 ? (
        <p className="muted">{gpuPanel.noObjects}</p>
      ) : (
        <ol
          className="gpu-objects"
          aria-label={`Buffer objects of GPU ${device}, ${gpuPanel.order.toLowerCase()} on top`}
        >
          {objectRuns(objects).map((run) => {
            const [bo] = run;
            if (bo === undefined) return null;
            return run.length === 1 ? (
              <Bo key={bo.id} bo={bo} isNext={bo.id === gpu.lru[0]} />
            ) : (
              <Run key={bo.id} run={run} />
            );
          })}
        </ol>
      )}
    </section>
  );
};

/** Of a run that is opened. */
const OBJECTS_OF_A_RUN = 64;

/** Plain objects behind each other in the order of eviction. */
const Run = ({ run }: { readonly run: ObjectRun }) => {
  const [open, setOpen] = useState(false);
  const [first] = run;
  const last = run.at(-1);
  if (first === undefined || last === undefined) return null;
  const sum = (of: (bo: GpuBoView) => number): number => run.reduce((all, bo) => all + of(bo), 0);
  const more = run.length - OBJECTS_OF_A_RUN;
  return (
    <li className="gpu-bo" data-kind={first.kind} data-place={first.place}>
      <span className="gpu-bo-sign" data-kind={first.kind} aria-hidden="true" />
      <details className="gpu-run" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <b>
            #{first.id} … #{last.id}
          </b>{' '}
          {formatCounted(run.length, 'object')} of ranges of {first.process},{' '}
          {pagesText(sum(({ npages }) => npages))} ({bytesText(sum(({ npages }) => npages))}) in VRAM,{' '}
          {formatCount(sum(({ pagesInUse }) => pagesInUse))} in use
        </summary>
        {open ? (
          <ol className="gpu-objects">
            {run.slice(0, OBJECTS_OF_A_RUN).map((bo) => (
              <Bo key={bo.id} bo={bo} isNext={false} />
            ))}
          </ol>
        ) : null}
        {open && more > 0 ? <p className="gpu-fill">and {formatCounted(more, 'object')} more</p> : null}
      </details>
    </li>
  );
};

const Bo = ({ bo, isNext }: { readonly bo: GpuBoView; readonly isNext: boolean }) => {
  const {
    id,
    name,
    kind,
    process,
    npages,
    place,
    pinned,
    fence,
    pagesInUse,
    seeking,
    swapped,
    evicting,
    held,
  } = bo;
  return (
    <li
      className="gpu-bo"
      data-kind={kind}
      data-place={place}
      data-evicting={place === 'vram' && (evicting || fence === 'waiting')}
    >
      <span className="gpu-bo-sign" data-kind={kind} aria-hidden="true" />
      <span>
        <b>#{id}</b> {gpuPanel.kinds[kind]} {process}
        {name === '' ? '' : ` “${name}”`}, {pagesText(npages)}
        {seeking || swapped ? ', ' : ' '}
        {placeOf(bo)}
        {kind === 'svm' && place === 'vram' ? `, ${formatCount(pagesInUse)} in use` : ''}
      </span>
      <span className="gpu-bo-state">
        {isNext && place === 'vram' && !pinned ? (
          <span className="gpu-tag">{gpuPanel.order.toLowerCase()}</span>
        ) : null}
        {pinned ? <span className="gpu-tag">{gpuPanel.ttmPin}</span> : null}
        {fence === 'none' || place !== 'vram' ? null : (
          <span className="gpu-tag" data-fence={fence}>
            <Term id="eviction-fence">{gpuPanel.fence[fence]}</Term>
          </span>
        )}
        {evicting && place === 'vram' ? <span className="gpu-tag">{gpuPanel.evicting}</span> : null}
      </span>
      {held.map((hold) => (
        <Held key={`${hold.handle} ${hold.pfn}`} bo={bo} hold={hold} />
      ))}
    </li>
  );
};

/** A page that somebody holds, where it is in the way. */
const Held = ({ bo, hold }: { readonly bo: GpuBoView; readonly hold: GpuBoView['held'][number] }) => {
  const { select } = useActions();
  const { pfn, page, handle, process } = hold;
  const why = holdOf(bo, hold);
  return (
    <p className="gpu-held" data-why={why}>
      <Icon name="warning" />{' '}
      <span>
        {why === 'aliased' ? <b className="gpu-aliased">{gpuPanel.aliased}</b> : null}{' '}
        <button type="button" className="gpu-page" onClick={() => select({ kind: 'page', pfn })}>
          {page === '' ? `0x${pfn.toString(16)}` : page}
        </button>{' '}
        (<code>{handle}</code> of {process}) {gpuPanel.blocks[why]}.
      </span>
    </p>
  );
};
