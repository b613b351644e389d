import {
  ApolloClient, ApolloLink, CombinedGraphQLErrors, CombinedProtocolErrors, HttpLink, InMemoryCache, gql,
} from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import { catchError, from, switchMap, throwError } from 'rxjs';

import { fetchWithFiles, hasFiles, uploadLink } from './upload.mjs';

const REFRESH = gql`
  mutation Refresh($refreshToken: String!) {
    refreshToken(input: { refreshToken: $refreshToken }) {
      accessToken
      accessTokenExpiresAt
      refreshToken
      userErrors { code message }
    }
  }
`;

/** Sends the ids of generated documents over WebSocket, instead of their text. */
const sendIds = (socket) => ApolloLink.from([
  new ApolloLink((operation, forward) => {
    operation.extensions.documentId = operation.query.__meta__.hash;
    return forward(operation);
  }),
  new GraphQLWsLink({
    ...socket,
    subscribe: ({ extensions: { documentId }, ...request }, sink) =>
      socket.subscribe({ ...request, query: '', documentId }, sink), // graphql-ws requires `query`
  }),
]);

/**
 * `session` holds the tokens of a sign-in and is updated on refresh. `generated` is given if all documents come
 * from the code generation with `persistedDocuments`: then they are sent by their ids.
 */
export function makeApolloClient({ url, session, sha256, fetch, generated, ...options }) {
  let refreshing;
  const refresh = () => (refreshing ??= client
    .mutate({
      mutation: generated?.refresh ?? REFRESH,
      variables: { refreshToken: session.refreshToken },
      fetchPolicy: 'no-cache',
      context: { anonymous: true },
    })
    .then(({ data: { refreshToken: payload } }) => {
      // Rejected: the session has ended and the user must sign in again.
      if (!payload.accessToken) throw new Error(payload.userErrors[0].code);
      const { accessToken, accessTokenExpiresAt, refreshToken } = payload;
      Object.assign(session, { accessToken, accessTokenExpiresAt, refreshToken });
    })
    .finally(() => { refreshing = undefined; }));

  const authenticate = new SetContextLink(async ({ anonymous, headers }) => {
    if (anonymous) return {};
    await refreshing?.catch(() => {});
    const { accessToken } = session;
    return { accessToken, headers: { ...headers, authorization: `Bearer ${accessToken}` } };
  });

  // Concurrently rejected operations share one refresh, and each is retried once.
  const refreshAndRetry = new ErrorLink(({ error, operation, forward }) => {
    const errors = CombinedGraphQLErrors.is(error) || CombinedProtocolErrors.is(error) ? error.errors : [];
    if (!errors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')) return;
    const { anonymous, accessToken } = operation.getContext();
    if (anonymous) return;
    if (accessToken !== session.accessToken) return forward(operation); // already refreshed
    return from(refresh()).pipe(
      catchError(() => throwError(() => error)),
      switchMap(() => forward(operation)),
    );
  });

  let expired = false;
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: async () => {
      if (expired) await refresh();
      expired = false;
      return { authorization: `Bearer ${session.accessToken}` };
    },
    shouldRetry: () => true, // also while the server restarts
    // 4403: the token has expired or the session has ended. The client reconnects automatically.
    on: { closed: ({ code }) => { expired = code === 4403; } },
    ...options.socket,
  });

  const persisted = new PersistedQueryLink({
    ...(generated ? { generateHash: (document) => document.__meta__.hash } : { sha256 }),
    useGETForHashedQueries: true,
  });
  const http = ApolloLink.from([
    refreshAndRetry,
    authenticate,
    // A file is sent once, with the text of its operation.
    ApolloLink.split(hasFiles, uploadLink, persisted),
    new HttpLink({ uri: url, fetch: fetchWithFiles(fetch) }),
  ]);
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      options.subscriptions ?? (generated ? sendIds(socket) : new GraphQLWsLink(socket)),
      http,
    ),
    cache: new InMemoryCache({
      typePolicies: {
        Query: { fields: { books: relayStylePagination(['filter', 'orderBy']) } },
        User: { fields: { books: relayStylePagination(['filter', 'orderBy']) } },
      },
    }),
  });
  return { client, socket, authenticate, refreshAndRetry };
}
