import { useCallback, useEffect, useMemo, useState } from 'react';
import { MapController } from '../map/controller.ts';
import { MemoryMaps } from '../map/MemoryMaps.tsx';
import { CallStack } from '../panels/CallStack/CallStack.tsx';
import { CallTree } from '../panels/CallTree/CallTree.tsx';
import { DeviceTables } from '../panels/DeviceTables/DeviceTables.tsx';
import { Caption } from '../panels/Explanation/Caption.tsx';
import { Explanation } from '../panels/Explanation/Explanation.tsx';
import { LiveRegion } from '../panels/Explanation/LiveRegion.tsx';
import { GupPath } from '../panels/GupPath/GupPath.tsx';
import { Inspector } from '../panels/Inspector/Inspector.tsx';
import { KernelLog } from '../panels/KernelLog/KernelLog.tsx';
import { PageTables } from '../panels/PageTables/PageTables.tsx';
import { Pins } from '../panels/Pins/Pins.tsx';
import { NextStep } from '../panels/Steps/NextStep.tsx';
import { Steps } from '../panels/Steps/Steps.tsx';
import type { Extent } from '../panels/Timeline/extent.ts';
import { Timeline } from '../panels/Timeline/Timeline.tsx';
import { TimelineExtent } from '../panels/Timeline/TimelineExtent.tsx';
import { TimelineText } from '../panels/Timeline/TimelineText.tsx';
import { TopBar } from '../panels/TopBar/TopBar.tsx';
import { Transport } from '../panels/Transport/Transport.tsx';
import { Welcome } from '../panels/Welcome/Welcome.tsx';
import { PageLayer } from '../pages/PageLayer.tsx';
import { PageMenu } from '../pages/PageMenu.tsx';
import { useApp, useAppInstance } from '../store/use-app.ts';
import { watchTips } from '../ui/tips.ts';
import { HelpSheet } from './HelpSheet.tsx';
import { listenToKeys } from './keyboard.ts';
import { PaneTabs, type Pane } from './PaneTabs.tsx';
import { ProblemBar } from './ProblemBar.tsx';
import { useTheme } from './use-theme.ts';
import { useTitle } from './use-title.ts';
import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './tokens.css';
import './base.css';
import './app.css';

/** The layout of the panels; what each shows is its own business. */
export const App = () => {
  const app = useAppInstance();
  const maps = useMemo(() => new MapController(app), [app]);
  const [asText, setAsText] = useState(false);
  const [extent, setExtent] = useState<Extent>();
  const [pane, setPane] = useState<Pane>('maps');
  const introduction = useApp((state) => state.walkthrough.introduction);
  const help = useApp((state) => state.viewport.openPanel === 'help');
  const pageMenu = useApp((state) => state.viewport.openPanel === 'pages');
  const isReading = useApp((state) => state.page.page !== '');
  const toggleText = useCallback(() => setAsText((text) => !text), []);
  useTheme();
  useTitle();

  useEffect(() => {
    const stopKeys = listenToKeys({ app, maps, toggleText });
    const stopTips = watchTips(document.documentElement);
    return () => {
      stopKeys();
      stopTips();
    };
  }, [app, maps, toggleText]);

  return (
    <div className="app" data-pane={pane} data-introduction={introduction} data-reading={isReading}>
      <a className="skip" href="#caption">
        Skip to what is happening
      </a>
      <TopBar />
      <ProblemBar />
      <main className="main">
        {introduction ? (
          <Welcome />
        ) : (
          <>
            <div className="side-left" data-in="steps">
              <Steps />
              <CallStack />
              <NextStep />
            </div>
            <div className="stage-tables scroll" data-in="tables" tabIndex={-1}>
              <PageTables />
              <GupPath />
              <CallTree />
              <DeviceTables />
              <Pins />
            </div>
            <div className="stage-maps" data-in="maps">
              <MemoryMaps maps={maps} asText={asText} onToggleText={toggleText}>
                <TimelineText />
              </MemoryMaps>
            </div>
            <div className="side-right scroll" data-in="inspect">
              <Explanation />
              <Inspector />
              <KernelLog />
            </div>
          </>
        )}
      </main>
      <footer className="foot" id="caption">
        <Caption />
        <PaneTabs pane={pane} onChange={setPane} />
        <div className="foot-left">
          <Transport />
          <TimelineExtent extent={extent} onChange={setExtent} />
        </div>
        <Timeline extent={extent} />
      </footer>
      {isReading ? <PageLayer /> : null}
      <LiveRegion />
      {help ? <HelpSheet /> : null}
      {pageMenu ? <PageMenu /> : null}
    </div>
  );
};
