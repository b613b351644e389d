import { Client, fetchExchange, gql } from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { persistedExchange } from '@urql/exchange-persisted';

const REFRESH = gql`
  mutation Refresh($refreshToken: String!) {
    refreshToken(input: { refreshToken: $refreshToken }) {
      accessToken
      accessTokenExpiresAt
      refreshToken
      __typename
    }
  }
`;

/** Refreshes the access token ten seconds before it expires, and when the server rejects it. */
const authentication = (session) => authExchange(async ({ appendHeaders, mutate }) => ({
  addAuthToOperation: (operation) => (session.accessToken
    ? appendHeaders(operation, { authorization: `Bearer ${session.accessToken}` })
    : operation),
  willAuthError: () => Date.parse(session.accessTokenExpiresAt) < Date.now() + 10_000,
  didAuthError: ({ graphQLErrors }) =>
    graphQLErrors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED'),
  async refreshAuth() {
    const { data } = await mutate(REFRESH, { refreshToken: session.refreshToken });
    const { accessToken, accessTokenExpiresAt, refreshToken } = data?.refreshToken ?? {};
    // Without an access token the session has ended: the user must sign in again.
    if (accessToken) Object.assign(session, { accessToken, accessTokenExpiresAt, refreshToken });
  },
}));

const TOTAL = gql`
  query Total(
    $first: Int, $after: String, $last: Int, $before: String, $filter: BookFilter, $orderBy: BookOrder
  ) {
    books(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
      totalCount
    }
  }
`;

/** The loaded pages of all lists of books. */
const loadedPages = (store) => store.inspectFields('Query')
  .filter(({ fieldName }) => fieldName === 'books')
  .map(({ fieldKey, arguments: args }) => ({ fieldKey, args: args ?? {}, key: store.resolve('Query', fieldKey) }))
  .filter(({ key }) => typeof key === 'string');

const edgesOf = (store, { key }) => store.resolve(key, 'edges') ?? [];

const addToTotal = (store, { args }, number) =>
  store.updateQuery({ query: TOTAL, variables: args }, (data) => (data && {
    ...data,
    books: { ...data.books, totalCount: data.books.totalCount + number },
  }));

/** Lists of the account (`viewer { books }`) are fetched again. */
function invalidateViewer(store) {
  const viewer = store.resolve('Query', 'viewer');
  if (typeof viewer !== 'string') return;
  for (const { fieldName, arguments: args } of store.inspectFields(viewer)) {
    if (fieldName === 'books') store.invalidate(viewer, fieldName, args ?? undefined);
  }
}

/**
 * Adds a new book to the front of the list in default order; lists with a filter or another order are fetched
 * again. The event of the book comes before or after the response of its mutation: the second changes nothing.
 */
function addBook(store, edge) {
  const pages = loadedPages(store);
  const isDefault = ({ args }) => !args.filter && !args.orderBy;
  const book = store.keyOfEntity(edge.node);
  const isThere = (page) => edgesOf(store, page).some((key) => store.resolve(key, 'node') === book);
  if (pages.some((page) => isDefault(page) && isThere(page))) return;
  for (const page of pages) {
    if (!isDefault(page)) {
      store.invalidate('Query', 'books', page.args);
    } else {
      const isFirst = !page.args.after && !page.args.before && !page.args.last;
      if (isFirst) store.link(page.key, 'edges', [store.keyOfEntity(edge), ...edgesOf(store, page)]);
      addToTotal(store, page, 1);
    }
  }
  invalidateViewer(store);
}

/** Removes a book from every list that contains it. */
function removeBook(store, id) {
  const pages = loadedPages(store);
  const book = store.keyOfEntity({ __typename: 'Book', id });
  const listOf = ({ args: { filter, orderBy } }) => JSON.stringify([filter ?? null, orderBy ?? null]);
  const changed = new Set();
  for (const page of pages) {
    const edges = edgesOf(store, page);
    const remaining = edges.filter((key) => store.resolve(key, 'node') !== book);
    if (remaining.length === edges.length) continue;
    store.link(page.key, 'edges', remaining);
    changed.add(listOf(page));
  }
  for (const page of pages) if (changed.has(listOf(page))) addToTotal(store, page, -1);
  invalidateViewer(store);
  store.invalidate(book);
}

/** Books that are created and deleted, here or elsewhere, are added to the loaded lists and removed from them. */
const cache = (schema) => cacheExchange({
  schema, // the introspection result of this API: see @urql/introspection
  keys: {
    ...Object.fromEntries([
      'AuthPayload', 'BookChange', 'BookPage', 'Cover', 'CreateBookPayload', 'DeleteBookPayload',
      'UpdateBookPayload', 'UserError',
    ].map((name) => [name, () => null])),
    BookEdge: ({ cursor }) => cursor ?? null,
  },
  resolvers: {
    Query: { books: relayPagination(), book: (_, { id }) => ({ __typename: 'Book', id }) },
    User: { books: relayPagination() },
  },
  updates: {
    Mutation: {
      createBook({ createBook: { bookEdge } }, _, store) {
        if (bookEdge) addBook(store, bookEdge); // null if it was rejected: show userErrors
      },
      deleteBook({ deleteBook: { deletedBookId } }, _, store) {
        if (deletedBookId) removeBook(store, deletedBookId);
      },
    },
    Subscription: {
      bookChanged({ bookChanged: { kind, bookId, bookEdge } }, _, store) {
        if (kind === 'CREATED' && bookEdge) addBook(store, bookEdge);
        if (kind === 'DELETED') removeBook(store, bookId);
      },
    },
  },
});

/** `session` holds the tokens of a sign-in and is updated on refresh. */
export const makeUrqlClient = ({ url, session, schema, fetch }) => new Client({
  url,
  fetch,
  fetchSubscriptions: true, // as Server-Sent Events
  preferGetMethod: false,
  fetchOptions: { headers: { 'apollo-require-preflight': 'true' } }, // for multipart requests, which have files
  exchanges: [
    cache(schema),
    authentication(session),
    persistedExchange({ preferGetForPersistedQueries: true }),
    fetchExchange,
  ],
});
