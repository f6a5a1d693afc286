// The first port from 4173 up that nobody listens on. As a command it prints it.

import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';

/** @param {number} port @param {string} host @returns {Promise<boolean>} */
const isFree = (port, host) =>
  new Promise((answer) => {
    const server = createServer();
    // A machine without this address (no IPv6) has nobody listening there.
    server.once('error', (error) => answer(!('code' in error && error.code === 'EADDRINUSE')));
    server.listen({ port, host, exclusive: true }, () => server.close(() => answer(true)));
  });

/** @param {number} from @returns {Promise<number>} */
export async function freePort(from = 4173) {
  for (let port = from; port < 65536; port++) {
    if ((await isFree(port, '127.0.0.1')) && (await isFree(port, '::1'))) return port;
  }
  throw new Error(`no free port from ${from} up`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(await freePort(Number(process.argv[2] ?? 4173)));
}
