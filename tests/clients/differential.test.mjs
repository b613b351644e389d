// What graphql-js accepts and refuses, the server accepts and refuses: documents for each of its
// validation rules, variables of every type in every place with all kinds of values, and documents
// that are broken at random, the same in every run.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  buildSchema, getOperationAST, getVariableValues, parse, specifiedRules, validate,
} from 'graphql';

import { startServer } from '../server.mjs';
import { breakings, byRule, inFrames, variables } from './differential/documents.mjs';

const sdl = await readFile(join(import.meta.dirname, '../../schema.graphql'), 'utf8');
const schema = buildSchema(sdl);

/** What graphql-js says of a request. */
function expected({ query, operationName, variables: values }) {
  let document;
  try {
    document = parse(query);
  } catch {
    return 'no document';
  }
  if (validate(schema, document).length > 0) return 'not valid';
  const operation = getOperationAST(document, operationName);
  if (!operation) return 'no operation';
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], values ?? {});
  return errors ? 'wrong variables' : 'runs';
}

/** What the server says of it. */
async function found(url, request) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/graphql-response+json', 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  if ('data' in answer) return 'runs';
  const { code } = answer.errors[0].extensions;
  const says = {
    GRAPHQL_PARSE_FAILED: 'no document',
    GRAPHQL_VALIDATION_FAILED: 'not valid',
    OPERATION_RESOLUTION_FAILURE: 'no operation',
    BAD_USER_INPUT: 'wrong variables',
    NOT_ACCEPTABLE: 'runs', // a subscription, elsewhere
    QUERY_TOO_DEEP: 'not valid', // introspection, by a rule of graphql-js too
    UNAUTHENTICATED: 'runs',
  };
  return says[code] ?? code;
}

async function compare(t, requests) {
  const url = `${await startServer(t, { RATE_LIMITS: 'off' })}/graphql`;
  const counts = {};
  const differences = [];
  for (const request of requests) {
    const [theirs, ours] = [expected(request), await found(url, request)];
    counts[theirs] = (counts[theirs] ?? 0) + 1;
    if (theirs !== ours) differences.push({ ...request, theirs, ours });
  }
  const shown = differences.slice(0, 20).map((it) => JSON.stringify(it)).join('\n');
  assert.ok(differences.length === 0, `${differences.length} of ${requests.length} differ:\n${shown}`);
  return counts;
}

test('every rule of graphql-js has its documents', () => {
  const rules = specifiedRules.map(({ name }) => name.replace(/Rule$/, ''));
  assert.deepEqual(Object.keys(byRule).sort(), rules.sort());
  for (const [rule, documents] of Object.entries(byRule)) {
    const { [rule + 'Rule']: only } = Object.fromEntries(specifiedRules.map((it) => [it.name, it]));
    const broken = documents.filter((query) => {
      try {
        return validate(schema, parse(query), [only]).length > 0;
      } catch {
        return false;
      }
    });
    assert.ok(broken.length >= 2, `${rule} is broken by ${broken.length} documents`);
    assert.ok(broken.length < documents.length, `${rule} is always broken`);
  }
});

test('documents by rule', { timeout: 120_000 }, async (t) => {
  const requests = inFrames(Object.values(byRule).flat());
  assert.ok(requests.length >= 600, `${requests.length} documents`);
  const counts = await compare(t, requests);
  assert.ok(counts.runs > 100 && counts['not valid'] > 300, JSON.stringify(counts));
});

test('variables of every type in every place', { timeout: 240_000 }, async (t) => {
  const requests = variables();
  const counts = await compare(t, requests);
  assert.ok(counts.runs > 200 && counts['not valid'] > 200, JSON.stringify(counts));
  assert.ok(counts['wrong variables'] > 200, JSON.stringify(counts));
});

test('documents broken at random', { timeout: 120_000 }, async (t) => {
  const documents = Object.values(byRule).flat();
  const counts = await compare(t, breakings(documents, 2_000).map((query) => ({ query })));
  assert.ok(counts['no document'] > 100 && counts['not valid'] > 100, JSON.stringify(counts));
});
