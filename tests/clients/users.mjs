// Registered users, their requests besides those of the tested client, and helpers of the tests.

import { setTimeout } from 'node:timers/promises';

let number = 0;

/** Registers a user. Returns the tokens, and `ask` and `addBook` to send requests as this user. */
export async function register(origin) {
  const name = `reader${(number += 1)}`;
  const input = { username: name, email: `${name}@example.org`, password: 'correct horse battery staple' };
  const { register: session } = await post(origin, null, {
    query: `mutation($input: RegisterInput!) {
      register(input: $input) { accessToken accessTokenExpiresAt refreshToken user { id } }
    }`,
    variables: { input },
  });
  const { accessToken } = session;
  const ask = (query, variables) => post(origin, accessToken, { query, variables });
  const addBook = async (title) => {
    const query = `mutation($input: CreateBookInput!) { createBook(input: $input) { book { id } } }`;
    return (await ask(query, { input: { title, author: 'A' } })).createBook.book.id;
  };
  const importFile = (file) => upload(origin, accessToken, file);
  return { session, ask, addBook, importFile };
}

/** Starts to import a file: a multipart request of three parts. Returns the import. */
async function upload(origin, token, file) {
  const query = `mutation($input: ImportBooksInput!) {
    importBooks(input: $input) { job { id state total } userErrors { code message } }
  }`;
  const body = new FormData();
  body.append('operations', JSON.stringify({ query, variables: { input: { file: null } } }));
  body.append('map', JSON.stringify({ 0: ['variables.input.file'] }));
  body.append('0', new Blob([file]), 'books.csv');
  const headers = { authorization: `Bearer ${token}`, 'apollo-require-preflight': 'true' };
  const response = await fetch(`${origin}/graphql`, { method: 'POST', headers, body });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data.importBooks.job;
}

/** A file with this many books. */
export const bookFile = (books) =>
  ['Title,Author', ...Array.from({ length: books }, (_, number) => `Book ${number},Author ${number}`)].join('\n');

async function post(origin, token, body) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** A `fetch` that records each request: its method, URL, body and the status of the response. */
export function recording(requests) {
  return async (url, options) => {
    const response = await fetch(url, options);
    const { method = 'GET', body } = options ?? {};
    requests.push({ method, url: new URL(url), body: operationIn(body), status: response.status });
    return response;
  };
}

/** The operation in a body, which is a form if it has files. */
const operationIn = (body) => body && JSON.parse(body instanceof FormData ? body.get('operations') : body);

/** Delays the events of subscriptions over HTTP, or the response of the mutation CreateBook, by a second. */
export const delaying = (delayed) => (send) => async (url, options) => {
  const response = await send(url, options);
  const operation = operationOf({ url: new URL(url), body: operationIn(options.body) });
  if (delayed === 'response' && operation === 'CreateBook') await setTimeout(1_000);
  if (delayed !== 'events' || !response.headers.get('content-type').startsWith('text/event-stream')) return response;
  const delay = async (chunk, stream) => { await setTimeout(1_000); stream.enqueue(chunk); };
  return new Response(response.body.pipeThrough(new TransformStream({ transform: delay })), response);
};

/** The operation name of a recorded request. */
export const operationOf = ({ url, body }) => body?.operationName ?? url.searchParams.get('operationName');

/**
 * Waits until the server has read everything that a graphql-ws client has sent. The server reads
 * messages in order, so the result of one more operation proves it.
 */
export const roundTrip = (socket) => new Promise((resolve, reject) => {
  socket.subscribe({ query: '{ __typename }' }, { next() {}, error: reject, complete: resolve });
});

/** An async queue: `put` adds an item, `await take()` removes one or fails after ten seconds. */
export function queue() {
  const items = [];
  const takers = [];
  return {
    items,
    put(item) {
      const taker = takers.shift();
      if (taker) taker(item);
      else items.push(item);
    },
    take() {
      if (items.length > 0) return Promise.resolve(items.shift());
      return new Promise((resolve, reject) => {
        const timer = globalThis.setTimeout(() => reject(new Error('no item within ten seconds')), 10_000);
        takers.push((item) => { clearTimeout(timer); resolve(item); });
      });
    },
  };
}

/** An image: one red pixel. */
export const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'base64',
);
