import { Suspense, useContext, useRef } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { AtOnce, useTurn } from '../../store/use-turn.ts';
import { IconButton } from '../../ui/Button.tsx';
import { Split } from '../../ui/Split.tsx';
import { Tabs } from '../../ui/Tabs.tsx';
import type { Group, Layout } from '../../store/layout.ts';
import { usePrinting } from '../../ui/use-media.ts';
import { arrange, arrangeStage, type FrameNode, restOnPaper, type Room } from './arrange.ts';
import { type PanelEntry, PANELS } from './panels.ts';
import { InTurn } from './InTurn.tsx';
import { LIMITS, splitterOf } from './presets.ts';
import type { SplitterId } from '../../store/layout.ts';
import { useRoom } from './use-room.ts';
import './frame.css';

type PanelNode = FrameNode<PanelEntry>;
type SplitNode = Extract<PanelNode, { readonly kind: 'split' }>;
type AreaNode = Extract<PanelNode, { readonly kind: 'area' }>;

interface FrameProps {
  readonly room: Room;
  /** Group that is shown where there is no room for all. */
  readonly shown: Group;
}

/** The panels, as they are arranged now; on paper the others of the view, too, behind those that are painted already. */
export const Frame = ({ room, shown }: FrameProps) => {
  const layout = useApp((state) => state.layout);
  const embedded = useApp((state) => state.embed.embedded);
  const printing = usePrinting() && !embedded;
  // what stands around the panels has its work in the frame before
  const isUp = useTurn();
  if (!isUp) return null;
  const root = (embedded ? arrangeStage : arrange)(PANELS, layout, room, shown);
  return (
    <>
      {root === undefined ? null : <NodeView node={root} />}
      {printing ? (
        <AtOnce value={true}>
          {restOnPaper(PANELS, layout, room, shown).map((node) => (
            <NodeView key={nameOf(node)} node={node} />
          ))}
        </AtOnce>
      ) : null}
    </>
  );
};

const nameOf = (node: PanelNode): string => {
  switch (node.kind) {
    case 'split':
      return node.id;
    case 'area':
      return node.area;
    case 'flow':
      return 'flow';
  }
};

const NodeView = ({ node }: { readonly node: PanelNode }) => {
  switch (node.kind) {
    case 'split':
      return <SplitView node={node} />;
    case 'area':
      return <AreaView node={node} />;
    case 'flow':
      return (
        // it scrolls by keys, too, where nothing in it takes the focus
        <div className="flow scroll" role="group" aria-label="Panels below each other" tabIndex={0}>
          {node.parts.map((part) => (
            <NodeView key={nameOf(part)} node={part} />
          ))}
        </div>
      );
  }
};

/** Further panels are there because somebody opened them. */
const mostPercent = ({ preset }: Layout, id: SplitterId): number =>
  // where each of two columns has two panels, they share its height
  id === 'lower' ? (preset === 'debug' ? 44 : 35) : 33;
/** Commands and names of fields stay on one line in a window with room for that. */
const LEAST_BESIDE_PERCENT: Readonly<Partial<Record<SplitterId, number>>> = { left: 17, right: 20 };

const SplitView = ({ node }: { readonly node: SplitNode }) => {
  const { id, axis, sized, label, first, second } = node;
  const layout = useApp((state) => state.layout);
  const { resize, openSide } = useActions();
  const { size, open } = splitterOf(layout, id);
  const { min, max, close } = LIMITS[id];
  // in a low window, what a preset puts below others leaves them their share; a person may want it otherwise
  const isUsual = layout.sizes[id] === undefined;
  const isBelow = axis === 'y' && sized === 'second' && isUsual;
  // what is put away below leaves its tabs
  const isOpen = open || id === 'lower';
  return (
    <Split
      axis={axis}
      sized={sized}
      size={id === 'lower' && !open ? undefined : size}
      min={min}
      max={max}
      {...(isBelow ? { most: mostPercent(layout, id) } : {})}
      least={isUsual ? (LEAST_BESIDE_PERCENT[id] ?? 0) : 0}
      open={isOpen}
      canClose={close}
      label={label}
      onResize={(to) => resize(id, to)}
      onOpen={() => openSide(id, !open)}
      first={<NodeView node={first} />}
      second={<NodeView node={second} />}
    />
  );
};

/** Of what is put away the tabs stay: the focus goes there. */
const focusFront = (area: HTMLElement | null): void =>
  area?.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus();

const AreaView = ({ node: { area, panels, front } }: { readonly node: AreaNode }) => {
  const room = useRoom();
  // where it is the one group that is shown, there is nothing to put it away for
  const isAlone = room === 'phone' || room === 'narrow';
  const isOpen = useApp((state) => area !== 'lower' || splitterOf(state.layout, 'lower').open);
  const open = isOpen || isAlone;
  const { bringToFront, openSide } = useActions();
  const embedded = useApp((state) => state.embed.embedded);
  const strip = useRef<HTMLDivElement>(null);
  const inFront = panels.find(({ id }) => id === front);
  const body = inFront === undefined ? null : <PanelBody key={front} panel={inFront} />;
  if (embedded || (panels.length === 1 && area !== 'lower'))
    return (
      <div className="frame-area" data-area={area}>
        {body}
      </div>
    );
  return (
    <div ref={strip} className="frame-area" data-area={area}>
      <Tabs
        label={area === 'lower' ? 'Further panels' : `Panels beside ${panels[0]?.title ?? ''}`}
        tabs={panels}
        front={open ? front : undefined}
        onFront={(id) => {
          bringToFront(area, id);
          if (!isOpen) openSide('lower', true);
        }}
        end={
          area === 'lower' && open && !isAlone ? (
            <span className="tips-end">
              <IconButton
                icon="close"
                label="Put these panels away"
                onClick={() => {
                  focusFront(strip.current);
                  openSide('lower', false);
                }}
              />
            </span>
          ) : null
        }
      >
        {body}
      </Tabs>
    </div>
  );
};

const PanelBody = ({ panel: { id, component: Panel } }: { readonly panel: PanelEntry }) => {
  const atOnce = useContext(AtOnce);
  const panel = (
    <Suspense fallback={<p className="muted panel-loading">Loading…</p>}>
      <Panel />
    </Suspense>
  );
  return (
    <div className="panel scroll" data-panel={id}>
      {atOnce ? panel : <InTurn>{panel}</InTurn>}
    </div>
  );
};
