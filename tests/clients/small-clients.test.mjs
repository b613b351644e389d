// The small clients: graphql-request, graphql-ws and graphql-sse.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ClientError, GraphQLClient } from 'graphql-request';
import { createClient as createEvents } from 'graphql-sse';
import { createClient as createSocket } from 'graphql-ws';
import WebSocket from 'ws';

import { startServer } from '../server.mjs';
import { roundTrip, queue, register } from './users.mjs';

const CHANGES = 'subscription { bookChanged { kind book { title } } }';
const created = { data: { bookChanged: { kind: 'CREATED', book: { title: 'Dune' } } } };

async function setUp(t) {
  const origin = await startServer(t);
  return { url: `${origin}/graphql`, ...await register(origin) };
}

const bearer = ({ accessToken }) => ({ authorization: `Bearer ${accessToken}` });

test('graphql-request receives data, and errors with their codes', async (t) => {
  const { url, session, addBook } = await setUp(t);
  await addBook('Dune');
  const client = new GraphQLClient(url, { headers: bearer(session) });
  const query = 'query Books($first: Int) { books(first: $first) { nodes { title } } }';
  assert.deepEqual(await client.request(query, { first: 5 }), { books: { nodes: [{ title: 'Dune' }] } });
  for (const [document, variables, code, status] of [
    ['{ nothing }', {}, 'GRAPHQL_VALIDATION_FAILED', 400],
    [query, { first: 'five' }, 'BAD_USER_INPUT', 400],
    [query, { first: 101 }, 'BAD_USER_INPUT', 400],
  ]) {
    await assert.rejects(client.request(document, variables), (error) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.response.errors[0].extensions.code, code);
      assert.equal(error.response.status, status);
      return true;
    });
  }
  await assert.rejects(new GraphQLClient(url).request(query), ({ response }) => response.status === 401);
});

test('graphql-ws receives events and errors', async (t) => {
  let client;
  t.after(() => client.dispose());
  const { url, session, addBook } = await setUp(t);
  client = createSocket({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: bearer(session),
  });
  const changes = queue();
  client.subscribe({ query: CHANGES }, { next: changes.put, error: changes.put, complete() {} });
  await roundTrip(client);
  await addBook('Dune');
  assert.deepEqual(await changes.take(), created);
  const errors = new Promise((resolve, reject) => {
    client.subscribe({ query: '{ nothing }' }, { next: reject, error: resolve, complete: reject });
  });
  assert.equal((await errors)[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
});

test('graphql-ws reconnects with another token after close code 4403', async (t) => {
  let client;
  t.after(() => client.dispose());
  const { url, session } = await setUp(t);
  let attempts = 0;
  const closed = queue();
  client = createSocket({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: () => {
      attempts += 1;
      return attempts === 1 ? { authorization: 'Bearer stale' } : bearer(session);
    },
    retryWait: () => Promise.resolve(),
    on: { closed: closed.put },
  });
  await roundTrip(client);
  assert.equal(attempts, 2);
  assert.equal((await closed.take()).code, 4403);
});

test('graphql-sse receives events, results and errors', async (t) => {
  const { url, session, addBook } = await setUp(t);
  const started = queue();
  const client = createEvents({
    url,
    headers: bearer(session),
    retryAttempts: 0,
    fetchFn: async (...request) => {
      const response = await fetch(...request);
      started.put(response.headers.get('content-type'));
      return response;
    },
  });
  t.after(() => client.dispose());
  const changes = queue();
  client.subscribe({ query: CHANGES }, { next: changes.put, error: changes.put, complete() {} });
  assert.equal(await started.take(), 'text/event-stream; charset=utf-8');
  await addBook('Dune');
  assert.deepEqual(await changes.take(), created);

  const results = [];
  for await (const result of client.iterate({ query: '{ __typename }' })) results.push(result);
  assert.deepEqual(results, [{ data: { __typename: 'Query' } }]);
  const rejected = [];
  for await (const result of client.iterate({ query: '{ nothing }' })) rejected.push(result);
  assert.equal(rejected[0].errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
});
