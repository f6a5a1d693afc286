import AxeBuilder from '@axe-core/playwright';
import { expect, type Locator, type Page, test as base } from '@playwright/test';

/** Those of axe's rules that look at colours. */
export const COLOR_RULES: readonly string[] = ['color-contrast', 'link-in-text-block'];

/** Drives the page by role and label, and waits for its own word that nothing is pending. */
export class AppPage {
  readonly page: Page;
  readonly caption: Locator;
  readonly badge: Locator;
  readonly inspector: Locator;
  readonly textToggle: Locator;

  constructor(page: Page) {
    this.page = page;
    this.caption = page.getByRole('region', { name: 'What is happening' });
    this.badge = page.getByRole('button', { name: /Linux 6\.1\.192|not recorded|selftest/ });
    this.inspector = page.locator('.inspector');
    this.textToggle = page.getByRole('button', { name: 'Read as text' });
  }

  /** The same for another page of the browser. */
  at(page: Page): AppPage {
    return new AppPage(page);
  }

  async open(address = './'): Promise<void> {
    await this.page.goto(address);
    await this.idle();
  }

  /**
   * Resolves when no request is pending, nothing moves, and no panel waits for its code. Looks again a frame later: what
   * is there now may have another size, and a map of another size asks for other tiles.
   */
  async idle(): Promise<void> {
    const isThere = await this.page.evaluate(async () => {
      const wait: unknown = Reflect.get(window, 'simIdle');
      if (typeof wait !== 'function') return false;
      await wait();
      do {
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
        await wait();
        // the code of a panel, once there, asks the worker for what it shows
      } while (document.querySelector('.panel-loading') !== null);
      return true;
    });
    if (isThere) return;
    // just opened: the app is not there yet
    await this.page.waitForFunction(() => 'simIdle' in window);
    await this.idle();
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      await this.page.keyboard.press(key);
      await this.idle();
    }
  }

  /** Brings a panel to the front of its tabs. */
  async showPanel(name: string): Promise<void> {
    const tab = this.page.getByRole('tab', { name, exact: true });
    if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
    await this.idle();
  }

  step(index: number): Locator {
    return this.page
      .getByRole('region', { name: 'Steps' })
      .getByRole('listitem')
      .filter({ hasText: new RegExp(`^${index}`) });
  }

  async openScenario(name: string): Promise<void> {
    await this.page.getByRole('button', { name: /^Scenario/ }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Scenarios' });
    await dialog.getByRole('searchbox').fill(name);
    await dialog
      .getByRole('button')
      .filter({ has: this.page.getByText(name, { exact: true }) })
      .click();
    await this.idle();
  }

  /** What the table of a process says of its pages: the text of the frame's chip, by page. */
  async frames(process = 'A'): Promise<Record<string, string>> {
    const rows = this.page
      .getByRole('region', { name: `Page table of process ${process}` })
      .locator('tbody tr');
    const texts = await rows.evaluateAll((all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent?.trim() ?? '')),
    );
    return Object.fromEntries(texts.map(([page = '', , , frame = '']) => [page, frame]));
  }

  async showText(shown: boolean): Promise<void> {
    if ((await this.textToggle.getAttribute('aria-pressed')) === String(shown)) return;
    await this.textToggle.click();
    await this.idle(); // rows are those of the tiles, which the worker sends
  }

  /** The rows of the text twin of a bank that have an owner: `buf+0 system memory, dirty`. */
  async ownedRows(bank: string): Promise<string[]> {
    const wasText = (await this.textToggle.getAttribute('aria-pressed')) === 'true';
    await this.showText(true);
    const rows = this.page.getByRole('table', { name: bank }).locator('tbody tr');
    const texts = await rows.evaluateAll((all) =>
      all.map((row) => [...row.children].slice(2).map((cell) => cell.textContent?.trim() ?? '')),
    );
    await this.showText(wasText);
    return texts.filter(([owner]) => owner !== '').map((cells) => cells.join(' '));
  }

  /** How many rows of the text twins say something of a pin, by bank; the twins are shown. */
  async pinnedRows(): Promise<Record<string, number>> {
    const counted = await this.page.locator('table.map-rows').evaluateAll((tables) =>
      tables.map((table) => {
        const rows = [...table.querySelectorAll('tbody tr')];
        const title = table.querySelector('caption strong')?.textContent ?? '';
        return [title, rows.filter((row) => row.textContent?.includes('pin') === true).length] as const;
      }),
    );
    return Object.fromEntries(counted);
  }

  /** How many pixels of a map have exactly one of the theme's colours. */
  async pixels(bank: string, color: string): Promise<number> {
    await this.settlePaint();
    return await this.page
      .getByRole('application', { name: `Map of ${bank}` })
      .locator('canvas')
      .evaluate((canvas, name) => {
        if (!(canvas instanceof HTMLCanvasElement)) return -1;
        // the map's own canvas may belong to a worker: a copy of what it shows can be read
        const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const pen = copy.getContext('2d');
        pen?.drawImage(canvas, 0, 0);
        const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
        const wanted = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
        const data = pen?.getImageData(0, 0, copy.width, copy.height).data ?? [];
        let count = 0;
        for (let i = 0; i < data.length; i += 4)
          if (wanted.every((value, channel) => data[i + channel] === value)) count += 1;
        return count;
      }, color);
  }

  /** Nothing is pending, and two frames more: what the store holds now has been painted. */
  async settlePaint(): Promise<void> {
    await this.idle();
    await this.page.evaluate(
      () =>
        new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
    );
  }

  /** @param within - selector of the part to look at @param rules - only these; all of axe's without */
  async expectAccessible(within = 'html', rules?: readonly string[]): Promise<void> {
    // the page has no frames: what the other mode does for those, in a window of its own, would be for nothing
    const axe = new AxeBuilder({ page: this.page })
      .setLegacyMode()
      .options({ resultTypes: ['violations'], preload: false }) // no rule in use reads style sheets or media
      .include(within);
    const { violations } = await (rules === undefined ? axe : axe.withRules([...rules])).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual(
      [],
    );
  }

  /**
   * All rules in the light theme, and in the dark one those about colours: nothing else is different there. Needs no
   * second load, since the app follows the system's theme until somebody chooses one.
   *
   * @param within - selector of the part to look at, where the rest is looked at elsewhere
   */
  async expectAccessibleInBothThemes(within = 'html'): Promise<void> {
    await this.showTheme('light');
    await this.expectAccessible(within);
    await this.showTheme('dark');
    await this.expectAccessible(within, COLOR_RULES);
  }

  /** Has the system ask for a theme. */
  async showTheme(colorScheme: 'light' | 'dark'): Promise<void> {
    await this.page.emulateMedia({ colorScheme });
    await expect(this.page.locator('html')).toHaveAttribute('data-theme', colorScheme);
    await this.settlePaint();
  }

  /** Where the cursor stands, in events. */
  async position(): Promise<number> {
    const slider = this.page.getByRole('slider', { name: 'Position in the timeline, in events' });
    return Number(await slider.getAttribute('aria-valuenow'));
  }

  async overflowPx(): Promise<number> {
    return await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }
}

/** Every test also fails on a console error, a page error or a request to another origin. */
export const test = base.extend<{ app: AppPage }>({
  app: async ({ page, baseURL }, provide) => {
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      const isOwn = origin === new URL(baseURL ?? '').origin || protocol === 'data:' || protocol === 'blob:';
      if (!isOwn) complaints.push(`request to ${request.url()}`);
    });
    await provide(new AppPage(page));
    expect(complaints).toEqual([]);
  },
});

export { expect } from '@playwright/test';
