// Apollo Client 4, set up as in docs/clients.md.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import WebSocket from 'ws';

import { startServer } from '../server.mjs';
import {
  BOOKS, BOOK_CHANGED, CREATE_BOOK, DELETE_BOOK, addBook, applyChange, removeBook,
} from './apollo/books.mjs';
import { makeApolloClient } from './apollo/client.mjs';
import { bookFile, delaying, png, roundTrip, recording, operationOf, queue, register } from './users.mjs';

globalThis.WebSocket ??= WebSocket; // Node.js has a global WebSocket since version 22
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

async function setUp(t, { env, wrap = (send) => send, ...options } = {}) {
  let client;
  t.after(() => client.socket.dispose()); // before the server stops
  const origin = await startServer(t, env);
  const { session, ...user } = await register(origin);
  const requests = [];
  const url = `${origin}/graphql`;
  client = makeApolloClient({ url, session, sha256, fetch: wrap(recording(requests)), ...options });
  return { url, session, requests, ...user, ...client };
}

test('a list is paged, and books are added and removed in the cache', async (t) => {
  const { client, addBook: add } = await setUp(t);
  for (const title of ['a', 'b', 'c', 'd', 'e']) await add(title);
  const list = client.watchQuery({ query: BOOKS, variables: { first: 2 } });
  const results = queue();
  const subscription = list.subscribe(({ data, loading }) => {
    if (!loading) results.put(data.books.edges.map(({ node }) => node.title).join(''));
  });
  t.after(() => subscription.unsubscribe());

  assert.equal(await results.take(), 'ed');
  let { pageInfo } = list.getCurrentResult().data.books;
  while (pageInfo.hasNextPage) {
    const page = await list.fetchMore({ variables: { after: pageInfo.endCursor } });
    ({ pageInfo } = page.data.books);
  }
  let titles;
  do titles = await results.take(); while (titles.length < 5);
  assert.equal(titles, 'edcba');

  const input = { title: 'f', author: 'A' };
  const created = await client.mutate({ mutation: CREATE_BOOK, variables: { input }, update: addBook });
  assert.deepEqual(created.data.createBook.userErrors, []);
  assert.equal(await results.take(), 'fedcba');
  const { id } = created.data.createBook.bookEdge.node;
  await client.mutate({ mutation: DELETE_BOOK, variables: { id }, update: removeBook });
  assert.equal(await results.take(), 'edcba');
  const cached = client.readQuery({ query: BOOKS, variables: {} });
  assert.equal(cached.books.totalCount, 5);
});

test('a new book is in the list once, whether its event or the response of its mutation comes first', async (t) => {
  for (const delayed of ['event', 'response']) {
    const { client, socket, ask } = await setUp(t, { wrap: delaying(delayed) });
    await client.query({ query: BOOKS, variables: { first: 4 } });
    const cached = () => {
      const { books } = client.readQuery({ query: BOOKS, variables: {} });
      return `${books.edges.map(({ node }) => node.title).join('')} ${books.totalCount}`;
    };
    const order = [];
    const changes = queue();
    client.subscribe({ query: BOOK_CHANGED }).subscribe(async ({ data: { bookChanged } }) => {
      if (delayed === 'event') await new Promise((elapsed) => { setTimeout(elapsed, 1_000); });
      applyChange(client.cache, bookChanged);
      order.push('event');
      changes.put(bookChanged.kind);
    });
    await roundTrip(socket);
    const variables = { input: { title: 'a', author: 'A' } };
    const created = await client.mutate({ mutation: CREATE_BOOK, variables, update: addBook });
    order.push('response');
    assert.equal(await changes.take(), 'CREATED');
    assert.deepEqual(order, delayed === 'event' ? ['response', 'event'] : ['event', 'response']);
    assert.equal(cached(), 'a 1', `${delayed} delayed`);
    // Another device deletes it.
    const { id } = created.data.createBook.bookEdge.node;
    await ask('mutation($id: ID!) { deleteBook(id: $id) { deletedBookId } }', { id });
    assert.equal(await changes.take(), 'DELETED');
    assert.equal(cached(), ' 0');
  }
});

test('ten concurrently rejected operations share one refresh and are each retried once', async (t) => {
  const { client, session, requests } = await setUp(t);
  const { refreshToken } = session;
  session.accessToken = 'stale';
  const query = gql`query Page($page: Int!) { booksPage(page: $page) { page total } }`;
  const pages = Array.from({ length: 10 }, (_, index) => index + 1);
  const results = await Promise.all(pages.map((page) => client.query({ query, variables: { page } })));
  assert.deepEqual(results.map(({ data }) => data.booksPage.page), pages);
  const names = requests.map(operationOf);
  assert.equal(names.filter((name) => name === 'Refresh').length, 2, 'one refresh: by hash, then with its text');
  assert.notEqual(session.refreshToken, refreshToken);
  // Each operation is sent by hash, possibly with its text, and once more with the new token.
  assert.ok(names.filter((name) => name === 'Page').length <= 30, `${names.length} requests`);
});

test('an ended session returns an error and is not retried in a loop', async (t) => {
  const { client, session, requests, ask } = await setUp(t);
  await ask('mutation { logout { revokedSessions } }');
  const query = gql`query Viewer { viewer { id } }`;
  await assert.rejects(client.query({ query }), ({ errors }) => {
    assert.equal(errors[0].extensions.reason, 'SESSION_ENDED');
    return true;
  });
  assert.ok(requests.length <= 6, `${requests.length} requests`);
  assert.ok(session.refreshToken);
});

test('a document is sent once and then requested by its hash over GET', async (t) => {
  const { client, requests } = await setUp(t);
  const query = gql`query Viewer { viewer { id } }`;
  for (let time = 0; time < 3; time += 1) await client.query({ query, fetchPolicy: 'network-only' });
  assert.deepEqual(requests.map(({ method }) => method), ['GET', 'POST', 'GET', 'GET']);
  assert.deepEqual(requests.map(({ status }) => status), [200, 200, 200, 200]);
  const withText = requests.filter(({ url, body }) => url.searchParams.has('query') || body?.query);
  assert.equal(withText.length, 1);
});

test('events arrive over WebSocket', async (t) => {
  const { client, socket, addBook: add, ask } = await setUp(t);
  const changes = queue();
  client.subscribe({ query: BOOK_CHANGED }).subscribe(changes.put);
  await roundTrip(socket);
  const id = await add('Dune');
  const created = await changes.take();
  assert.equal(created.data.bookChanged.kind, 'CREATED');
  assert.equal(created.data.bookChanged.bookEdge.node.title, 'Dune');
  await ask('mutation($id: ID!) { updateBook(id: $id, input: { rating: 5 }) { book { id } } }', { id });
  assert.equal((await changes.take()).data.bookChanged.bookEdge.node.rating, 5);
  await ask('mutation($id: ID!) { deleteBook(id: $id) { deletedBookId } }', { id });
  const { kind, bookId, bookEdge } = (await changes.take()).data.bookChanged;
  assert.deepEqual({ kind, bookId, bookEdge }, { kind: 'DELETED', bookId: id, bookEdge: null });
});

test('a token that expires during a connection is refreshed and the subscription continues', async (t) => {
  const retryWait = () => Promise.resolve();
  const { client, socket, session } = await setUp(t, {
    env: { ACCESS_TOKEN_TTL: '2s' },
    socket: { retryWait, retryAttempts: 10 },
  });
  const { accessToken } = session;
  const changes = queue();
  const connections = queue();
  socket.on('connected', () => connections.put('connected'));
  socket.on('closed', ({ code }) => connections.put(code));
  client.subscribe({ query: BOOK_CHANGED }).subscribe(changes.put);
  assert.equal(await connections.take(), 'connected');
  assert.equal(await connections.take(), 4403);
  assert.equal(await connections.take(), 'connected');
  assert.notEqual(session.accessToken, accessToken);
  await roundTrip(socket);
  await client.mutate({
    mutation: CREATE_BOOK,
    variables: { input: { title: 'Emma', author: 'Jane Austen' } },
  });
  assert.equal((await changes.take()).data.bookChanged.bookEdge.node.title, 'Emma');
});

test('events arrive in a multipart response', async (t) => {
  const { url, authenticate, refreshAndRetry, addBook: add } = await setUp(t);
  const started = queue();
  const recordStart = async (...request) => {
    const response = await fetch(...request);
    started.put(response.headers.get('content-type'));
    return response;
  };
  const client = new ApolloClient({
    link: ApolloLink.from([refreshAndRetry, authenticate, new HttpLink({ uri: url, fetch: recordStart })]),
    cache: new InMemoryCache(),
  });
  const changes = queue();
  const subscription = client.subscribe({ query: BOOK_CHANGED }).subscribe(changes.put);
  assert.match(await started.take(), /^multipart\/mixed/);
  await add('Dune');
  assert.equal((await changes.take()).data.bookChanged.bookEdge.node.title, 'Dune');
  subscription.unsubscribe();
});

test('a cover is uploaded and shown', async (t) => {
  const { client, session, requests, addBook: add } = await setUp(t);
  const id = await add('Dune');
  const book = gql`query Cover($id: ID!) { book(id: $id) { id cover { url width } } }`;
  const cached = async () => (await client.query({ query: book, variables: { id } })).data.book.cover;
  assert.equal(await cached(), null);
  const mutation = gql`
    mutation SetCover($id: ID!, $file: Upload!) {
      setBookCover(id: $id, file: $file) {
        book { id version cover { url width } }
        userErrors { code message field }
      }
    }
  `;
  const upload = async (content) => {
    const variables = { id, file: new File([content], 'cover.png') };
    return (await client.mutate({ mutation, variables })).data.setBookCover;
  };
  const rejected = await upload('no image');
  assert.deepEqual(rejected.userErrors.map(({ code, field }) => ({ code, field })), [
    { code: 'UNSUPPORTED_FILE', field: ['file'] },
  ]);
  session.accessToken = 'stale'; // refreshed, and then the file is sent again
  const done = await upload(png);
  assert.deepEqual(done.userErrors, []);
  assert.equal(done.book.cover.width, 1);
  assert.equal((await cached()).url, done.book.cover.url, 'the cache has the new cover');
  assert.deepEqual(requests.filter((request) => operationOf(request) === 'SetCover').map(({ status }) => status), [200, 401, 200]);
  const image = await fetch(done.book.cover.url); // as an <img> does
  assert.match(image.headers.get('content-type'), /^image\/(jpeg|webp)$/);
  assert.ok((await image.arrayBuffer()).byteLength > 0);
});

const IMPORT_PROGRESS = gql`
  subscription ImportProgress($id: ID!) { importProgress(id: $id) { id state total created } }
`;

test('an import is followed to its end', async (t) => {
  const { client, importFile } = await setUp(t);
  const job = await importFile(bookFile(2_000));
  const events = queue();
  client.subscribe({ query: IMPORT_PROGRESS, variables: { id: job.id } }).subscribe({
    next: ({ data, error }) => events.put(error ?? data.importProgress),
    complete: () => events.put('complete'),
  });
  let last;
  for (let event = await events.take(); event !== 'complete'; event = await events.take()) {
    assert.equal(event.id, job.id);
    assert.ok(!last || event.created >= last.created);
    last = event;
  }
  assert.deepEqual([last.state, last.total, last.created], ['DONE', 2_000, 2_000]);
});
