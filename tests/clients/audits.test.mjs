// GraphQL over HTTP: every audit of the suite that the specification's working group maintains. A
// violated SHOULD or MAY fails like a MUST.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { serverAudits } from 'graphql-http';

import { startServer } from '../server.mjs';

test('GraphQL over HTTP', { timeout: 60_000 }, async (t) => {
  const url = `${await startServer(t)}/graphql`;
  const audits = serverAudits({ url, fetchFn: fetch });
  assert.ok(audits.length >= 61, `the suite has at least 61 audits, not ${audits.length}`);
  for (const audit of audits) {
    await t.test(`${audit.id} ${audit.name}`, async () => {
      const { status, reason, response } = await audit.fn();
      if (status !== 'ok') assert.fail(`${status}: ${reason}\n${await response.text()}`);
    });
  }
});
