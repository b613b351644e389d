// The real server, for tests that are clients. BOOKSHELF_BIN says where the binary is.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { BOOKSHELF_BIN = join(import.meta.dirname, '../target/debug/bookshelf') } = process.env;

/** Starts the server on a free port with a database of its own, both gone after `t`. */
export async function startServer(t) {
  const directory = await mkdtemp(join(tmpdir(), 'bookshelf-'));
  const origin = `http://127.0.0.1:${await freePort()}`;
  const server = spawn(resolve(BOOKSHELF_BIN), {
    cwd: directory,
    env: {
      LISTEN: new URL(origin).host,
      DATABASE_URL: `sqlite://${directory}/bookshelf.db`,
      BCRYPT_COST: '10',
      RUST_LOG: 'warn',
    },
    stdio: 'inherit',
  });
  const exited = once(server, 'exit');
  t.after(async () => {
    server.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true });
  });
  const ended = exited.then(() => Promise.reject(new Error('the server ended')));
  await Promise.race([ready(origin), ended]);
  return origin;
}

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  return port;
}

async function ready(origin) {
  for (let tries = 0; tries < 200; tries += 1) {
    const response = await fetch(`${origin}/health/ready`).catch(() => undefined);
    if (response?.ok) return;
    await sleep(100);
  }
  throw new Error('the server is not ready');
}
