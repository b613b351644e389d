// docs/clients.md contains the files that the other tests run.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { page, updated } from './snippets.mjs';

test('the snippets in docs/clients.md are up to date', async () => {
  const { names, text } = await updated();
  for (const client of ['apollo/client.mjs', 'apollo/books.mjs', 'apollo/upload.mjs', 'urql/client.mjs', 'relay/environment.js', 'relay/books.js']) {
    assert.ok(names.includes(`tests/clients/${client}`), `${client} is on the page`);
  }
  assert.equal(await readFile(page, 'utf8'), text, 'to update it: npm run snippets');
});
