// What babel-plugin-relay does to the tag, for code that runs as it is written.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function graphql([text]) {
  const [, name] = /^\s*(?:query|mutation|fragment|subscription)\s+(\w+)/.exec(text);
  return require(`./__generated__/${name}.graphql.js`);
}
