// Compares the server's validation with graphql-js: documents for each of its validation rules,
// variables of every type in every position with many values, and randomly broken documents. The
// random documents are the same in every run.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  getOperationAST, getVariableValues, parse, specifiedRules, validate,
} from 'graphql';

import { startServer } from '../server.mjs';
import { brokenDocuments, byRule, inFrames, variables } from './differential/documents.mjs';
import { schema } from './differential/oracle.mjs';

/** The outcome of a request according to graphql-js. */
function expected({ query, operationName, variables: values }) {
  let document;
  try {
    document = parse(query);
  } catch {
    return 'syntax error';
  }
  if (validate(schema, document).length > 0) return 'invalid document';
  const operation = getOperationAST(document, operationName);
  if (!operation) return 'no operation';
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], values ?? {});
  return errors ? 'invalid variables' : 'executed';
}

/** The outcome of a request according to the server. */
async function actual(url, request) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/graphql-response+json', 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const body = await response.json();
  if ('data' in body) return 'executed';
  const { code } = body.errors[0].extensions;
  const outcomes = {
    GRAPHQL_PARSE_FAILED: 'syntax error',
    GRAPHQL_VALIDATION_FAILED: 'invalid document',
    OPERATION_RESOLUTION_FAILURE: 'no operation',
    BAD_USER_INPUT: 'invalid variables',
    NOT_ACCEPTABLE: 'executed', // a subscription, which needs another media type
    QUERY_TOO_DEEP: 'invalid document', // introspection; graphql-js has a rule for it too
    UNAUTHENTICATED: 'executed',
  };
  return outcomes[code] ?? code;
}

async function compare(t, requests) {
  const url = `${await startServer(t, { RATE_LIMITS: 'off' })}/graphql`;
  const counts = {};
  const differences = [];
  for (const request of requests) {
    const [theirs, ours] = [expected(request), await actual(url, request)];
    counts[theirs] = (counts[theirs] ?? 0) + 1;
    if (theirs !== ours) differences.push({ ...request, theirs, ours });
  }
  const listed = differences.slice(0, 20).map((difference) => JSON.stringify(difference)).join('\n');
  assert.ok(differences.length === 0, `${differences.length} of ${requests.length} differ:\n${listed}`);
  return counts;
}

test('every rule of graphql-js has valid and invalid documents', () => {
  const rules = specifiedRules.map(({ name }) => name.replace(/Rule$/, ''));
  assert.deepEqual(Object.keys(byRule).sort(), rules.sort());
  for (const [rule, documents] of Object.entries(byRule)) {
    const { [rule + 'Rule']: only } = Object.fromEntries(specifiedRules.map((entry) => [entry.name, entry]));
    const broken = documents.filter((query) => {
      try {
        return validate(schema, parse(query), [only]).length > 0;
      } catch {
        return false;
      }
    });
    assert.ok(broken.length >= 2, `${broken.length} documents violate ${rule}`);
    assert.ok(broken.length < documents.length, `every document violates ${rule}`);
  }
});

test('documents for each rule are accepted or rejected as by graphql-js', { timeout: 120_000 }, async (t) => {
  const requests = inFrames(Object.values(byRule).flat());
  assert.ok(requests.length >= 600, `${requests.length} documents`);
  const counts = await compare(t, requests);
  assert.ok(counts.executed > 100 && counts['invalid document'] > 300, JSON.stringify(counts));
});

test('variables of every type in every position are validated as by graphql-js', { timeout: 240_000 }, async (t) => {
  const requests = variables();
  const counts = await compare(t, requests);
  assert.ok(counts.executed > 200 && counts['invalid document'] > 200, JSON.stringify(counts));
  assert.ok(counts['invalid variables'] > 200, JSON.stringify(counts));
});

test('randomly broken documents are accepted or rejected as by graphql-js', { timeout: 120_000 }, async (t) => {
  const documents = Object.values(byRule).flat();
  const counts = await compare(t, brokenDocuments(documents, 2_000).map((query) => ({ query })));
  assert.ok(counts['syntax error'] > 100 && counts['invalid document'] > 100, JSON.stringify(counts));
});

test('the error of a fragment cycle has the locations of graphql-js', async (t) => {
  const url = `${await startServer(t, { RATE_LIMITS: 'off' })}/graphql`;
  const { NoFragmentCyclesRule } = Object.fromEntries(specifiedRules.map((it) => [it.name, it]));
  let cycles = 0;
  for (const query of byRule.NoFragmentCycles) {
    const [error] = validate(schema, parse(query), [NoFragmentCyclesRule]);
    if (!error) continue;
    cycles += 1;
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    const { errors } = await response.json();
    assert.deepEqual(errors.map(({ locations }) => locations), [error.locations], query);
  }
  assert.ok(cycles >= 3, `${cycles} cycles`);
});
