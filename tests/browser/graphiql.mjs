// Manages a library through GraphiQL with the server binary, a real browser and a real proxy. BOOKSHELF_BIN,
// CHROMIUM and NGINX are their paths; SCREENSHOT is the path of an optional screenshot.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { startServer } from '../server.mjs';
import { startNginx } from './nginx.mjs';
import {
  editor, fillJson, fillOperation, openBrowser, openTab, post, response, run, subscribe,
  waitForOperation,
} from './page.mjs';

const { SCREENSHOT } = process.env;

const books = JSON.parse(await readFile(join(import.meta.dirname, 'books.json')));
const newestFirst = books.map((book) => book.isbn).reverse();

const listBackwards = `query ListBooksBackwards($last: Int, $before: String) {
  books(last: $last, before: $before) {
    nodes { id title isbn rating version }
    pageInfo { hasPreviousPage startCursor }
    totalCount
  }
}`;

const updateBook = `mutation UpdateBook($id: ID!, $input: UpdateBookInput!) {
  updateBook(id: $id, input: $input) {
    book { title rating version }
    userErrors { code message }
  }
}`;

const bookChanged = `subscription BookChanged {
  bookChanged { kind bookId book { rating } }
}`;

const deleteBook = `mutation DeleteBook($id: ID!) {
  deleteBook(id: $id) {
    deletedBookId
    userErrors { code message }
  }
}`;

test('a library can be managed through GraphiQL', { timeout: 180_000 }, async (t) => {
  const origin = await startServer(t);
  const { page, problems } = await openBrowser(t, origin);

  const response = await page.goto(origin);
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /script-src 'self'; /);
  assert.doesNotMatch(policy, /unsafe-eval/);
  assert.equal(await page.title(), 'Bookshelf · GraphiQL', 'the server was built without GraphiQL');

  await editor(page, 'Headers').waitFor();
  const tabs = await page.locator('.graphiql-tab-button').allTextContents();
  assert.deepEqual(tabs, ['Register', 'ListBooks', 'CreateBook']);

  // Register with the default variables and use the token in the other tabs.
  const { register } = await run(page);
  assert.deepEqual(register.userErrors, []);
  assert.equal(register.user.username, 'ada');
  const headers = { Authorization: `Bearer ${register.accessToken}` };

  await openTab(page, 'CreateBook');
  await fillJson(page, 'Headers', headers);
  for (const input of books) {
    await fillJson(page, 'Variables', { input });
    const { createBook } = await run(page);
    assert.deepEqual(createBook.userErrors, []);
    const { id, version, ...book } = createBook.book;
    assert.deepEqual(book, input);
    assert.equal(version, 1);
  }

  // Forwards, starting with the default variables.
  await openTab(page, 'ListBooks');
  await fillJson(page, 'Headers', headers);
  await page.getByRole('button', { name: 'Variables' }).click();
  const forwards = [];
  for (;;) {
    const { nodes, pageInfo, totalCount } = (await run(page)).books;
    assert.equal(nodes.length, 10);
    assert.equal(totalCount, books.length);
    forwards.push(...nodes.map((book) => book.isbn));
    if (SCREENSHOT && forwards.length === 10) {
      await page.mouse.move(0, 0);
      await page.screenshot({ path: SCREENSHOT });
    }
    if (!pageInfo.hasNextPage) break;
    await fillJson(page, 'Variables', { first: 10, after: pageInfo.endCursor });
  }
  assert.deepEqual(forwards, newestFirst);

  // Backwards.
  await fillOperation(page, listBackwards);
  const backwards = [];
  for (let before = null; ; ) {
    await fillJson(page, 'Variables', { last: 10, before });
    const { nodes, pageInfo } = (await run(page)).books;
    assert.equal(nodes.length, 10);
    backwards.unshift(...nodes);
    if (!pageInfo.hasPreviousPage) break;
    before = pageInfo.startCursor;
  }
  assert.deepEqual(backwards.map((book) => book.isbn), newestFirst);

  const [changed, deleted] = backwards;
  await fillOperation(page, updateBook);
  await fillJson(page, 'Variables', { id: changed.id, input: { rating: 1, expectedVersion: 1 } });
  assert.deepEqual((await run(page)).updateBook, {
    book: { title: changed.title, rating: 1, version: 2 },
    userErrors: [],
  });

  await fillOperation(page, deleteBook);
  await fillJson(page, 'Variables', { id: deleted.id });
  assert.deepEqual((await run(page)).deleteBook, { deletedBookId: deleted.id, userErrors: [] });

  await fillOperation(page, listBackwards);
  await fillJson(page, 'Variables', { last: 100 });
  const { nodes, totalCount } = (await run(page)).books;
  const remaining = backwards.filter((book) => book !== deleted);
  assert.deepEqual(nodes, remaining.with(0, { ...changed, rating: 1, version: 2 }));
  assert.equal(totalCount, remaining.length);

  // Subscribe with the headers of the tab.
  await fillOperation(page, bookChanged);
  const changes = subscribe(page);
  let change;
  for (let rating = 1; !change; rating = (rating % 5) + 1) {
    // Events are only received once the subscription has started, so updates are repeated.
    await post(origin, headers, { query: updateBook, variables: { id: changed.id, input: { rating } } });
    change = await changes();
  }
  assert.deepEqual(Object.keys(change.bookChanged), ['kind', 'bookId', 'book']);
  assert.equal(change.bookChanged.kind, 'UPDATED');
  assert.equal(change.bookChanged.bookId, changed.id);
  await page.getByRole('button', { name: /^Stop query/ }).click();

  const workers = page.workers().map((worker) => worker.url());
  assert.ok(workers.some((url) => url.startsWith(`${origin}/assets/graphql.worker`)), `${workers}`);
  assert.deepEqual(problems, []);
});

test('GraphiQL works below a path of nginx', { timeout: 120_000 }, async (t) => {
  const proxy = await startNginx(t, await startServer(t));
  const { page, problems } = await openBrowser(t, proxy);
  // The address of the API leads to GraphiQL.
  await page.goto(`${proxy}/books/graphql`);
  assert.equal(page.url(), `${proxy}/books/`);
  await editor(page, 'Headers').waitFor();
  await waitForOperation(page);
  const { register } = await run(page);
  const headers = { Authorization: `Bearer ${register.accessToken}` };

  await openTab(page, 'CreateBook');
  await fillJson(page, 'Headers', headers);
  await fillOperation(page, bookChanged);
  const changes = subscribe(page);
  const createBook = `mutation { createBook(input: { title: "Dune", author: "A" }) { book { id } } }`;
  let change;
  while (!change) {
    await post(`${proxy}/books`, headers, { query: createBook });
    change = await changes();
  }
  assert.equal(change.bookChanged.kind, 'CREATED');
  await page.getByRole('button', { name: /^Stop query/ }).click();
  assert.deepEqual(problems, []);
});

test('a subscription with an expired token shows the error at once', { timeout: 60_000 }, async (t) => {
  const origin = await startServer(t, { ACCESS_TOKEN_TTL: '1s' });
  const { page } = await openBrowser(t, origin);
  await page.goto(origin);
  await editor(page, 'Headers').waitFor();
  await waitForOperation(page);
  const { register } = await run(page);
  await openTab(page, 'ListBooks');
  await fillJson(page, 'Headers', { Authorization: `Bearer ${register.accessToken}` });
  await fillOperation(page, bookChanged);
  await page.waitForTimeout(1_100);
  let requests = 0;
  page.on('request', (request) => { if (request.method() === 'POST') requests += 1; });
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const shown = await response(page);
  assert.deepEqual(shown.errors.map(({ extensions }) => extensions), [
    { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' },
  ]);
  assert.ok(!JSON.stringify(shown).includes('stack'));
  await page.getByRole('button', { name: /^Execute query/ }).waitFor(); // it has ended
  await page.waitForTimeout(2_000);
  assert.equal(requests, 1);
});
