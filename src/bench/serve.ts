// Serves the built app, and knows what was asked of it.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export interface Served {
  readonly url: string;
  /** Bytes after gzip of the scripts that were asked for since the last call, each once. */
  readonly scriptBytes: () => number;
  readonly close: () => void;
}

export const gzipBytes = (file: string): number => gzipSync(readFileSync(file), { level: 9 }).length;

/** @param folder - what the build made */
export const serve = async (folder: string): Promise<Served> => {
  const scripts = new Set<string>();
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = join(folder, path.endsWith('/') ? 'index.html' : path);
    try {
      const body = readFileSync(file);
      const type = TYPES[extname(file)] ?? 'application/octet-stream';
      if (type === 'text/javascript') scripts.add(file);
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(body);
    } catch {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    scriptBytes: () => {
      const sum = [...scripts].reduce((bytes, file) => bytes + gzipBytes(file), 0);
      scripts.clear();
      return sum;
    },
    close: () => void server.close(),
  };
};
