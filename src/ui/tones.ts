// How each place of memory looks. Hue is never the only sign: each tone has a glyph and a form of its own.

export type Tone = 'system' | 'coherent' | 'private' | 'movable' | 'free' | 'reserved';

/** Form of a cell: drawn by CSS on chips and by the painter on maps. */
export type Form = 'plain' | 'notch' | 'double' | 'dotted' | 'outline' | 'solid';

export interface ToneLook {
  /** One letter; '' where a cell has none. */
  readonly glyph: string;
  readonly form: Form;
  readonly label: string;
  readonly longLabel: string;
}

export const TONES: Readonly<Record<Tone, ToneLook>> = {
  system: { glyph: 'S', form: 'plain', label: 'system', longLabel: 'system memory' },
  coherent: { glyph: 'C', form: 'notch', label: 'coherent', longLabel: 'device-coherent memory' },
  private: { glyph: 'P', form: 'double', label: 'private', longLabel: 'device-private memory' },
  movable: { glyph: 'M', form: 'dotted', label: 'movable', longLabel: 'ZONE_MOVABLE or CMA' },
  free: { glyph: '', form: 'outline', label: 'free', longLabel: 'free' },
  reserved: { glyph: '', form: 'solid', label: 'reserved', longLabel: 'reserved by the kernel' },
};

/** Beside the letter of a page that a device-exclusive entry refers to: a device has it to itself. */
export const EXCLUSIVE_GLYPH = 'X';
