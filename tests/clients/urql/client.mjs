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

/** Creating a book invalidates the lists, which are then fetched again; deleting one removes it from them. */
const cache = (schema) => cacheExchange({
  schema, // the introspection result of this API: see @urql/introspection
  keys: Object.fromEntries([
    'AuthPayload', 'BookChange', 'BookPage', 'CreateBookPayload', 'DeleteBookPayload',
    'UpdateBookPayload', 'UserError',
  ].map((name) => [name, () => null])),
  resolvers: {
    Query: { books: relayPagination(), book: (_, { id }) => ({ __typename: 'Book', id }) },
    User: { books: relayPagination() },
  },
  updates: {
    Mutation: {
      createBook({ createBook }, _, store) {
        if (!createBook.book) return; // rejected: show userErrors
        for (const { fieldName, arguments: args } of store.inspectFields('Query')) {
          if (fieldName === 'books') store.invalidate('Query', fieldName, args ?? undefined);
        }
      },
      deleteBook({ deleteBook: { deletedBookId } }, _, store) {
        if (deletedBookId) store.invalidate({ __typename: 'Book', id: deletedBookId });
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
  exchanges: [
    cache(schema),
    authentication(session),
    persistedExchange({ preferGetForPersistedQueries: true }),
    fetchExchange,
  ],
});
