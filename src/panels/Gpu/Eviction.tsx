import { useActions } from '../../store/use-app.ts';
import type { GpuStateView } from '../../store/views.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { evictionPanel, evictionStations, textPieces } from '../../words/index.ts';

/** Between a request for VRAM and its answer: the stations of the step, and how far it has come. */
export const Eviction = ({ eviction: { stations, more } }: Pick<GpuStateView, 'eviction'>) => {
  const { seek } = useActions();
  if (stations.length === 0) return null;
  const now = stations.findLastIndex(({ isDone }) => isDone);
  return (
    <section className="gpu-eviction" aria-labelledby="gpu-eviction-heading">
      <h3 id="gpu-eviction-heading">{evictionPanel.heading}</h3>
      <p className="muted">{evictionPanel.about}</p>
      <ol>
        {stations.map(({ station, npages, holders, position, isDone }, i) => (
          <li key={position} data-done={isDone} aria-current={i === now ? 'step' : undefined}>
            <Icon name={isDone ? 'check' : 'arrow'} />
            <button type="button" onClick={() => void seek(position)}>
              <Prose
                pieces={textPieces(evictionStations[station](npages, holders && { ...holders }))}
                plain
              />
              <span className="hidden-visually">{isDone ? ' (done)' : ' (to come)'}</span>
            </button>
          </li>
        ))}
      </ol>
      {more === 0 ? null : <p className="muted">{evictionPanel.more(more)}</p>}
    </section>
  );
};
