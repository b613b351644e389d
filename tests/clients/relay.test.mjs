// Relay: its compiler with schema.graphql, and its runtime with the server, as in docs/clients.md.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import relay from 'relay-runtime';
import WebSocket from 'ws';

import { startServer } from '../server.mjs';
import { roundTrip, queue, register } from './users.mjs';
import { Changes, CreateBook, DeleteBook, LibraryQuery, library } from './relay/books.js';
import { makeEnvironment } from './relay/environment.js';

const {
  ConnectionHandler, commitMutation, createOperationDescriptor, fetchQuery, getFragment,
  getPaginationMetadata, getPaginationVariables, getRequest, getSelector, requestSubscription,
} = relay;

const persisted = join(import.meta.dirname, 'relay/__generated__/persisted.json');

async function setUp(t) {
  let relayClient;
  t.after(() => relayClient.sockets.dispose()); // before the server stops
  const origin = await startServer(t);
  const { session, ...user } = await register(origin);
  relayClient = makeEnvironment({ url: `${origin}/graphql`, session, socket: { webSocketImpl: WebSocket } });
  return { ...user, ...relayClient };
}

const commit = (environment, mutation, variables) => new Promise((resolve, reject) => {
  commitMutation(environment, { mutation, variables, onCompleted: resolve, onError: reject });
});

/** The pages of the library, managed like usePaginationFragment does. */
function pages(environment, first) {
  const { paginationRequest, paginationMetadata } = getPaginationMetadata(getFragment(library), 'pages');
  const operation = createOperationDescriptor(getRequest(LibraryQuery), { first });
  const selector = () => getSelector(library, environment.lookup(operation.fragment).data.viewer);
  const read = () => environment.lookup(selector()).data;
  environment.retain(operation);
  return {
    load: () => fetchQuery(environment, LibraryQuery, { first }).toPromise(),
    async loadNext(count) {
      const { owner, variables } = selector();
      const { endCursor } = read().books.pageInfo;
      const base = { ...owner.variables, ...variables };
      const page = getPaginationVariables('forward', count, endCursor, base, {}, paginationMetadata);
      page.id = environment.lookup(operation.fragment).data.viewer.id;
      await fetchQuery(environment, paginationRequest, page).toPromise();
    },
    hasNext: () => read().books.pageInfo.hasNextPage,
    titles: () => read().books.edges.map(({ node }) => node.title).join(''),
    id: () => environment.lookup(operation.fragment).data.viewer.id,
  };
}

test('a library is paged through node, and books are added and removed', async (t) => {
  const { environment, addBook } = await setUp(t);
  for (const title of ['a', 'b', 'c', 'd', 'e']) await addBook(title);
  const list = pages(environment, 2);
  await list.load();
  assert.equal(list.titles(), 'ed');
  await list.loadNext(2);
  assert.equal(list.titles(), 'edcb');
  assert.equal(list.hasNext(), true);
  await list.loadNext(2);
  assert.equal(list.titles(), 'edcba');
  assert.equal(list.hasNext(), false);

  const connections = [ConnectionHandler.getConnectionID(list.id(), 'library_books')];
  const input = { title: 'f', author: 'A' };
  const { createBook } = await commit(environment, CreateBook, { input, connections });
  assert.deepEqual(createBook.userErrors, []);
  assert.equal(list.titles(), 'fedcba');
  await commit(environment, DeleteBook, { id: createBook.bookEdge.node.id, connections });
  assert.equal(list.titles(), 'edcba');
});

test('subscription events update the store', async (t) => {
  const { environment, sockets, addBook, ask } = await setUp(t);
  const id = await addBook('Dune');
  const list = pages(environment, 2);
  await list.load();
  const changes = queue();
  requestSubscription(environment, { subscription: Changes, variables: {}, onNext: changes.put, onError: changes.put });
  await roundTrip(sockets);
  await ask('mutation($id: ID!) { updateBook(id: $id, input: { title: "Dune Messiah" }) { book { id } } }', { id });
  const { bookChanged } = await changes.take();
  assert.equal(bookChanged.kind, 'UPDATED');
  assert.equal(list.titles(), 'Dune Messiah');
});

test('only the persisted documents of the compiler run, by their ids', async (t) => {
  const texts = JSON.parse(await readFile(persisted));
  for (const [id, text] of Object.entries(texts)) {
    assert.equal(createHash('sha256').update(text).digest('hex'), id);
  }
  const origin = await startServer(t, { TRUSTED_DOCUMENTS: persisted });
  const post = async (body) => {
    const response = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json();
  };
  const { id, name } = getRequest(LibraryQuery).params;
  const request = { documentId: `sha256:${id}`, operationName: name, variables: { first: 2 } };
  assert.deepEqual(await post(request), { data: { viewer: null } });
  for (const body of [{ query: '{ __typename }' }, { documentId: 'unknown' }]) {
    const { errors } = await post(body);
    assert.equal(errors[0].extensions.code, 'DOCUMENT_NOT_TRUSTED');
  }
});
