// What idle subscribers cost: `node benchmarks/subscribers.mjs [how many]`, with BOOKSHELF_BIN. Each has
// an account, a session and a WebSocket of its own; then the resident memory of the server is read.

import { readFile } from 'node:fs/promises';

import WebSocket from 'ws';

import { startServer } from '../../server.mjs';
import { register } from '../people.mjs';

const number = Number(process.argv[2] ?? 1_000);
const cleanUp = [];
let pid;
// All of them come from one address.
const env = {
  RATE_LIMITS: 'off',
  LIMIT_CONNECTIONS_PER_CLIENT: String(2 * number),
  LIMIT_MAX_CONNECTIONS: String(2 * number),
  LIMIT_WEBSOCKETS_PER_CLIENT: String(number),
};
const origin = await startServer({ after: (undo) => cleanUp.push(undo) }, env, (its) => { pid = its; });

const resident = async () => {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  return Number(kilobytes);
};

const subscribe = (token) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`${origin.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  const say = (message) => socket.send(JSON.stringify(message));
  socket.on('open', () => say({ type: 'connection_init', payload: { token } }));
  socket.on('message', (data) => {
    const { type } = JSON.parse(data);
    if (type === 'pong') return resolve(socket);
    const query = 'subscription { bookChanged { kind bookId book { id title } } }';
    say({ type: 'subscribe', id: '1', payload: { query } });
    say({ type: 'ping' });
  });
  socket.on('error', reject);
});

const people = [];
while (people.length < number) people.push(await register(origin));
const before = await resident();
for (const { session } of people) await subscribe(session.accessToken);
const after = await resident();
console.log(`${number} idle subscribers: ${before} KiB before, ${after} KiB after, ${((after - before) / number).toFixed(1)} KiB each`);

// They are alive, not only connected: one of them hears of a book.
const last = people.at(-1);
const heard = new Promise((resolve) => {
  subscribe(last.session.accessToken).then((socket) => socket.on('message', (data) => resolve(JSON.parse(data))));
});
await new Promise((resolve) => setTimeout(resolve, 200));
await last.addBook('Dune');
console.log('heard:', JSON.stringify((await heard).payload));
for (const undo of cleanUp) await undo();
process.exit();
