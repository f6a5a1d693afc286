// The results of the two benchmarks, as their files hold them. Whatever cannot be read is left out.

import * as v from 'valibot';

const figureSchema = v.object({
  name: v.string(),
  value: v.nullable(v.number()),
  unit: v.string(),
  bound: v.nullable(v.number()),
  direction: v.optional(v.picklist(['≤', '≥']), '≤'),
  ok: v.boolean(),
});

const seriesSchema = v.object({
  /** `svg_zoom_frame_ms` */
  name: v.string(),
  /** What grows: `cells`, `pages`, `events`. */
  x: v.string(),
  /** Unit of what is measured. */
  y: v.string(),
  points: v.array(v.tuple([v.number(), v.number()])),
});

const resultSchema = v.object({
  machine: v.object({ cpu: v.string(), cores: v.number() }),
  versions: v.record(v.string(), v.string()),
  figures: v.array(figureSchema),
  series: v.optional(v.array(seriesSchema), []),
});

export type FigureRow = v.InferOutput<typeof figureSchema>;
export type SeriesRow = v.InferOutput<typeof seriesSchema>;
export type Result = v.InferOutput<typeof resultSchema>;

/** undefined: it is no result of a benchmark. */
export const parseResult = (json: unknown): Result | undefined => {
  const parsed = v.safeParse(resultSchema, json);
  return parsed.success ? parsed.output : undefined;
};

export const FILES = { node: 'bench/node.json', browser: 'bench/browser.json' } as const;
export type BenchName = keyof typeof FILES;

/** undefined: it was not measured, or the file cannot be read. */
export const fetchResult = async (name: BenchName): Promise<Result | undefined> => {
  try {
    const response = await fetch(new URL(FILES[name], document.baseURI), { credentials: 'same-origin' });
    return response.ok ? parseResult(await response.json()) : undefined;
  } catch {
    return undefined;
  }
};
