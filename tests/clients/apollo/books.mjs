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

/** Puts a new book in front of the list in the default order: pass it as `update` of CREATE_BOOK. */
export function addBook(cache, { data: { createBook: { bookEdge } } }) {
  if (!bookEdge) return; // refused: show userErrors
  cache.updateQuery({ query: BOOKS, variables: {} }, (list) => list && {
    books: {
      ...list.books,
      totalCount: list.books.totalCount + 1,
      edges: [bookEdge, ...list.books.edges],
    },
  });
}

/** Takes a book out of every list: pass it as `update` of DELETE_BOOK. */
export function removeBook(cache, { data: { deleteBook: { deletedBookId } } }) {
  if (!deletedBookId) return;
  cache.modify({
    fields: {
      books(list, { readField }) {
        const edges = list.edges.filter(({ node }) => readField('id', node) !== deletedBookId);
        const gone = list.edges.length - edges.length;
        return gone ? { ...list, edges, totalCount: list.totalCount - gone } : list;
      },
    },
  });
  cache.evict({ id: cache.identify({ __typename: 'Book', id: deletedBookId }) });
  cache.gc();
}
