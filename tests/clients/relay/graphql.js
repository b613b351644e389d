// Does the work of babel-plugin-relay at run time, for code that is not compiled.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function graphql([text]) {
  const [, name] = /^\s*(?:query|mutation|fragment|subscription)\s+(\w+)/.exec(text);
  return require(`./__generated__/${name}.graphql.js`);
}
