// Memory per idle subscriber: `node benchmarks/subscribers.mjs [number]`, with BOOKSHELF_BIN. Each
// subscriber has its own account, session and WebSocket. Prints the resident memory of the server.

import { readFile } from 'node:fs/promises';

import WebSocket from 'ws';

import { startServer } from '../../server.mjs';
import { register } from '../users.mjs';

const number = Number(process.argv[2] ?? 1_000);
const cleanUp = [];
let pid;
// All subscribers connect from one address.
const env = {
  RATE_LIMITS: 'off',
  LIMIT_CONNECTIONS_PER_CLIENT: String(2 * number),
  LIMIT_MAX_CONNECTIONS: String(2 * number),
  LIMIT_WEBSOCKETS_PER_CLIENT: String(number),
};
const origin = await startServer({ after: (undo) => cleanUp.push(undo) }, env, (id) => { pid = id; });

const resident = async () => {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  return Number(kilobytes);
};

const subscribe = (token) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`${origin.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  const send = (message) => socket.send(JSON.stringify(message));
  socket.on('open', () => send({ type: 'connection_init', payload: { token } }));
  socket.on('message', (data) => {
    const { type } = JSON.parse(data);
    if (type === 'pong') return resolve(socket);
    const query = 'subscription { bookChanged { kind bookId book { id title } } }';
    send({ type: 'subscribe', id: '1', payload: { query } });
    send({ type: 'ping' });
  });
  socket.on('error', reject);
});

const users = [];
while (users.length < number) users.push(await register(origin));
const before = await resident();
for (const { session } of users) await subscribe(session.accessToken);
const after = await resident();
console.log(`${number} idle subscribers: ${before} KiB before, ${after} KiB after, ${((after - before) / number).toFixed(1)} KiB each`);

// Verifies that the subscriptions are active: one user receives an event.
const last = users.at(-1);
const received = new Promise((resolve) => {
  subscribe(last.session.accessToken).then((socket) => socket.on('message', (data) => resolve(JSON.parse(data))));
});
await new Promise((resolve) => setTimeout(resolve, 200));
await last.addBook('Dune');
console.log('received:', JSON.stringify((await received).payload));
for (const undo of cleanUp) await undo();
process.exit();
