// Manages a library through GraphiQL with the server binary and a real browser. BOOKSHELF_BIN and
// CHROMIUM are the paths of the two; SCREENSHOT is the path of an optional screenshot.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { startServer } from '../server.mjs';

const { CHROMIUM = '/usr/bin/chromium', SCREENSHOT } = process.env;

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

  // Subscribe over WebSocket with the headers of the tab.
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

/** Opens a page and collects unexpected requests and errors. */
async function openBrowser(t, origin) {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--disable-gpu', '--disable-quic'],
  });
  t.after(() => browser.close());
  const context = await browser.newContext({
    permissions: ['clipboard-read', 'clipboard-write'],
    viewport: { width: 1440, height: 900 },
  });
  context.setDefaultTimeout(20_000);

  const problems = [];
  context.on('request', (request) => {
    const { origin: target, protocol } = new URL(request.url());
    if (target !== origin && target !== origin.replace('http', 'ws') && protocol !== 'data:') problems.push(`request to ${request.url()}`);
  });
  // Violations of the content security policy are also reported on the console.
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  context.on('weberror', (error) => problems.push(`${error.error()}`));
  return { page: await context.newPage(), problems };
}

async function openTab(page, name) {
  await page.locator('.graphiql-tab-button', { hasText: name }).click();
  await waitForOperation(page);
}

/** The visible editor with this name; those for variables and headers share one region. */
function editor(page, name) {
  return page.getByRole('region', { name }).locator('.graphiql-editor:not(.hidden)');
}

/** Replaces the content by pasting; the editor would close typed brackets itself. */
async function fill(page, name, text) {
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await editor(page, name).locator('textarea.inputarea').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('ControlOrMeta+V');
  await page.waitForFunction((pasted) => {
    const focused = globalThis.__MONACO.editor.getEditors().find((editor) => editor.hasTextFocus());
    return focused?.getValue() === pasted;
  }, text);
}

async function fillOperation(page, text) {
  await fill(page, 'Operation Editor', text);
  await waitForOperation(page);
}

/** Fills in variables or headers. */
async function fillJson(page, name, value) {
  await page.getByRole('button', { name }).click();
  await fill(page, name, JSON.stringify(value, null, 2));
}

/** Waits until GraphiQL has stored the operation in its editor, which it does with a delay. */
async function waitForOperation(page) {
  await page.waitForFunction(() => {
    const models = globalThis.__MONACO.editor.getModels();
    const operation = models.find((model) => model.uri.path.endsWith('operation.graphql'));
    return localStorage.getItem('graphiql:query') === operation.getValue();
  });
}

/** Executes the operation and returns the data of the response. */
async function run(page) {
  await page.getByRole('button', { name: /^Execute query/ }).click();
  return responseData(page);
}

/** Starts a subscription. Returns a function that reads the latest event, or nothing after 500 ms. */
function subscribe(page) {
  const pressed = page.getByRole('button', { name: /^Execute query/ }).click();
  return async () => {
    await pressed;
    return responseData(page, { timeout: 500 }).catch((error) => {
      if (error.name !== 'TimeoutError') throw error;
    });
  };
}

/** Waits for the response and returns its data. */
async function responseData(page, options) {
  // The page contains only the visible lines of the editor, so the text is read from its model.
  const text = await page.waitForFunction(() => {
    const models = globalThis.__MONACO.editor.getModels();
    return models.find((model) => model.uri.path.endsWith('response.json')).getValue();
  }, undefined, options);
  const { data, errors } = JSON.parse(await text.jsonValue());
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Sends an operation without GraphiQL. */
async function post(origin, headers, body) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200);
}
