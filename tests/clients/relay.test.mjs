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
import { Changes, CreateBook, DeleteBook, LibraryQuery, applyChange, library } from './relay/books.js';
import { makeEnvironment } from './relay/environment.js';

const {
  ConnectionHandler, Environment, Observable, commitMutation, createOperationDescriptor, fetchQuery, getFragment,
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
    connections() {
      const { id } = environment.lookup(operation.fragment).data.viewer;
      return [ConnectionHandler.getConnectionID(id, 'library_books')];
    },
  };
}

/** Applies the events to the list. Returns a queue of them. */
async function follow({ environment, sockets }, list) {
  const changes = queue();
  requestSubscription(environment, {
    subscription: Changes,
    variables: {},
    updater: applyChange(list.connections()),
    onNext: changes.put,
    onError: changes.put,
  });
  await roundTrip(sockets);
  return changes;
}

/** The same environment, in which what an operation receives arrives half a second later. */
function delayed(environment, operation) {
  const network = environment.getNetwork();
  const later = (act) => { setTimeout(act, 500); };
  const execute = (params, ...rest) => {
    const source = network.execute(params, ...rest);
    if (params.name !== operation) return source;
    return Observable.create((sink) => source.subscribe({
      next: (value) => later(() => sink.next(value)),
      complete: () => later(() => sink.complete()),
      error: sink.error,
    }));
  };
  return new Environment({ network: { execute }, store: environment.getStore() });
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

  const connections = list.connections();
  const input = { title: 'f', author: 'A' };
  const { createBook } = await commit(environment, CreateBook, { input, connections });
  assert.deepEqual(createBook.userErrors, []);
  assert.equal(list.titles(), 'fedcba');
  await commit(environment, DeleteBook, { id: createBook.bookEdge.node.id, connections });
  assert.equal(list.titles(), 'edcba');
});

test('subscription events update the list', async (t) => {
  const { environment, sockets, addBook, ask } = await setUp(t);
  const ids = [];
  for (const title of ['a', 'b', 'c']) ids.push(await addBook(title));
  const list = pages(environment, 2);
  await list.load();
  assert.equal(list.titles(), 'cb');
  const changes = await follow({ environment, sockets }, list);
  const kinds = async () => (await changes.take()).bookChanged.kind;

  await addBook('d');
  assert.equal(await kinds(), 'CREATED');
  assert.equal(list.titles(), 'dcb');
  await ask('mutation($id: ID!) { updateBook(id: $id, input: { title: "B" }) { book { id } } }', { id: ids[1] });
  assert.equal(await kinds(), 'UPDATED');
  assert.equal(list.titles(), 'dcB');
  // A book of a page that is not loaded does not appear at the front.
  await ask('mutation($id: ID!) { updateBook(id: $id, input: { title: "A" }) { book { id } } }', { id: ids[0] });
  assert.equal(await kinds(), 'UPDATED');
  assert.equal(list.titles(), 'dcB');
  await ask('mutation($id: ID!) { deleteBook(id: $id) { deletedBookId } }', { id: ids[2] });
  assert.equal(await kinds(), 'DELETED');
  assert.equal(list.titles(), 'dB');
  await list.loadNext(2);
  assert.equal(list.titles(), 'dBA');
});

test('a new book is in the list once, whether its event or its response comes first', async (t) => {
  for (const [late, expected] of [
    ['booksCreateMutation', ['event', 'response']],
    ['booksChangedSubscription', ['response', 'event']],
  ]) {
    const { environment, sockets, addBook } = await setUp(t);
    await addBook('a');
    const list = pages(environment, 10);
    await list.load();
    const slow = delayed(environment, late);
    const changes = await follow({ environment: slow, sockets }, list);
    const order = [];
    const input = { title: 'b', author: 'A' };
    await Promise.all([
      commit(slow, CreateBook, { input, connections: list.connections() }).then(() => order.push('response')),
      changes.take().then(() => order.push('event')),
    ]);
    assert.deepEqual(order, expected);
    assert.equal(list.titles(), 'ba', late);
  }
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
