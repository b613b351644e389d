// GraphQL Code Generator: `npm run codegen` checks its types; this test runs its persisted documents.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import WebSocket from 'ws';

import { startServer } from '../server.mjs';
import { makeApolloClient } from './apollo/client.mjs';
import { queue, roundTrip } from './users.mjs';

globalThis.WebSocket ??= WebSocket; // Node.js has a global WebSocket since version 22

const list = join(import.meta.dirname, 'codegen/gql/persisted-documents.json');

test('only the persisted documents run, by their hashes', async (t) => {
  const documents = Object.entries(JSON.parse(await readFile(list)));
  const [hash] = documents.find(([, text]) => text.includes('query Books'));
  const url = `${await startServer(t, { TRUSTED_DOCUMENTS: list })}/graphql`;
  const post = async (body) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { accept: 'application/graphql-response+json', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return [response.status, (await response.json()).errors[0].extensions.code];
  };
  const variables = { first: 1 };
  const apollo = { persistedQuery: { version: 1, sha256Hash: hash } };
  // The document is executed; its first field requires a viewer.
  assert.deepEqual(await post({ documentId: hash, variables }), [401, 'UNAUTHENTICATED']);
  assert.deepEqual(await post({ extensions: apollo, variables }), [401, 'UNAUTHENTICATED']);
  assert.deepEqual(await post({ documentId: hash, variables: { first: 'x' } }), [400, 'BAD_USER_INPUT']);
  assert.deepEqual(await post({ query: '{ __typename }' }), [400, 'DOCUMENT_NOT_TRUSTED']);
});

/** The generated documents, by name. Node.js does not run TypeScript, but they are JSON. */
async function generatedDocuments() {
  const source = await readFile(join(import.meta.dirname, 'codegen/gql/graphql.ts'), 'utf8');
  const documents = source.matchAll(/^export const (\w+)Document = (\{.*\}) as unknown as /gm);
  return Object.fromEntries([...documents].map(([, name, json]) => [name, JSON.parse(json)]));
}

test('Apollo Client runs every generated document by its id, over HTTP and WebSocket', async (t) => {
  let client;
  t.after(() => client.socket.dispose()); // before the server stops
  const { Register, Refresh, Books, CreateBook, BookChanged, ...others } = await generatedDocuments();
  assert.deepEqual(others, {});
  const url = `${await startServer(t, { TRUSTED_DOCUMENTS: list })}/graphql`;
  const session = {};
  client = makeApolloClient({ url, session, fetch, generated: { refresh: Refresh } });
  const { client: apollo, socket } = client;

  const input = { username: 'ada', email: 'ada@example.org', password: 'correct horse battery staple' };
  const registered = await apollo.mutate({
    mutation: Register, variables: { input }, fetchPolicy: 'no-cache', context: { anonymous: true },
  });
  Object.assign(session, registered.data.register);
  const changes = queue();
  apollo.subscribe({ query: BookChanged }).subscribe({ next: changes.put, error: changes.put });
  // The text is not trusted, but the response proves that the subscription has started.
  await assert.rejects(roundTrip(socket), ([{ extensions }]) => extensions.code === 'DOCUMENT_NOT_TRUSTED');

  const variables = { input: { title: 'Dune', author: 'Frank Herbert' } };
  const { data: { createBook } } = await apollo.mutate({ mutation: CreateBook, variables });
  assert.deepEqual(createBook.userErrors, []);
  const { data: { bookChanged } } = await changes.take();
  assert.equal(bookChanged.kind, 'CREATED');
  assert.equal(bookChanged.book.title, 'Dune');

  const { accessToken } = session;
  session.accessToken = 'stale';
  const { data: { books } } = await apollo.query({ query: Books, variables: { first: 2 } });
  assert.equal(books.totalCount, 1);
  assert.ok(![accessToken, 'stale'].includes(session.accessToken), 'the token was refreshed');
  // Without __typename in the documents, the cache would contain no objects with an identity.
  assert.ok(apollo.cache.extract()[`Book:${createBook.book.id}`], 'the book is in the cache');
});
