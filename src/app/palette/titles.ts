// Names of the palette, known before it is loaded.

export const PALETTE_TITLES = { palette: 'Find and do', goTo: 'Go to' } as const;
