// Makes a query smaller for which the server and graphql-js have different responses.

import { Kind, parse, print, stripIgnoredCharacters, visit } from 'graphql';

import { isValid } from './oracle.mjs';
import { run } from './trial.mjs';

/** How many smaller queries are tried. */
const TRIES = 200;

/** What a document may do without. */
const PARTS = [
  Kind.FIELD, Kind.INLINE_FRAGMENT, Kind.FRAGMENT_SPREAD, Kind.DIRECTIVE, Kind.ARGUMENT,
  Kind.OBJECT_FIELD,
];

/** The smallest query that was found to differ still, as `run` gives it. */
export async function shrink(account, difference) {
  let smallest = difference;
  let [tries, part, isSmaller] = [0, 0, false];
  while (tries < TRIES) {
    const query = without(smallest.request.query, part);
    if (query === null && !isSmaller) break;
    if (query === null) [part, isSmaller] = [-1, false];
    part += 1;
    if (query === null || !isValid(query)) continue;
    tries += 1;
    const given = Object.entries(smallest.request.variables ?? {});
    const used = given.filter(([name]) => query.includes(`$${name}`));
    const request = { ...smallest.request, query, variables: Object.fromEntries(used) };
    const again = await run(account, { ...smallest, request });
    // The next part now has the index of the removed one.
    if (again.why !== null) [smallest, part, isSmaller] = [again, part - 1, true];
  }
  return smallest;
}

/** A document without one of its parts, and what only that part used; null if it has no such part. */
function without(query, part) {
  let number = -1;
  const document = parse(query, { noLocation: true });
  const smaller = visit(document, {
    enter(node) {
      if (!PARTS.includes(node.kind)) return undefined;
      number += 1;
      return number === part ? null : undefined;
    },
  });
  if (number < part) return null;
  return stripIgnoredCharacters(print(withoutUnused(smaller)));
}

function withoutUnused(document) {
  const names = (kind) => {
    const found = new Set();
    visit(document, {
      VariableDefinition: () => false,
      [kind]: (node) => void found.add(node.name.value),
    });
    return found;
  };
  const [variables, fragments] = [names(Kind.VARIABLE), names(Kind.FRAGMENT_SPREAD)];
  const used = visit(document, {
    VariableDefinition: ({ variable }) => (variables.has(variable.name.value) ? undefined : null),
    FragmentDefinition: ({ name }) => (fragments.has(name.value) ? undefined : null),
  });
  // A removed fragment may have used others.
  return used.definitions.length < document.definitions.length ? withoutUnused(used) : used;
}
