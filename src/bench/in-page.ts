// What runs in the measured page. Each function is sent there as text, so it refers to nothing outside of itself.

/** What the page was busy with while it was watched. */
export interface Busy {
  /** Milliseconds of the longest task that the browser reports, which it does from 50 ms on; 0: none. */
  readonly longestTaskMs: number;
  /** Longest time between two beats of a timer, less their usual distance. */
  readonly longestGapMs: number;
  readonly watchedMs: number;
}

/** A picture as the page itself saw it on a canvas. */
export interface SeenPictures {
  readonly hashes: readonly number[];
}

export interface Watch {
  readonly stop: () => Busy;
}

declare global {
  interface Window {
    benchWatch?: Watch;
    benchSeen?: { readonly stop: () => SeenPictures };
    benchLatencies?: InputLatency[];
  }
}

/** Starts to watch the main thread. */
export const watchTasks = (): void => {
  const BEAT_MS = 4;
  let longestTaskMs = 0;
  let longestGapMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestTaskMs = Math.max(longestTaskMs, duration);
  });
  observer.observe({ type: 'longtask' });
  const startMs = performance.now();
  let lastMs = startMs;
  const timer = setInterval(() => {
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - lastMs - BEAT_MS);
    lastMs = now;
  }, BEAT_MS);
  window.benchWatch = {
    stop: () => {
      clearInterval(timer);
      for (const { duration } of observer.takeRecords()) longestTaskMs = Math.max(longestTaskMs, duration);
      observer.disconnect();
      return { longestTaskMs, longestGapMs, watchedMs: performance.now() - startMs };
    },
  };
};

/**
 * Looks at the maps now and then, as the page shows them: their pixels, with the painter's own hash. It looks strip by
 * strip, to be no long task itself.
 */
export const watchPictures = (everyMs: number): void => {
  const STRIP_ROWS = 64;
  const hashes: number[] = [];
  let isOn = true;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const look = async (): Promise<void> => {
    const canvases = [...document.querySelectorAll<HTMLCanvasElement>('.bank-window canvas')];
    const bitmaps = await Promise.all(canvases.map((canvas) => createImageBitmap(canvas)));
    let hash = 0x811c9dc5;
    for (const bitmap of bitmaps) {
      const strip = new OffscreenCanvas(bitmap.width, STRIP_ROWS);
      const pen = strip.getContext('2d', { willReadFrequently: true });
      for (let top = 0; top < bitmap.height; top += STRIP_ROWS) {
        const rows = Math.min(STRIP_ROWS, bitmap.height - top);
        pen?.clearRect(0, 0, bitmap.width, STRIP_ROWS);
        pen?.drawImage(bitmap, 0, top, bitmap.width, rows, 0, 0, bitmap.width, rows);
        const data = pen?.getImageData(0, 0, bitmap.width, rows).data ?? new Uint8ClampedArray();
        for (const pixel of new Uint32Array(data.buffer)) hash = Math.imul(hash ^ pixel, 0x01000193);
        await pause(0);
      }
      bitmap.close();
    }
    hashes.push(hash >>> 0);
  };
  const lookOn = async (): Promise<void> => {
    while (isOn) {
      await look();
      await pause(everyMs);
    }
  };
  void lookOn();
  window.benchSeen = {
    stop: () => {
      isOn = false;
      return { hashes };
    },
  };
};

/** From an input to the next paint after it, ms. */
export interface InputLatency {
  readonly startTime: number;
  readonly duration: number;
}

/** From an input to the next paint, of each input from now on; the browser counts in steps of 8 ms. */
export const watchLatency = (): void => {
  const latencies: InputLatency[] = [];
  window.benchLatencies = latencies;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) latencies.push({ startTime, duration });
  }).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
};

export interface SvgTimes {
  readonly createMs: number;
  /** Frames in which some cells changed. */
  readonly changeMs: readonly number[];
  /** Frames in which the whole map moved. */
  readonly zoomMs: readonly number[];
}

/** A map as one SVG node a cell: made, then some of its cells recoloured frame by frame, then zoomed frame by frame. */
export const svgMap = async ({
  cells,
  changing,
  frames,
}: {
  readonly cells: number;
  readonly changing: number;
  readonly frames: number;
}): Promise<SvgTimes> => {
  const NAMESPACE = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(NAMESPACE, 'svg');
  const cols = Math.ceil(Math.sqrt(cells * 1.5));
  const width = cols * 7;
  const height = Math.ceil(cells / cols) * 5;
  const look = (scale: number): void => svg.setAttribute('viewBox', `0 0 ${width / scale} ${height / scale}`);
  look(1);
  Object.assign(svg.style, { position: 'fixed', inset: '0', width: '100%', height: '100%' });
  const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
  await frame();
  const startMs = performance.now();
  const nodes: SVGRectElement[] = [];
  for (let i = 0; i < cells; i++) {
    const node = document.createElementNS(NAMESPACE, 'rect');
    node.setAttribute('x', String((i % cols) * 7));
    node.setAttribute('y', String(Math.floor(i / cols) * 5));
    node.setAttribute('width', '6');
    node.setAttribute('height', '4');
    node.setAttribute('fill', '#e6e9ee');
    svg.append(node);
    nodes.push(node);
  }
  document.body.append(svg);
  await frame();
  await frame();
  const createMs = performance.now() - startMs;
  const watch = async (change: (i: number) => void): Promise<number[]> => {
    const took: number[] = [];
    let lastMs = await frame();
    for (let i = 0; i < frames; i++) {
      change(i);
      const nowMs = await frame();
      took.push(nowMs - lastMs);
      lastMs = nowMs;
    }
    return took;
  };
  const changeMs = await watch((i) => {
    for (let at = 0; at < changing; at++)
      nodes[(i * changing + at) % cells]?.setAttribute('fill', `hsl(${(i * 37 + at) % 360} 60% 50%)`);
  });
  const zoomMs = await watch((i) => look(1 + i / frames));
  svg.remove();
  return { createMs, changeMs, zoomMs };
};

/** Turns the wheel over the maps once a frame, first in and then out. @returns times between frames */
export const zoomMap = async (frames: number): Promise<number[]> => {
  const target = document.querySelector('.bank-window');
  if (target === null) throw new Error('there is no map');
  const { left, top, width, height } = target.getBoundingClientRect();
  const at = { clientX: left + width * 0.3, clientY: top + height * 0.3 };
  const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
  const took: number[] = [];
  let lastMs = await frame();
  for (let i = 0; i < frames; i++) {
    const deltaY = i < frames / 2 ? -100 : 100;
    target.dispatchEvent(new WheelEvent('wheel', { ...at, deltaY, bubbles: true, cancelable: true }));
    const nowMs = await frame();
    took.push(nowMs - lastMs);
    lastMs = nowMs;
  }
  return took;
};
