// Operations of the kinds that executors get wrong, with the responses that they should get.

import { getNamedType, isCompositeType, isInputObjectType, isObjectType } from 'graphql';

import { schema, takesFile } from './oracle.mjs';

/** What is no date: as literals, and as values of variables. */
const NO_DATES = {
  literals: ['"nope"', '""', '"2026-02-30T00:00:00Z"', '5', 'true', 'NOPE', '["2026-03-27"]', '{}'],
  values: ['nope', '', '2026-02-30T00:00:00Z', 5, true, [], {}],
};

/** An operation that is executed without an error. */
const executed = (query, data, rest) => ({ query, data, ...rest });

/** An operation that is executed with errors at these positions. */
const failed = (query, data, errors, rest) => ({ query, data, errors, ...rest });

/** An operation that is not executed. */
const refused = (query, rest) => ({ query, refused: true, ...rest });

const anonymous = { isAnonymous: true };

/** The cases for an account, by their kinds. `run` in trial.mjs compares the library too. */
export const cases = {
  'a: the default of a variable of a condition counts': ({ user, book }) => [
    executed('query($b: Boolean = true) { viewer @include(if: $b) { id } }', { viewer: { id: user.id } }),
    executed('query($b: Boolean = false) { viewer @include(if: $b) { id } }', {}),
    executed('query($b: Boolean! = true) { viewer @skip(if: $b) { id } }', {}),
    executed('query($b: Boolean = false) { viewer @skip(if: $b) { id } }', { viewer: { id: user.id } }),
    executed(
      'query($b: Boolean = true) { viewer { ...F @include(if: $b) } } fragment F on User { id }',
      { viewer: { id: user.id } },
    ),
    executed(
      `query($b: Boolean = true) {
        viewer { ... on User @include(if: $b) { id } ... @skip(if: $b) { email } }
      }`,
      { viewer: { id: user.id } },
    ),
    ...[[{}, { email: user.email }], [{ b: false }, { id: user.id }]].map(([variables, viewer]) => executed(
      'query($b: Boolean = true) { viewer { id @skip(if: $b) email @include(if: $b) } }',
      { viewer },
      { variables },
    )),
    executed(
      `mutation($b: Boolean = true) {
        updateProfile(input: {}) @include(if: $b) { user { id } }
        deleteBook(id: "${book.id}") @skip(if: $b) { deletedBookId }
      }`,
      { updateProfile: { user: { id: user.id } } },
    ),
    executed(
      `subscription($b: Boolean = true) {
        bookChanged { kind @include(if: $b) ... @skip(if: $b) { bookId } }
      }`,
      { bookChanged: { kind: 'CREATED' } },
    ),
  ],

  'b: a mutation that stands there twice runs once': () => {
    const both = { createBook: { book: { __typename: 'Book', version: 1 } } };
    const call = 'createBook(input: {title: "T", author: "A"})';
    const twice = (condition, variable = '') => `mutation${variable} {
      ${call} { book { __typename } } ${call} ${condition} { book { version } }
    }`;
    return [
      executed(twice(''), both),
      executed(twice('@include(if: true)'), both),
      executed(twice('@skip(if: false)'), both),
      executed(twice('@include(if: $b)', '($b: Boolean = true)'), both),
      executed(
        twice('@include(if: $b)', '($b: Boolean = true)'),
        { createBook: { book: { __typename: 'Book' } } },
        { variables: { b: false } },
      ),
      executed(
        `mutation { ${call} { book { __typename } } ... @include(if: true) { ...F } }
        fragment F on Mutation { ${call} { book { version } } }`,
        both,
      ),
      executed(
        `mutation {
          a: ${call} { book { __typename } }
          deleteBook(id: "x") { deletedBookId }
          a: ${call} @include(if: true) { book { version } }
        }`,
        { a: both.createBook, deleteBook: { deletedBookId: null } },
      ),
    ];
  },

  'c: an error in one copy of a field makes the field null': ({ user, book }) => [
    failed(
      '{ viewer { __typename } viewer @include(if: true) { books(after: "x") { __typename } } }',
      { viewer: null },
      [['viewer', 'books']],
    ),
    failed(
      '{ viewer { books(after: "x") { __typename } } viewer @include(if: true) { __typename } }',
      { viewer: null },
      [['viewer', 'books']],
    ),
    failed(
      `{
        book(id: "${book.id}") { owner { id } }
        book(id: "${book.id}") @skip(if: false) { owner { books(first: 0) { totalCount } } }
      }`,
      { book: null },
      [['book', 'owner', 'books']],
    ),
    failed(
      `{
        nodes(ids: ["${user.id}", "${book.id}"]) { ... on User { id } }
        nodes(ids: ["${user.id}", "${book.id}"]) @include(if: true) {
          ... on User { books(first: 101) { totalCount } }
          ... on Book { id }
        }
      }`,
      { nodes: [null, { id: book.id }] },
      [['nodes', 0, 'books']],
    ),
    failed(
      `mutation { createBook(input: {title: "T", author: "A"}) {
        book { version }
        book @include(if: true) { owner { books(last: 0) { totalCount } } }
      } }`,
      { createBook: { book: null } },
      [['createBook', 'book', 'owner', 'books']],
    ),
    failed(
      `subscription { bookChanged {
        book { version }
        book @skip(if: false) { owner { books(last: 0) { totalCount } } }
        kind
      } }`,
      { bookChanged: { book: null, kind: 'CREATED' } },
      [['bookChanged', 'book', 'owner', 'books']],
    ),
  ],

  'd: null for a variable with a default is an error where null is no value': ({ user }) => {
    const given = (name) => ({ variables: { [name]: null } });
    return [
      failed(
        'query($i: ID = "x") { viewer { username } book(id: $i) { id } }',
        { viewer: { username: user.username }, book: null },
        [['book']],
        given('i'),
      ),
      executed('query($i: ID = "x") { book(id: $i) { id } }', { book: null }),
      failed(
        'query($i: ID = "x") { node(id: $i) { id } __typename }',
        { node: null, __typename: 'Query' },
        [['node']],
        given('i'),
      ),
      failed(
        'query($n: String = "Book") { __type(name: $n) { name } __typename }',
        { __type: null, __typename: 'Query' },
        [['__type']],
        given('n'),
      ),
      executed('query($n: String = "Book") { __type(name: $n) { name } }', { __type: { name: 'Book' } }),
      failed('query($i: [ID!] = ["x"]) { nodes(ids: $i) { id } }', null, [['nodes']], given('i')),
      failed('query($i: ID = "x") { nodes(ids: [$i]) { id } }', null, [['nodes']], given('i')),
      failed(
        `query($f: BookOrderField = TITLE) {
          viewer { books(orderBy: {field: $f}) { totalCount } }
          __typename
        }`,
        { viewer: null, __typename: 'Query' },
        [['viewer', 'books']],
        given('f'),
      ),
      failed(
        'mutation($t: String = "T") { createBook(input: {title: $t, author: "A"}) { book { version } } }',
        null,
        [['createBook']],
        given('t'),
      ),
      failed(
        'query($b: Boolean = true) { viewer { id @include(if: $b) } __typename }',
        { viewer: null, __typename: 'Query' },
        [['viewer']],
        given('b'),
      ),
      failed(
        'query($b: Boolean = false) { viewer { ... @skip(if: $b) { id } } }',
        { viewer: null },
        [['viewer']],
        given('b'),
      ),
      failed(
        'subscription($b: Boolean = true) { bookChanged { kind ... @include(if: $b) { bookId } } }',
        null,
        [['bookChanged']],
        given('b'),
      ),
      // At the root there is no position to be null but all of `data`.
      failed('query($b: Boolean = true) { viewer @include(if: $b) { id } }', null, [[]], given('b')),
      failed(
        'query($b: Boolean = false) { ...F ...F @skip(if: $b) } fragment F on Query { __typename }',
        null,
        [[]],
        given('b'),
      ),
      failed(
        `mutation($b: Boolean = true) {
          createBook(input: {title: "T", author: "A"}) { book { id } }
          deleteBook(id: "x") @include(if: $b) { deletedBookId }
        }`,
        null,
        [[]],
        given('b'),
      ),
    ];
  },

  'e: an argument whose variable is not given has its default': () => [
    executed('query($p: Int) { booksPage(page: $p) { page } }', { booksPage: { page: 1 } }),
    executed('query($p: Int) { booksPage(perPage: $p) { perPage } }', { booksPage: { perPage: 20 } }),
    failed(
      'query($p: Int) { booksPage(page: $p) { page } }',
      null,
      [['booksPage']],
      { variables: { p: null } },
    ),
    ...defaults(),
  ],

  'f: what is no date is an error of the request': ({ size }) => {
    const all = { books: { totalCount: size } };
    const counted = 'query($d: DateTime) { books(filter: {createdAfter: $d}) { totalCount } }';
    return [
      ...NO_DATES.literals.flatMap((date) => [
        refused(`{ books(filter: {createdAfter: ${date}}) { totalCount } }`),
        refused(`{ __typename books(filter: {createdAfter: ${date}}) @skip(if: true) { totalCount } }`),
        refused(`query($f: BookFilter = {createdBefore: ${date}}) { books(filter: $f) { totalCount } }`),
        refused(`query($d: DateTime = ${date}) { books(filter: {createdAfter: $d}) { totalCount } }`),
      ]),
      ...NO_DATES.values.flatMap((d) => [
        refused(counted, { variables: { d } }),
        refused(counted, { variables: { d }, ...anonymous }),
        refused(
          `query($d: DateTime) {
            __typename
            books(filter: {createdAfter: $d}) @skip(if: true) { totalCount }
          }`,
          { variables: { d } },
        ),
        refused(
          `query($f: BookFilter) { __typename ...F @include(if: false) }
          fragment F on Query { books(filter: $f) { totalCount } }`,
          { variables: { f: { createdBefore: d } } },
        ),
      ]),
      executed(counted, all, { variables: { d: null } }),
      executed(counted, all, { variables: { d: '1970-01-01T01:30:00.0009+01:30' } }),
    ];
  },

  'g: a repeated field without a token is one error': () => [
    failed(
      '{ node(id: "x") { id } node(id: "x") @include(if: true) { __typename } }',
      { node: null },
      [['node']],
      anonymous,
    ),
    failed(
      '{ book(id: "x") { id } ... { book(id: "x") @skip(if: false) { title } } }',
      { book: null },
      [['book']],
      anonymous,
    ),
    failed(
      '{ viewer { id } nodes(ids: []) { id } nodes(ids: []) { __typename } }',
      null,
      [['nodes']],
      anonymous,
    ),
  ],

  'h: members are in the order in which their names come first': ({ user, book, session }) => {
    const viewer = { id: user.id, email: user.email, username: user.username };
    const { username, ...short } = viewer;
    return [
      executed('{ viewer { id } viewer @include(if: true) { email } viewer { username } }', { viewer }),
      executed('{ viewer { id } viewer { email } viewer @skip(if: false) { username } }', { viewer }),
      executed('{ viewer { username @skip(if: true) id email id username } }', { viewer }),
      executed(
        '{ viewer { id ...F username } } fragment F on User { ... @include(if: true) { email } }',
        { viewer },
      ),
      executed(
        `{
          a: viewer { id }
          book(id: "${book.id}") { rating }
          a: viewer @include(if: true) { email }
          book(id: "${book.id}") { id }
        }`,
        { a: short, book: { rating: book.rating, id: book.id } },
      ),
      executed(
        `{ node(id: "${session.id}") {
          ... on Session { a: userAgent @include(if: false) }
          id
          ... on Session { __typename a: userAgent id }
        } }`,
        { node: { id: session.id, __typename: 'Session', a: session.userAgent } },
      ),
      executed(
        `{ book(id: "${book.id}") { owner { id } id owner @include(if: true) { email } } }`,
        { book: { owner: short, id: book.id } },
      ),
      executed(
        `mutation {
          updateProfile(input: {}) { user { id } }
          updateProfile(input: {}) @include(if: true) { userErrors { code } user { email } }
        }`,
        { updateProfile: { user: short, userErrors: [] } },
      ),
      executed(
        `subscription {
          bookChanged { book { version } }
          bookChanged { kind book @include(if: true) { rating } }
          bookChanged { bookId @skip(if: true) __typename }
        }`,
        { bookChanged: { book: { version: 1, rating: null }, kind: 'CREATED', __typename: 'BookChange' } },
      ),
    ];
  },

  'errors of positions that are cancelled may differ': ({ book }) => [
    failed(
      `{
        book(id: "${book.id}") { owner { books(first: 0) { totalCount } } }
        booksPage(page: 0) { page }
        books(first: 0) { totalCount }
      }`,
      null,
      [['book', 'owner', 'books'], ['booksPage']],
    ),
  ],
};

/** What the cases are made of. */
export function rowsFor({ library, session }) {
  const books = [...library.books.values()];
  return {
    user: library.user,
    book: books.find(({ rating }) => rating !== null),
    session: library.sessions.find(({ id }) => id === session),
    size: books.length,
  };
}

/**
 * Operations in which a variable that is not given, or is null, stands for each argument, and each
 * field of an input object, that has a default.
 */
export function defaults() {
  return Object.values(schema.getTypeMap()).filter(isObjectType).flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) => {
      if (type.name.startsWith('__') || takesFile(field)) return [];
      const places = field.args.flatMap((argument) => {
        const of = getNamedType(argument.type);
        const fields = isInputObjectType(of) ? Object.values(of.getFields()) : [];
        return [
          ...withDefault([argument]).map((it) => [it, `${it.name}: $v`]),
          ...withDefault(fields).map((it) => [it, `${argument.name}: {${it.name}: $v}`]),
        ];
      });
      return places.flatMap(([{ type: of }, call]) => {
        const query = operationOn(type, `${field.name}(${call}) ${leavesOf(field)}`, getNamedType(of));
        // The expected `data` is that of graphql-js.
        return [{ query, variables: {} }, { query, variables: { v: null } }];
      });
    }));
}

const withDefault = (inputs) => inputs.filter(({ defaultValue }) => defaultValue !== undefined);

/** The fields without selections of what a field gives; nothing for a field that is a leaf itself. */
function leavesOf(field) {
  if (!isCompositeType(getNamedType(field.type))) return '';
  const fields = Object.values(getNamedType(field.type).getFields());
  const leaves = fields.filter(({ type }) => !isCompositeType(getNamedType(type)));
  return `{ ${leaves.map(({ name }) => name).join(' ')} }`;
}

function operationOn(type, selection, of) {
  const operations = {
    Query: `query($v: ${of}) { ${selection} }`,
    Mutation: `mutation($v: ${of}) { ${selection} }`,
    User: `query($v: ${of}) { viewer { ${selection} } }`,
    Cover: `query($v: ${of}) { books { nodes { cover { ${selection} } } } }`,
  };
  if (!operations[type.name]) throw new Error(`no way to a ${type.name} is known`);
  return operations[type.name];
}
