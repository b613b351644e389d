// urql, set up as in docs/clients.md.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { gql } from '@urql/core';
import { getIntrospectedSchema, minifyIntrospectionQuery } from '@urql/introspection';
import {
  buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema,
} from 'graphql';

import { startServer } from '../server.mjs';
import { bookFile, delaying, png, recording, operationOf, queue, register } from './users.mjs';
import { makeUrqlClient } from './urql/client.mjs';

const sdl = await readFile(join(import.meta.dirname, '../../schema.graphql'), 'utf8');

const BOOKS = gql`
  query Books($first: Int!, $after: String) {
    books(first: $first, after: $after) {
      totalCount
      edges { cursor node { id title } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const CREATE = gql`
  mutation CreateBook($input: CreateBookInput!, $idempotencyKey: String) {
    createBook(input: $input, idempotencyKey: $idempotencyKey) {
      bookEdge { cursor node { id title } }
      userErrors { code message }
    }
  }
`;
const DELETE = gql`
  mutation DeleteBook($id: ID!) { deleteBook(id: $id) { deletedBookId userErrors { code } } }
`;
const CHANGES = gql`
  subscription { bookChanged { kind bookId bookEdge { cursor node { id title } } } }
`;

const sorted = (schema) => printSchema(lexicographicSortSchema(schema));

async function setUp(t, wrap = (send) => send) {
  const origin = await startServer(t);
  const { session, ...user } = await register(origin);
  const introspection = await user.ask(getIntrospectionQuery());
  const schema = minifyIntrospectionQuery(getIntrospectedSchema(introspection));
  assert.equal(sorted(buildClientSchema(introspection)), sorted(buildSchema(sdl)), 'schema.graphql matches the introspection');
  const requests = [];
  const client = makeUrqlClient({ url: `${origin}/graphql`, session, schema, fetch: wrap(recording(requests)) });
  return { client, session, requests, ...user };
}

const titles = ({ data, error }) => {
  assert.equal(error, undefined);
  return data.books.edges.map(({ node }) => node.title).join('');
};

test('a list is paged, and books are added and removed in the cache', async (t) => {
  const { client, addBook } = await setUp(t);
  for (const title of ['a', 'b', 'c', 'd']) await addBook(title);
  const first = await client.query(BOOKS, { first: 2 });
  assert.equal(titles(first), 'dc');
  const second = await client.query(BOOKS, { first: 2, after: first.data.books.pageInfo.endCursor });
  assert.equal(titles(second), 'dcba');
  assert.equal(second.data.books.pageInfo.hasNextPage, false);
  assert.equal(titles(client.readQuery(BOOKS, { first: 2 })), 'dcba');

  const results = queue();
  const { unsubscribe } = client.query(BOOKS, { first: 2 }).subscribe((result) => {
    if (!result.stale) results.put(result);
  });
  assert.equal(titles(await results.take()), 'dcba');
  const created = await client.mutation(CREATE, { input: { title: 'e', author: 'A' } });
  const { id } = created.data.createBook.bookEdge.node;
  assert.match(titles(await results.take()), /^ed/);
  assert.equal(client.readQuery(gql`query($id: ID!) { book(id: $id) { id title } }`, { id }).data.book.title, 'e');
  await client.mutation(DELETE, { id });
  assert.match(titles(await results.take()), /^dc/);
  unsubscribe();
});

/** The cached list, as titles and total: that of each loaded page. */
function cachedList(client, variables) {
  const { data } = client.readQuery(BOOKS, variables);
  return `${data.books.edges.map(({ node }) => node.title).join('')} ${data.books.totalCount}`;
}

test('loaded pages stay complete when books are created and deleted', async (t) => {
  const { client, requests, addBook } = await setUp(t);
  const ids = {};
  for (const title of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) ids[title] = await addBook(title);
  const pages = [{ first: 4 }];
  const first = await client.query(BOOKS, pages[0]);
  pages.push({ first: 4, after: first.data.books.pageInfo.endCursor });
  assert.equal(titles(await client.query(BOOKS, pages[1])), 'gfedcba');
  const results = queue();
  const { unsubscribe } = client.query(BOOKS, pages[1]).subscribe(results.put);
  assert.equal(titles(await results.take()), 'gfedcba');
  const before = requests.length;

  await client.mutation(CREATE, { input: { title: 'h', author: 'A' } });
  for (const page of pages) assert.equal(cachedList(client, page), 'hgfedcba 8');
  assert.equal(titles(await results.take()), 'hgfedcba');
  // The last book of the first page, the first of the second page, and one within a page.
  for (const [title, left] of [['d', 'hgfecba 7'], ['c', 'hgfeba 6'], ['f', 'hgeba 5']]) {
    await client.mutation(DELETE, { id: ids[title] });
    for (const page of pages) assert.equal(cachedList(client, page), left);
  }
  const sent = requests.slice(before).map(operationOf);
  assert.ok(!sent.includes('Books'), `no list is fetched again: ${sent}`);
  unsubscribe();
});

test('a new book is in the list once, whether its event or the response of its mutation comes first', async (t) => {
  for (const delayed of ['events', 'response']) {
    const { client, requests } = await setUp(t, delaying(delayed));
    await client.query(BOOKS, { first: 4 });
    const changes = queue();
    const subscription = client.subscription(CHANGES, {}).subscribe(changes.put);
    while (requests.at(-1).method !== 'POST') await new Promise(setImmediate); // the stream has started
    const order = [];
    const event = changes.take().then(() => order.push('event'));
    const input = { title: 'a', author: 'A' };
    const response = client.mutation(CREATE, { input }).then(() => order.push('response'));
    await Promise.all([event, response]);
    assert.deepEqual(order, delayed === 'events' ? ['response', 'event'] : ['event', 'response']);
    assert.equal(cachedList(client, { first: 4 }), 'a 1', `${delayed} delayed`);
    subscription.unsubscribe();
  }
});

test('a token that is about to expire is refreshed before a request is sent', async (t) => {
  const { client, session, requests } = await setUp(t);
  session.accessTokenExpiresAt = new Date(Date.now() + 5_000).toISOString();
  const query = gql`query Page($page: Int!) { booksPage(page: $page) { page } }`;
  const pages = Array.from({ length: 10 }, (_, index) => index + 1);
  const results = await Promise.all(pages.map((page) => client.query(query, { page })));
  assert.deepEqual(results.map(({ data }) => data?.booksPage.page), pages);
  const names = requests.map(operationOf);
  assert.equal(names[0], 'Refresh');
  assert.equal(names.filter((name) => name === 'Refresh').length, 1);
});

test('a rejected token is refreshed and every request is retried', async (t) => {
  const { client, session, requests } = await setUp(t);
  session.accessToken = 'stale';
  const query = gql`query Page($page: Int!) { booksPage(page: $page) { page } }`;
  const pages = Array.from({ length: 10 }, (_, index) => index + 1);
  const results = await Promise.all(pages.map((page) => client.query(query, { page })));
  assert.deepEqual(results.map(({ data }) => data?.booksPage.page), pages);
  // One refresh for all requests, and another if a response to the old token arrives late.
  const refreshes = requests.map(operationOf).filter((name) => name === 'Refresh');
  assert.ok(refreshes.length >= 1 && refreshes.length <= 2, `${refreshes.length} refreshes`);
});

test('a document is sent once and then requested by its hash', async (t) => {
  const { client, requests } = await setUp(t);
  const query = gql`query Viewer { viewer { id } }`;
  for (let time = 0; time < 3; time += 1) {
    const { error } = await client.query(query, {}, { requestPolicy: 'network-only' });
    assert.equal(error, undefined);
  }
  assert.equal(requests.length, 4);
  assert.ok(requests.every(({ status, method }) => status === 200 && method === 'GET'));
  const withText = requests.filter(({ url }) => url.searchParams.has('query'));
  assert.equal(withText.length, 1);
  assert.ok(JSON.parse(withText[0].url.searchParams.get('extensions')).persistedQuery.miss);
});

test('events arrive as Server-Sent Events and update the cache', async (t) => {
  const { client, requests, addBook, ask } = await setUp(t);
  const id = await addBook('Dune');
  await client.query(BOOKS, { first: 2 });
  const results = queue();
  const list = client.query(BOOKS, { first: 2 }).subscribe(results.put);
  assert.equal(titles(await results.take()), 'Dune');
  const changes = queue();
  const subscription = client.subscription(CHANGES, {}).subscribe(changes.put);
  while (requests.at(-1).method !== 'POST') await new Promise(setImmediate); // the stream has started
  await ask('mutation($id: ID!) { updateBook(id: $id, input: { title: "Dune Messiah" }) { book { id } } }', { id });
  const { data, error } = await changes.take();
  assert.equal(error, undefined);
  assert.equal(data.bookChanged.bookEdge.node.title, 'Dune Messiah');
  assert.equal(titles(await results.take()), 'Dune Messiah');
  subscription.unsubscribe();
  list.unsubscribe();
});

test('a cover is uploaded and shown', async (t) => {
  const { client, addBook: add } = await setUp(t);
  const id = await add('Dune');
  const book = gql`query Cover($id: ID!) { book(id: $id) { id cover { url width } } }`;
  const cached = async () => (await client.query(book, { id })).data.book.cover;
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
    const { data, error } = await client.mutation(mutation, { id, file: new File([content], 'cover.png') });
    assert.equal(error, undefined);
    return data.setBookCover;
  };
  assert.equal((await upload('no image')).userErrors[0].code, 'UNSUPPORTED_FILE');
  const { book: { cover } } = await upload(png);
  assert.equal(cover.width, 1);
  assert.equal((await cached()).url, cover.url, 'the cache has the new cover');
  const image = await fetch(cover.url); // as an <img> does
  assert.match(image.headers.get('content-type'), /^image\/(jpeg|webp)$/);
});

const IMPORT_PROGRESS = gql`
  subscription ImportProgress($id: ID!) { importProgress(id: $id) { id state total created } }
`;

test('an import is followed to its end', async (t) => {
  const { client, importFile } = await setUp(t);
  const job = await importFile(bookFile(2_000));
  const events = queue();
  const subscription = client.subscription(IMPORT_PROGRESS, { id: job.id }).subscribe(events.put);
  t.after(() => subscription.unsubscribe());
  let created = 0;
  for (;;) {
    const { data, error } = await events.take();
    assert.equal(error, undefined);
    const progress = data.importProgress;
    assert.equal(progress.id, job.id);
    assert.ok(progress.created >= created);
    ({ created } = progress);
    if (progress.state !== 'RUNNING') {
      assert.deepEqual([progress.state, progress.total, created], ['DONE', 2_000, 2_000]);
      return;
    }
  }
});
