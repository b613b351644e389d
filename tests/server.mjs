// Starts the server binary for tests of clients. BOOKSHELF_BIN is its path.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const { BOOKSHELF_BIN = join(import.meta.dirname, '../target/debug/bookshelf') } = process.env;

/**
 * Starts the server on a free port with its own database; both are removed after `t`. Variables in
 * `env` change its configuration; `started` is called with its process id.
 */
export async function startServer(t, env = {}, started = () => {}) {
  const directory = await mkdtemp(join(tmpdir(), 'bookshelf-'));
  const server = spawn(resolve(BOOKSHELF_BIN), {
    cwd: directory,
    env: {
      LISTEN: '127.0.0.1:0',
      DATABASE_URL: `sqlite://${directory}/bookshelf.db`,
      BCRYPT_COST: '10',
      LOG_FORMAT: 'json',
      RUST_LOG: 'bookshelf=info',
      // All requests of a test come from one address.
      LIMIT_REGISTRATIONS_PER_MINUTE: '1000',
      LIMIT_SIGN_INS_PER_MINUTE: '1000',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started(server.pid);
  const exited = once(server, 'exit');
  t.after(async () => {
    server.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true });
  });
  const failed = exited.then(() => Promise.reject(new Error('the server exited')));
  return Promise.race([origin(server), failed]);
}

/** The origin of the address that the server logs. The rest of its log is read and discarded. */
function origin(server) {
  return new Promise((found) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      const { address } = JSON.parse(line);
      if (address) found(`http://${address}`);
    });
  });
}
