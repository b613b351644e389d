import relay from 'relay-runtime';

import { graphql } from './graphql.js';

const { ConnectionHandler } = relay;

export const LibraryQuery = graphql`
  query booksLibraryQuery($first: Int!) {
    viewer { id username ...books_library @arguments(first: $first) }
  }
`;

export const library = graphql`
  fragment books_library on User
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
  @refetchable(queryName: "booksLibraryPageQuery") {
    books(first: $first, after: $after) @connection(key: "library_books") {
      edges { cursor node { id title rating version } }
      pageInfo { endCursor hasNextPage }
    }
  }
`;

export const CreateBook = graphql`
  mutation booksCreateMutation($input: CreateBookInput!, $connections: [ID!]!) {
    createBook(input: $input) {
      bookEdge @prependEdge(connections: $connections) { cursor node { id title rating version } }
      userErrors { code message field }
    }
  }
`;

export const DeleteBook = graphql`
  mutation booksDeleteMutation($id: ID!, $connections: [ID!]!) {
    deleteBook(id: $id) {
      deletedBookId @deleteEdge(connections: $connections) @deleteRecord
      userErrors { code message }
    }
  }
`;

export const Changes = graphql`
  subscription booksChangedSubscription {
    bookChanged { kind bookId bookEdge { cursor node { id title rating version } } }
  }
`;

/**
 * Applies an event of Changes to these connections. Pass it as `updater`. A change of a book needs no more than its new
 * fields. The event of a new book comes before or after the response of its mutation: the second changes nothing.
 */
export const applyChange = (connections) => (store) => {
  const change = store.getRootField('bookChanged');
  const edge = change?.getLinkedRecord('bookEdge');
  const kind = change?.getValue('kind');
  for (const connection of connections.map((id) => store.get(id)).filter(Boolean)) {
    if (kind === 'DELETED') ConnectionHandler.deleteNode(connection, change.getValue('bookId'));
    if (kind === 'CREATED' && edge) addEdge(store, connection, edge);
  }
  if (kind === 'DELETED') store.delete(change.getValue('bookId'));
};

function addEdge(store, connection, edge) {
  const id = edge.getLinkedRecord('node').getDataID();
  const edges = connection.getLinkedRecords('edges') ?? [];
  if (edges.some((other) => other?.getLinkedRecord('node')?.getDataID() === id)) return;
  const own = ConnectionHandler.buildConnectionEdge(store, connection, edge);
  if (own) ConnectionHandler.insertEdgeBefore(connection, own);
}
