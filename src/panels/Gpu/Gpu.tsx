import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { GpuStateView } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { formatCount, formatCounted } from '../../ui/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Term } from '../../ui/Term.tsx';
import { Waiting } from '../../ui/Waiting.tsx';
import { gpuPanel } from '../../words/index.ts';
import { Eviction } from './Eviction.tsx';
import { Preset } from './Preset.tsx';
import { Ranges } from './Ranges.tsx';
import { pagesText, stopReasons, userptrState } from './rows.ts';
import { Vram } from './Vram.tsx';
import './gpu.css';

const QUERY = { view: 'gpu' } as const;

/** VRAM and who has it, the processes on the GPUs, and their ranges of shared virtual memory. */
export const Gpu = () => {
  const view = useView(QUERY);
  return (
    <section className="gpu" aria-labelledby="gpu-heading">
      <h2 id="gpu-heading" className="heading">
        GPU
      </h2>
      <Preset />
      {view === undefined ? <Waiting /> : view.hasDriver ? <State view={view} /> : <None />}
    </section>
  );
};

/** Where there is one. */
const None = () => {
  const { openPanel } = useActions();
  return (
    <>
      <p className="muted">{gpuPanel.none}</p>
      <p className="gpu-choose">
        <Button onClick={() => openPanel('scenarios')}>Choose a scene</Button>
      </p>
    </>
  );
};

const State = ({ view }: { readonly view: GpuStateView }) => (
  <>
    <NeverShipped />
    {view.gpus.length === 0 ? <p className="muted">{gpuPanel.noDriver}</p> : null}
    <Seekers view={view} />
    <Eviction eviction={view.eviction} />
    <Processes view={view} />
    <Userptrs view={view} />
    {view.gpus.map((gpu) => (
      <Vram key={gpu.device} gpu={gpu} bos={view.bos} />
    ))}
    <Ranges view={view} />
  </>
);

/** In a world in which long-term pins stay in VRAM: that it is none of the kernel's. */
const NeverShipped = () => {
  const policy = useApp((state) => state.scenario.run?.kernel.longtermPolicy ?? 'on');
  if (policy === 'on') return null;
  return (
    <p className="gpu-note">
      <span className="gpu-tag">hypothetical</span> {gpuPanel.neverShipped[policy]}
    </p>
  );
};

/** Who needs VRAM right now. */
const Seekers = ({ view: { bos } }: { readonly view: GpuStateView }) => {
  const seekers = bos.filter(({ seeking }) => seeking);
  const victim = bos.find(({ fence }) => fence === 'waiting');
  if (seekers.length === 0) return null;
  return (
    <ul className="gpu-seekers">
      {seekers.map(({ id, name, process, npages, device }) => (
        <li key={id}>
          <Icon name="search" />{' '}
          <span>
            <b>{process}</b> {gpuPanel.seeking} on GPU {device}: {pagesText(npages)}
            {name === '' ? '' : ` for ${name}`}
            {victim === undefined ? '' : `; ${gpuPanel.fence.waiting} of #${victim.id}`}
          </span>
        </li>
      ))}
    </ul>
  );
};

const QUEUE_ICONS = { run: 'play', stopped: 'pause', dead: 'close' } as const;

const Processes = ({ view: { processes, copies } }: { readonly view: GpuStateView }) => {
  if (processes.length === 0) return <p className="muted">{gpuPanel.noProcess}</p>;
  return (
    <section className="gpu-processes" aria-labelledby="gpu-processes-heading">
      <h3 id="gpu-processes-heading">Processes on the GPUs</h3>
      <ul>
        {processes.map((process) => (
          <li key={process.name}>
            <b>{process.name}</b>{' '}
            <span className="gpu-queues" data-queues={process.queues}>
              <Icon name={QUEUE_ICONS[process.queues]} />
              {gpuPanel.queues[process.queues]}
            </span>{' '}
            <span className="muted">
              <Term id="xnack">XNACK</Term> {process.xnack ? 'on' : 'off'}
            </span>
            {stopReasons(process).map((reason) => (
              <span key={reason} className="gpu-reason">
                {reason}
              </span>
            ))}
            {process.counters
              .filter(({ faults, pagesIn, pagesOut }) => faults + pagesIn + pagesOut > 0)
              .map(({ device, faults, pagesIn, pagesOut }) => (
                <span key={device} className="gpu-counters">
                  GPU {device}: {formatCounted(faults, 'fault')}, {pagesText(pagesIn)} in,{' '}
                  {formatCount(pagesOut)} out
                </span>
              ))}
          </li>
        ))}
      </ul>
      <p className="gpu-copies">
        <span>
          DMA (<Term id="sdma">SDMA</Term>)
          {copies.chunks === 0
            ? ': nothing copied in this step.'
            : ` in this step: ${pagesText(copies.toVram)} to VRAM, ${pagesText(copies.toSystem)} home, in ${formatCount(copies.chunks)} ${copies.chunks === 1 ? 'copy' : 'copies'}.`}
        </span>
      </p>
    </section>
  );
};

/** Memory of processes that is a buffer object of compute. */
const Userptrs = ({ view: { userptrs } }: { readonly view: GpuStateView }) => {
  if (userptrs.length === 0) return null;
  return (
    <section className="gpu-userptrs" aria-labelledby="gpu-userptrs-heading">
      <h3 id="gpu-userptrs-heading">{gpuPanel.userptrs}</h3>
      <p className="muted">{gpuPanel.userptr}</p>
      <ul>
        {userptrs.map((bo) => (
          <li key={bo.id} data-stale={bo.invalid > 0}>
            <b>{bo.process}</b> “{bo.name}” on GPU {bo.device}: <code>{bo.first}</code>,{' '}
            {pagesText(bo.npages)}
            <span className="gpu-reason">{userptrState(bo)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
};
