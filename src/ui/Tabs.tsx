import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import './tabs.css';

export interface Tab {
  readonly id: string;
  readonly title: string;
  /** A word of the title, for a strip in which not all titles find room. */
  readonly short?: string;
  readonly icon: IconName;
}

interface TabsProps {
  readonly label: string;
  readonly tabs: readonly Tab[];
  /** Tab in front; undefined: none, only the strip is there. */
  readonly front: string | undefined;
  readonly onFront: (id: string) => void;
  /** What else stands in the strip, at its end. */
  readonly end?: ReactNode;
  readonly children: ReactNode;
}

/** Panels that share a place: a strip of tabs, and the panel in front. Arrow keys, Home and End go along the strip. */
export const Tabs = ({ label, tabs, front, onFront, end, children }: TabsProps) => {
  const id = useId();
  const strip = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...(strip.current?.querySelectorAll<HTMLElement>('[role=tab]') ?? [])];
    const at = buttons.findIndex((button) => button === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = buttons[(to + buttons.length) % buttons.length];
    next?.focus();
    if (front !== undefined) next?.click();
  };
  return (
    <div className="tabs" data-open={front !== undefined}>
      <div className="tabs-head">
        <div
          ref={strip}
          role="tablist"
          aria-label={label}
          className="tabs-strip scroll"
          onKeyDown={onKeyDown}
        >
          {tabs.map((tab, index) => {
            const isFront = tab.id === front;
            return (
              <button
                key={tab.id}
                type="button"
                role="tab"
                id={`${id}${tab.id}`}
                className="tab"
                aria-label={tab.title}
                aria-selected={isFront}
                aria-controls={isFront ? `${id}panel` : undefined}
                tabIndex={isFront || (front === undefined && index === 0) ? 0 : -1}
                onClick={() => onFront(tab.id)}
              >
                <Icon name={tab.icon} />
                <span className="tab-title">{tab.title}</span>
                <span className="tab-short">{tab.short ?? tab.title}</span>
              </button>
            );
          })}
        </div>
        {end}
      </div>
      {front === undefined ? null : (
        <div id={`${id}panel`} role="tabpanel" aria-labelledby={`${id}${front}`} className="tabs-body">
          {children}
        </div>
      )}
    </div>
  );
};
