// Documents for each validation rule of graphql-js: some violate it, some barely do not.

/** Anonymous queries with a single selection set, and other documents. */
export const byRule = {
  ExecutableDefinitions: [
    '{ __typename } type A { b: Int }',
    '{ __typename } extend type Query { b: Int }',
    '{ __typename } schema { query: Query }',
    '{ __typename } directive @a on FIELD',
    '{ __typename } fragment F on Query { __typename }',
    'query A { __typename } query B { viewer { id } }',
  ],
  FieldsOnCorrectType: [
    '{ nothing }',
    '{ viewer { nothing } }',
    '{ books { edges { node { nothing } } } }',
    '{ node(id: "x") { title } }',
    '{ node(id: "x") { ... on Book { title } } }',
    '{ node(id: "x") { ... on User { title } } }',
    '{ node(id: "x") { id __typename } }',
    '{ __type(name: "Book") { name kind fields { name } } }',
    '{ __schema { queryType { nothing } } }',
    '{ __typename __nothing }',
    'mutation { nothing { id } }',
    'mutation { logout { nothing } }',
    'mutation { logout { userErrors { code } } }',
    'subscription { nothing }',
    'subscription { bookChanged { nothing } }',
  ],
  FragmentsOnCompositeTypes: [
    '{ viewer { ... on ID { id } } }',
    '{ viewer { ... on BookOrderField { id } } }',
    '{ ... on BookFilter { search } }',
    '{ ...F } fragment F on DateTime { x }',
    '{ ...F } fragment F on Query { viewer { ... on User { id } } }',
    '{ node(id: "x") { ... on Node { id } } }',
  ],
  KnownArgumentNames: [
    '{ node(id: "x", nothing: 1) { id } }',
    '{ books(firs: 1) { totalCount } }',
    '{ __typename(a: 1) }',
    '{ viewer(a: 1) { id } }',
    '{ viewer { books(first: 1, nothing: 2) { totalCount } } }',
    '{ __typename @include(if: true, unless: false) }',
    '{ __typename @skip(when: true) }',
    '{ __type(named: "Book") { name } }',
    '{ books(first: 1) { totalCount } }',
    '{ books(last: 2, before: "x", orderBy: { field: TITLE }) { totalCount } }',
  ],
  KnownDirectives: [
    '{ __typename @nothing }',
    'query @include(if: true) { __typename }',
    'query @skip(if: true) { __typename }',
    '{ ...F } fragment F on Query @include(if: true) { __typename }',
    'query($a: Int @include(if: true)) { books(first: $a) { totalCount } }',
    '{ __typename @deprecated }',
    '{ ... @nothing { __typename } }',
    '{ ...F @nothing } fragment F on Query { __typename }',
    '{ ... @include(if: true) { __typename } }',
    '{ ...F @skip(if: false) } fragment F on Query { __typename }',
    '{ viewer @include(if: false) { id } }',
  ],
  KnownFragmentNames: [
    '{ ...Nothing }',
    '{ viewer { ...Nothing } }',
    '{ ...F } fragment F on Query { ...Nothing }',
    '{ ...F } fragment F on Query { ...G } fragment G on Query { __typename }',
  ],
  KnownTypeNames: [
    '{ ... on Nothing { id } }',
    '{ ...F } fragment F on Nothing { id }',
    'query($a: Nothing) { __typename }',
    'query($a: [Nothing!]!) { books(first: $a) { totalCount } }',
    'query($a: Int) { books(first: $a) { totalCount } }',
    '{ node(id: "x") { ... on Session { id userAgent } } }',
  ],
  LoneAnonymousOperation: [
    '{ __typename } { __typename }',
    '{ __typename } query A { __typename }',
    'query { __typename } mutation { logout { revokedSessions } }',
    'query A { __typename } query B { __typename }',
    '{ __typename }',
  ],
  MaxIntrospectionDepth: [
    '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }',
    '{ __type(name: "A") { fields { type { fields { type { fields { type { fields { name } } } } } } } } }',
    '{ __type(name: "A") { interfaces { interfaces { interfaces { interfaces { name } } } } } }',
    '{ __schema { types { fields { args { type { ofType { name } } } } } } }',
    '{ __type(name: "A") { possibleTypes { inputFields { name type { name } } } } }',
  ],
  NoFragmentCycles: [
    '{ ...F } fragment F on Query { ...F }',
    '{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }',
    '{ ...F } fragment F on Query { viewer { ...U } } fragment U on User { books { nodes { owner { ...U } } } }',
    '{ ...F ...F } fragment F on Query { ...G ...G } fragment G on Query { __typename }',
    '{ viewer { ...U books { nodes { owner { ...U } } } } } fragment U on User { id }',
  ],
  NoUndefinedVariables: [
    '{ books(first: $a) { totalCount } }',
    'query A { books(first: $a) { totalCount } } query B($a: Int) { books(first: $a) { totalCount } }',
    'query($a: Int) { books(first: $a, after: $b) { totalCount } }',
    '{ ...F } fragment F on Query { books(first: $a) { totalCount } }',
    '{ books(filter: { search: $a }) { totalCount } }',
    '{ nodes(ids: [$a]) { id } }',
    '{ __typename @include(if: $a) }',
    'query($a: Int) { ...F } fragment F on Query { books(first: $a) { totalCount } }',
    'query($a: Boolean!) { __typename @include(if: $a) }',
  ],
  NoUnusedFragments: [
    '{ __typename } fragment F on Query { __typename }',
    '{ __typename } fragment F on Query { ...G } fragment G on Query { __typename }',
    '{ ...F } fragment F on Query { __typename } fragment G on Book { id }',
    '{ ...F } fragment F on Query { ...G } fragment G on Query { __typename }',
  ],
  NoUnusedVariables: [
    'query($a: Int) { __typename }',
    'query($a: Int, $b: Int) { books(first: $a) { totalCount } }',
    'query A($a: Int) { books(first: $a) { totalCount } } query B($a: Int) { __typename }',
    'mutation($a: Boolean!) { logout { revokedSessions } }',
    'query($a: String) { books(filter: { search: $a }) { totalCount } }',
    'query($a: ID!) { nodes(ids: [$a, "b"]) { id } }',
  ],
  OverlappingFieldsCanBeMerged: [
    '{ a: __typename a: viewer { id } }',
    '{ viewer { a: id a: username } }',
    '{ books(first: 1) { totalCount } books(first: 2) { totalCount } }',
    '{ books(first: 1) { totalCount } books { totalCount } }',
    '{ ...F ...G } fragment F on Query { a: __typename } fragment G on Query { a: viewer { id } }',
    '{ viewer { ...F } viewer { ...G } } fragment F on User { a: id } fragment G on User { a: email }',
    '{ node(id: "x") { ... on Book { a: title } ... on User { a: username } } }',
    '{ node(id: "x") { ... on Book { a: title } ... on User { a: createdAt } } }',
    '{ node(id: "x") { ... on Book { a: rating } ... on User { a: username } } }',
    '{ node(id: "x") { ... on Book { a: isbn } ... on User { a: username } } }',
    '{ node(id: "x") { ... on Book { a: owner { id } } ... on User { a: books { totalCount } } } }',
    '{ books(first: 1, after: "x") { totalCount } books(after: "x", first: 1) { totalCount } }',
    '{ books(filter: { search: "a", minRating: 1 }) { totalCount } books(filter: { minRating: 1, search: "a" }) { totalCount } }',
    '{ nodes(ids: ["a"]) { id } nodes(ids: ["a", "b"]) { id } }',
    '{ nodes(ids: []) { id } nodes(ids: ["b"]) { id } }',
    '{ nodes(ids: ["a", "b"]) { id } nodes(ids: ["a" "b"]) { id } }',
    '{ a: nodes(ids: ["a"]) { id } b: nodes(ids: ["a", "b"]) { id } }',
    '{ viewer { id } viewer { id username } }',
    '{ a: __typename a: __typename }',
    'query($a: Int, $b: Int) { books(first: $a) { totalCount } books(first: $b) { totalCount } }',
    'query($a: Int) { books(first: $a) { totalCount } books(first: $a) { nodes { id } } }',
  ],
  PossibleFragmentSpreads: [
    '{ viewer { ... on Book { id } } }',
    '{ ... on User { id } }',
    '{ viewer { ...F } } fragment F on Book { id }',
    '{ books { nodes { ... on Session { id } } } }',
    '{ node(id: "x") { ... on Query { __typename } } }',
    '{ node(id: "x") { ... on Book { ... on Node { id } } } }',
    '{ viewer { ... on Node { id } } }',
    '{ viewer { ... on Node { ... on Book { id } } } }',
  ],
  ProvidedRequiredArguments: [
    '{ node { id } }',
    '{ nodes { id } }',
    '{ __type { name } }',
    '{ __typename @include }',
    '{ __typename @skip }',
    'mutation { createBook { book { id } } }',
    'mutation { updateBook(id: "x") { book { id } } }',
    '{ booksPage { total } }',
    'mutation { refreshToken { accessToken } }',
  ],
  ScalarLeafs: [
    '{ viewer }',
    '{ books { pageInfo } }',
    '{ viewer { id { x } } }',
    '{ viewer { createdAt { x } } }',
    '{ __typename { x } }',
    'mutation { logout }',
    'mutation { logout { userErrors { code { x } } } }',
    '{ viewer { id } }',
    '{ node(id: "x") }',
  ],
  SingleFieldSubscriptions: [
    'subscription { bookChanged { kind } a: bookChanged { kind } }',
    'subscription S { bookChanged { kind } a: bookChanged { bookId } }',
    'subscription { __typename }',
    'subscription { ...F } fragment F on Subscription { bookChanged { kind } a: bookChanged { kind } }',
    'subscription { bookChanged { kind } ...F } fragment F on Subscription { a: bookChanged { kind } }',
    'subscription { bookChanged { kind } }',
    'subscription { bookChanged { kind } bookChanged { bookId } }',
    'subscription { ...F bookChanged { kind } } fragment F on Subscription { bookChanged { kind } }',
    'subscription { ... on Subscription { bookChanged { kind } } }',
    'subscription { a: bookChanged { a: kind b: kind } }',
  ],
  UniqueArgumentNames: [
    '{ node(id: "x", id: "x") { id } }',
    '{ books(first: 1, after: "x", first: 2) { totalCount } }',
    '{ __typename @include(if: true, if: true) }',
    '{ a: node(id: "x") { id } b: node(id: "x") { id } }',
  ],
  UniqueDirectivesPerLocation: [
    '{ __typename @include(if: true) @include(if: true) }',
    '{ ... @skip(if: true) @skip(if: false) { __typename } }',
    '{ ...F @include(if: true) @include(if: false) } fragment F on Query { __typename }',
    '{ __typename @include(if: true) @skip(if: false) }',
  ],
  UniqueFragmentNames: [
    '{ ...F } fragment F on Query { __typename } fragment F on Query { viewer { id } }',
    '{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }',
    '{ ...F ...G } fragment F on Query { __typename } fragment G on Query { __typename }',
    'query F { ...F } fragment F on Query { __typename }',
  ],
  UniqueInputFieldNames: [
    '{ books(filter: { search: "a", search: "a" }) { totalCount } }',
    '{ books(orderBy: { field: TITLE, direction: ASC, field: TITLE }) { totalCount } }',
    'query($a: BookFilter = { minRating: 1, minRating: 2 }) { books(filter: $a) { totalCount } }',
    '{ books(filter: { search: "a", isbn: "b" }) { totalCount } }',
  ],
  UniqueOperationNames: [
    'query A { __typename } query A { __typename }',
    'query A { __typename } mutation A { logout { revokedSessions } }',
    'query A { __typename } subscription A { bookChanged { kind } }',
    'query A { __typename } query B { __typename }',
  ],
  UniqueVariableNames: [
    'query($a: Int, $a: Int) { books(first: $a) { totalCount } }',
    'query($a: Int, $b: Int, $a: ID) { books(first: $a, last: $b) { totalCount } }',
    'query A($a: Int) { books(first: $a) { totalCount } } query B($a: Int) { books(first: $a) { totalCount } }',
  ],
  ValuesOfCorrectType: [
    '{ node(id: 1) { id } }',
    '{ node(id: 1.5) { id } }',
    '{ node(id: true) { id } }',
    '{ node(id: null) { id } }',
    '{ node(id: X) { id } }',
    '{ node(id: ["x"]) { id } }',
    '{ node(id: { a: 1 }) { id } }',
    '{ nodes(ids: "x") { id } }',
    '{ nodes(ids: 1) { id } }',
    '{ nodes(ids: ["x", 1]) { id } }',
    '{ nodes(ids: ["x", null]) { id } }',
    '{ nodes(ids: ["x", true]) { id } }',
    '{ nodes(ids: []) { id } }',
    '{ nodes(ids: null) { id } }',
    '{ books(first: "1") { totalCount } }',
    '{ books(first: 1.0) { totalCount } }',
    '{ books(first: 1e3) { totalCount } }',
    '{ books(first: 2147483647) { totalCount } }',
    '{ books(first: 2147483648) { totalCount } }',
    '{ books(first: -2147483648) { totalCount } }',
    '{ books(first: -2147483649) { totalCount } }',
    '{ books(first: -0) { totalCount } }',
    '{ books(first: 99999999999999999999999999) { totalCount } }',
    '{ books(first: true) { totalCount } }',
    '{ books(first: null) { totalCount } }',
    '{ books(first: []) { totalCount } }',
    '{ books(first: [1]) { totalCount } }',
    '{ books(after: 1) { totalCount } }',
    '{ books(after: "\\uD83D\\uDE00") { totalCount } }',
    '{ books(after: "\\u{1F600}") { totalCount } }',
    '{ books(after: """block "quotes" \\""" """) { totalCount } }',
    '{ books(after: X) { totalCount } }',
    '{ books(filter: "x") { totalCount } }',
    '{ books(filter: 1) { totalCount } }',
    '{ books(filter: []) { totalCount } }',
    '{ books(filter: [{}]) { totalCount } }',
    '{ books(filter: {}) { totalCount } }',
    '{ books(filter: null) { totalCount } }',
    '{ books(filter: { nothing: 1 }) { totalCount } }',
    '{ books(filter: { search: 1 }) { totalCount } }',
    '{ books(filter: { minRating: "1" }) { totalCount } }',
    '{ books(filter: { minRating: 1.5 }) { totalCount } }',
    '{ books(filter: { unrated: "yes" }) { totalCount } }',
    '{ books(filter: { unrated: 1 }) { totalCount } }',
    '{ books(filter: { unrated: null }) { totalCount } }',
    '{ books(filter: { createdAfter: "2026-03-27T09:15:00Z" }) { totalCount } }',
    '{ books(orderBy: {}) { totalCount } }',
    '{ books(orderBy: { field: TITLE }) { totalCount } }',
    '{ books(orderBy: { field: "TITLE" }) { totalCount } }',
    '{ books(orderBy: { field: NOTHING }) { totalCount } }',
    '{ books(orderBy: { field: null }) { totalCount } }',
    '{ books(orderBy: { field: title }) { totalCount } }',
    '{ books(orderBy: { direction: [ASC] }) { totalCount } }',
    '{ books(orderBy: TITLE) { totalCount } }',
    '{ booksPage(page: null) { total } }',
    '{ booksPage(page: 1, perPage: "x") { total } }',
    '{ __typename @include(if: 1) }',
    '{ __typename @include(if: null) }',
    '{ __typename @include(if: "true") }',
    'mutation { createBook(input: {}) { book { id } } }',
    'mutation { createBook(input: { title: "a" }) { book { id } } }',
    'mutation { createBook(input: { title: "a", author: null }) { book { id } } }',
    'mutation { createBook(input: { title: "a", author: "b", nothing: 1 }) { book { id } } }',
    'mutation { createBook(input: { title: "a", author: "b" }) { book { id } } }',
    'mutation { updateBook(id: "x", input: { title: null, expectedVersion: 1 }) { book { id } } }',
    'mutation { logout(everywhere: "yes") { revokedSessions } }',
    'mutation { logout(everywhere: null) { revokedSessions } }',
    'query($a: Int = "1") { books(first: $a) { totalCount } }',
    'query($a: Int! = null) { books(first: $a) { totalCount } }',
    'query($a: Int = null) { books(first: $a) { totalCount } }',
    'query($a: BookFilter = { nothing: 1 }) { books(filter: $a) { totalCount } }',
    'query($a: [ID!]! = "x") { nodes(ids: $a) { id } }',
    'query($a: [ID!]! = [null]) { nodes(ids: $a) { id } }',
  ],
  VariablesAreInputTypes: [
    'query($a: Book) { __typename }',
    'query($a: [User!]) { books(first: $a) { totalCount } }',
    'query($a: Node!) { node(id: $a) { id } }',
    'query($a: BookFilter) { books(filter: $a) { totalCount } }',
    'query($a: BookOrderField!) { books(orderBy: { field: $a }) { totalCount } }',
  ],
  VariablesInAllowedPosition: [
    'query($a: ID) { node(id: $a) { id } }',
    'query($a: ID = "x") { node(id: $a) { id } }',
    'query($a: ID = null) { node(id: $a) { id } }',
    'query($a: String!) { node(id: $a) { id } }',
    'query($a: ID) { nodes(ids: [$a]) { id } }',
    'query($a: [ID]!) { nodes(ids: $a) { id } }',
    'query($a: [ID!]) { nodes(ids: $a) { id } }',
    'query($a: ID!) { nodes(ids: $a) { id } }',
    'query($a: Int) { booksPage(page: $a) { total } }',
    'query($a: Int = 1) { booksPage(page: $a) { total } }',
    'query($a: Int) { ...F } fragment F on Query { books(after: $a) { totalCount } }',
    'query($a: Boolean) { __typename @include(if: $a) }',
    'query($a: Boolean = true) { __typename @include(if: $a) }',
    'query($a: BookOrderField) { books(orderBy: { field: $a }) { totalCount } }',
    'query($a: BookOrderField) { books(orderBy: { direction: $a }) { totalCount } }',
    'mutation($a: String) { createBook(input: { title: $a, author: "b" }) { book { id } } }',
    'mutation($a: String!) { createBook(input: { title: $a, author: "b" }) { book { id } } }',
  ],
};

/** Each document unchanged; the selections of anonymous queries also inside other documents. */
export function inFrames(documents) {
  const frames = [
    (inner) => ({ query: `query Named { ${inner} }` }),
    (inner) => ({ query: `{ ... on Query { ${inner} } }` }),
    (inner) => ({ query: `{ ... @include(if: true) { ${inner} } }` }),
    (inner) => ({ query: `{ ...Frame } fragment Frame on Query { ${inner} }` }),
    (inner) => ({ query: `query A { __typename } query B { ${inner} }`, operationName: 'B' }),
    (inner) => ({ query: `query A { __typename } query B { ${inner} }`, operationName: 'C' }),
  ];
  return documents.flatMap((query) => {
    const [, inner] = /^\{(.*)\}$/s.exec(query) ?? [];
    const alone = inner && !inner.includes('fragment ') && !inner.includes('} {');
    return [{ query }, ...(alone ? frames.map((frame) => frame(inner)) : [])];
  });
}

/** Variables of every type in every position, with and without a default, and values where they fit. */
export function variables() {
  const types = {
    Int: '1', Float: '1.5', String: '"x"', ID: '"x"', Boolean: 'true', DateTime: '"2026-03-27T09:15:00Z"',
    Date: '"2026-03-27"', ReadingStatus: 'READ', BookFilter: '{ minRating: 1 }', BookOrder: '{ field: TITLE }', BookOrderField: 'TITLE',
  };
  const places = [
    ['query', (v) => `books(first: ${v}) { totalCount }`],
    ['query', (v) => `books(after: ${v}) { totalCount }`],
    ['query', (v) => `books(filter: ${v}) { totalCount }`],
    ['query', (v) => `books(filter: { minRating: ${v} }) { totalCount }`],
    ['query', (v) => `books(filter: { createdAfter: ${v} }) { totalCount }`],
    ['query', (v) => `books(filter: { status: ${v} }) { totalCount }`],
    ['query', (v) => `books(filter: { status: [${v}] }) { totalCount }`],
    ['query', (v) => `books(filter: { tag: ${v} }) { totalCount }`],
    ['query', (v) => `stats(year: ${v}) { total }`],
    ['query', (v) => `books(orderBy: ${v}) { totalCount }`],
    ['query', (v) => `books(orderBy: { field: ${v} }) { totalCount }`],
    ['query', (v) => `booksPage(page: ${v}) { total }`],
    ['query', (v) => `node(id: ${v}) { id }`],
    ['query', (v) => `nodes(ids: ${v}) { id }`],
    ['query', (v) => `nodes(ids: [${v}]) { id }`],
    ['query', (v) => `__typename @include(if: ${v})`],
    ['mutation', (v) => `logout(everywhere: ${v}) { revokedSessions }`],
  ];
  const values = [
    null, 0, 1, -1, 1.5, 1e3, 2147483648, '1', 'x', 'TITLE', true, [], [null], ['x'], [1], ['x', null], [['x']],
    {}, { minRating: 1 }, { minRating: 1.5 }, { minRating: '1' }, { minRating: null }, { nothing: 1 },
    'READ', ['READ', 'READING'], ['NOTHING'], { field: 'TITLE' }, { field: 'NOTHING' }, { field: null }, { field: ['TITLE'] }, [{ minRating: 1 }],
  ];
  const wrapped = Object.entries(types).flatMap(([type, literal]) => [
    [type, literal], [`${type}!`, literal], [`[${type}]`, `[${literal}]`], [`[${type}!]!`, literal],
  ]);
  return places.flatMap(([kind, place]) => wrapped.flatMap(([type, literal]) => {
    const document = (declared) => `${kind}($v: ${declared}) { ${place('$v')} }`;
    const [plain, withDefault] = [document(type), document(`${type} = ${literal}`)];
    const fits = places.length > 0 && likely(type, place);
    return [
      { query: plain }, { query: withDefault }, { query: document(`${type} = null`) },
      ...(fits ? values.flatMap((v) => [{ query: plain, variables: { v } }, { query: withDefault, variables: { v } }]) : []),
    ];
  }));

  /** Whether a type probably fits a position, so that values are worth testing. */
  function likely(type, place) {
    const base = type.replaceAll(/[[\]!]/g, '');
    const text = place('');
    const expected = [
      [/first|page|minRating|year/, 'Int'], [/after: |tag/, 'String'], [/status/, 'ReadingStatus'], [/filter: \)/, 'BookFilter'], [/createdAfter/, 'DateTime'],
      [/orderBy: \)/, 'BookOrder'], [/field: /, 'BookOrderField'], [/ids?: /, 'ID'], [/if: |everywhere/, 'Boolean'],
    ].find(([pattern]) => pattern.test(text));
    return expected?.[1] === base;
  }
}

/** Documents with a removed, duplicated, replaced or inserted token; the same in every run. */
export function brokenDocuments(documents, number) {
  let state = 0x2545f491;
  const below = (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  return Array.from({ length: number }, () => {
    const document = documents[below(documents.length)];
    const tokens = document.match(/"""[\s\S]*?"""|"(?:[^"\\]|\\.)*"|\.\.\.|[\w$@.-]+|\S/g);
    const [at, other] = [below(tokens.length), below(tokens.length)];
    switch (below(4)) {
      case 0: tokens.splice(at, 1); break;
      case 1: tokens.splice(at, 0, tokens[at]); break;
      case 2: tokens.splice(at, 1, tokens[other]); break;
      default: tokens.splice(at, 0, ['{', '}', '(', ')', '$', '!', '1', '"', '...', 'on', '@'][below(11)]);
    }
    return tokens.join(' ');
  });
}
