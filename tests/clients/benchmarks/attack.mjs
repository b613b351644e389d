// The effect of attacks on other clients: `node benchmarks/attack.mjs [seconds]`, with BOOKSHELF_BIN and wrk
// (the Debian package). Figures in parentheses are ratios to the server without an attack in the same round.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { startServer } from '../../server.mjs';
import { register } from '../users.mjs';

const seconds = Number(process.argv[2] ?? 8);
const cleanUp = [];
const env = {
  RATE_LIMITS: 'off',
  BCRYPT_COST: '12',
  RUST_LOG: 'bookshelf=info,bookshelf::operation=off,bookshelf::security=off',
  LIMIT_CONNECTIONS_PER_CLIENT: '2000',
  LIMIT_HEADER_READ_TIMEOUT: '10m',
  ...(process.env.DATABASE_URL && { DATABASE_URL: process.env.DATABASE_URL, JWT_SECRETS: randomBytes(32).toString('hex') }),
};
const origin = await startServer({ after: (undo) => cleanUp.push(undo) }, env);
const { hostname, port } = new URL(origin);
const alice = await register(origin);
for (let number = 0; number < 200; number += 1) await alice.addBook(`Book ${number}`);

const scripts = await mkdtemp(join(tmpdir(), 'attack-'));
const script = async (name, body, token) => {
  const path = join(scripts, name);
  await writeFile(path, [
    'wrk.method = "POST"',
    'wrk.headers["Content-Type"] = "application/json"',
    'wrk.headers["Accept"] = "application/graphql-response+json"',
    token ? `wrk.headers["Authorization"] = "Bearer ${token}"` : '',
    `wrk.body = [[${JSON.stringify(body)}]]`,
  ].join('\n'));
  return path;
};
const list = await script('list.lua', {
  query: '{ books(first: 20) { totalCount nodes { id title author isbn rating createdAt } pageInfo { hasNextPage endCursor } } }',
}, alice.session.accessToken);
const login = await script('login.lua', {
  query: 'mutation { login(input: {email: "nobody@example.org", password: "wrong password"}) { userErrors { code } } }',
});

const load = async (path, connections, time) => {
  const wrk = ['-t1', `-c${connections}`, `-d${time}s`, '--latency', '-s', path, `${origin}/graphql`];
  const { stdout } = await promisify(execFile)('wrk', wrk);
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  const [, rate] = /Requests\/sec:\s+([\d.]+)/.exec(stdout);
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0;
  return { rate: Number(rate), p99: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit], failed: Number(failed) };
};
const show = (name, { rate, p99, failed }, quiet) => console.log(
  `${name}: ${rate.toFixed(0)} a second (${(rate / quiet.rate).toFixed(2)}), `
  + `p99 ${p99.toFixed(2)} ms (${(p99 / quiet.p99).toFixed(2)}), ${failed} failed`,
);

for (let round = 1; round <= 3; round += 1) {
  const quiet = await load(list, 8, seconds);
  show(`${round} quiet`, quiet, quiet);

  // 32 connections fill the queue. 200 exceed it, and rejected clients retry immediately.
  for (const number of [32, 200]) {
    const flood = load(login, number, seconds + 2);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    show(`${round} ${number} login connections`, await load(list, 8, seconds), quiet);
    const { rate, failed } = await flood;
    console.log(`  of ${(rate * (seconds + 2)).toFixed(0)} logins ${failed} were rejected`);
  }

  const slow = await Promise.all(Array.from({ length: 500 }, () => new Promise((resolve) => {
    const socket = connect(port, hostname, () => {
      socket.write('POST /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ');
      const drip = setInterval(() => socket.write('x'), 1_000);
      resolve(() => { clearInterval(drip); socket.destroy(); });
    });
  })));
  show(`${round} 500 slow clients`, await load(list, 8, seconds), quiet);
  slow.forEach((leave) => leave());
}
for (const undo of cleanUp) await undo();
