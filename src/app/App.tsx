import { useCallback, useEffect, useMemo } from 'react';
import { MapController } from '../map/controller.ts';
import { Caption } from '../panels/Explanation/Caption.tsx';
import { KernelLogLive } from '../panels/KernelLog/KernelLogLive.tsx';
import { LiveRegion } from '../panels/Explanation/LiveRegion.tsx';
import { Timeline } from '../panels/Timeline/Timeline.tsx';
import { TimelineExtent } from '../panels/Timeline/TimelineExtent.tsx';
import { TopBar } from '../panels/TopBar/TopBar.tsx';
import { Transport } from '../panels/Transport/Transport.tsx';
import { Homecoming } from '../panels/Welcome/Homecoming.tsx';
import { Welcome } from '../panels/Welcome/Welcome.tsx';
import { PageLayer } from '../pages/PageLayer.tsx';
import { GROUPS } from '../store/layout.ts';
import type { Command } from '../store/keys.ts';
import { runTitle } from '../store/run-title.ts';
import { useApp, useAppInstance } from '../store/use-app.ts';
import { watchTips } from '../ui/tips.ts';
import { Frame } from './frame/Frame.tsx';
import { OpenInFull } from './OpenInFull.tsx';
import { StageProvider } from './frame/stage.ts';
import { useRoom } from './frame/use-room.ts';
import { TermTip } from './help/TermTip.tsx';
import { listenToKeys, run } from './keyboard.ts';
import { Overlays } from './overlays.tsx';
import { PaneTabs } from './PaneTabs.tsx';
import { ProblemBar } from './ProblemBar.tsx';
import { WorkBar } from './WorkBar.tsx';
import { usePreset, useTheme } from './use-theme.ts';
import { useTitle } from './use-title.ts';
import { warmFonts } from './warm-fonts.ts';
import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './tokens.css';
import './base.css';
import './app.css';

/** The layout of the panels; what each shows is its own business. */
export const App = () => {
  const app = useAppInstance();
  const maps = useMemo(() => new MapController(app), [app]);
  const room = useRoom();
  const preset = useApp((state) => state.layout.preset);
  const front = useApp((state) => state.layout.front['page']);
  const shown = GROUPS.find((group) => group === front) ?? 'maps';
  const introduction = useApp((state) => state.walkthrough.introduction);
  const embedded = useApp((state) => state.embed.embedded);
  const controls = useApp((state) => state.embed.controls);
  const title = useApp(runTitle);
  const isReading = useApp((state) => state.page.page !== '') && !embedded;
  const doCommand = useCallback((command: Command) => run(command, { app, maps }), [app, maps]);
  useTheme();
  usePreset(introduction ? undefined : preset);
  useTitle();
  useEffect(() => warmFonts(document), [preset]);

  useEffect(() => {
    const stopKeys = listenToKeys({ app, maps });
    const stopTips = watchTips(document.documentElement);
    return () => {
      stopKeys();
      stopTips();
    };
  }, [app, maps]);

  const stage = useMemo(() => ({ maps }), [maps]);
  return (
    <StageProvider value={stage}>
      <div
        className="app"
        data-introduction={introduction}
        data-room={room}
        data-reading={isReading}
        data-embedded={embedded}
        data-controls={controls}
      >
        <a className="skip" href="#caption">
          Skip to what is happening
        </a>
        {embedded ? (
          <header className="hidden-visually">
            <h1>{title ?? 'Migrascope'}</h1>
          </header>
        ) : (
          <TopBar />
        )}
        <ProblemBar />
        <WorkBar />
        <main className="main">{introduction ? <Welcome /> : <Frame room={room} shown={shown} />}</main>
        {introduction || embedded ? null : <Homecoming />}
        <footer className="foot" id="caption" tabIndex={-1}>
          <Caption />
          {room === 'narrow' || room === 'phone' ? (
            <PaneTabs
              room={room}
              shown={shown}
              onChange={(group) => app.actions.bringToFront('page', group)}
            />
          ) : null}
          <div className="foot-left">
            <Transport />
            {embedded ? <OpenInFull /> : <TimelineExtent />}
          </div>
          <Timeline />
        </footer>
        {isReading ? <PageLayer /> : null}
        <LiveRegion />
        <TermTip />
        <KernelLogLive />
        {embedded ? null : <Overlays maps={maps} run={doCommand} />}
      </div>
    </StageProvider>
  );
};
