// Starts nginx as a proxy. NGINX is its path.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { NGINX = '/usr/sbin/nginx' } = process.env;

/** Serves `/books/` from the server at this origin, with the shortest possible configuration. Returns its origin. */
export async function startNginx(t, origin) {
  const directory = await mkdtemp(join(tmpdir(), 'nginx-'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = temporary.map((name) => `${name}_temp_path ${join(directory, name)};`).join(' ');
  await writeFile(join(directory, 'nginx.conf'), `
    daemon off; pid ${join(directory, 'pid')}; error_log stderr;
    ${process.getuid() === 0 ? 'user root;' : ''}
    events {}
    http {
      access_log off; ${paths}
      server {
        listen 127.0.0.1:${port};
        location /books/ { proxy_pass ${origin}/; }
      }
    }
  `);
  const options = ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')];
  const nginx = spawn(NGINX, options, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(nginx, 'exit');
  t.after(async () => {
    nginx.kill('SIGTERM');
    await exited;
    await rm(directory, { recursive: true });
  });
  const proxy = `http://127.0.0.1:${port}`;
  const failed = exited.then(() => { throw new Error('nginx exited'); });
  await Promise.race([reachable(`${proxy}/books/health/live`), failed]);
  return proxy;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function reachable(url) {
  for (;;) {
    const ready = await fetch(url).then(({ ok }) => ok, () => false);
    if (ready) return;
    await new Promise((elapsed) => { setTimeout(elapsed, 20); });
  }
}
