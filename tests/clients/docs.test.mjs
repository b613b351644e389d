// docs/clients.md shows the files that the other tests run.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { page, renewed } from './snippets.mjs';

test('the snippets of the page are the files that run', async () => {
  const { names, text } = await renewed();
  for (const client of ['apollo/client.mjs', 'apollo/books.mjs', 'urql/client.mjs', 'relay/environment.js', 'relay/books.js']) {
    assert.ok(names.includes(`tests/clients/${client}`), `${client} is on the page`);
  }
  assert.equal(await readFile(page, 'utf8'), text, 'to renew it: npm run snippets');
});
