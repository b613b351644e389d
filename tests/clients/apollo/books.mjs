import { gql } from '@apollo/client';

export const BOOKS = gql`
  query Books($first: Int!, $after: String, $filter: BookFilter, $orderBy: BookOrder) {
    books(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
      totalCount
      edges { cursor node { id title rating version } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

export const CREATE_BOOK = gql`
  mutation CreateBook($input: CreateBookInput!, $idempotencyKey: String) {
    createBook(input: $input, idempotencyKey: $idempotencyKey) {
      bookEdge { cursor node { id title rating version } }
      userErrors { code message field }
    }
  }
`;

export const DELETE_BOOK = gql`
  mutation DeleteBook($id: ID!) {
    deleteBook(id: $id) { deletedBookId userErrors { code message } }
  }
`;

export const BOOK_CHANGED = gql`
  subscription BookChanged {
    bookChanged { kind bookId bookEdge { cursor node { id title rating version } } }
  }
`;

/** Adds a new book to the front of the list in default order. Pass it as `update` of CREATE_BOOK. */
export function addBook(cache, { data: { createBook: { bookEdge } } }) {
  if (bookEdge) addEdge(cache, bookEdge); // null if it was rejected: show userErrors
}

/** Removes a book from every list. Pass it as `update` of DELETE_BOOK. */
export function removeBook(cache, { data: { deleteBook: { deletedBookId } } }) {
  if (deletedBookId) removeEdges(cache, deletedBookId);
}

/** Applies an event of BOOK_CHANGED to the lists. A change of a book needs no more than its new fields. */
export function applyChange(cache, { kind, bookId, bookEdge }) {
  if (kind === 'DELETED') removeEdges(cache, bookId);
  if (kind === 'CREATED' && bookEdge) addEdge(cache, bookEdge);
}

/** The event of a new book comes before or after the response of its mutation: the second changes nothing. */
function addEdge(cache, edge) {
  cache.updateQuery({ query: BOOKS, variables: {} }, (list) => {
    if (!list || list.books.edges.some(({ node }) => node.id === edge.node.id)) return undefined;
    const { edges, totalCount } = list.books;
    return { books: { ...list.books, totalCount: totalCount + 1, edges: [edge, ...edges] } };
  });
}

function removeEdges(cache, id) {
  cache.modify({
    fields: {
      books(list, { readField }) {
        const edges = list.edges.filter(({ node }) => readField('id', node) !== id);
        const removed = list.edges.length - edges.length;
        return removed ? { ...list, edges, totalCount: list.totalCount - removed } : list;
      },
    },
  });
  cache.evict({ id: cache.identify({ __typename: 'Book', id }) });
  cache.gc();
}
