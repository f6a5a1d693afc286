import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { createBrowserApp } from './store/browser.ts';
import { AppProvider } from './store/use-app.ts';

const container = document.getElementById('root');
if (container === null) throw new Error('index.html has no #root');
const app = createBrowserApp();
createRoot(container).render(
  <StrictMode>
    <AppProvider value={app}>
      <App />
    </AppProvider>
  </StrictMode>,
);
void app.start();
