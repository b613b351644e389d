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
    bookChanged { kind bookId book { id title rating version } }
  }
`;

/** Adds a new book to the front of the list in default order. Pass it as `update` of CREATE_BOOK. */
export function addBook(cache, { data: { createBook: { bookEdge } } }) {
  if (!bookEdge) return; // rejected: show userErrors
  cache.updateQuery({ query: BOOKS, variables: {} }, (list) => list && {
    books: {
      ...list.books,
      totalCount: list.books.totalCount + 1,
      edges: [bookEdge, ...list.books.edges],
    },
  });
}

/** Removes a book from every list. Pass it as `update` of DELETE_BOOK. */
export function removeBook(cache, { data: { deleteBook: { deletedBookId } } }) {
  if (!deletedBookId) return;
  cache.modify({
    fields: {
      books(list, { readField }) {
        const edges = list.edges.filter(({ node }) => readField('id', node) !== deletedBookId);
        const removed = list.edges.length - edges.length;
        return removed ? { ...list, edges, totalCount: list.totalCount - removed } : list;
      },
    },
  });
  cache.evict({ id: cache.identify({ __typename: 'Book', id: deletedBookId }) });
  cache.gc();
}
