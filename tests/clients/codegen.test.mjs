// GraphQL Code Generator: `npm run codegen` checks its types; this test runs its persisted documents.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { startServer } from '../server.mjs';

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
