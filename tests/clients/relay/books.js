import { graphql } from './graphql.js';

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
    bookChanged { kind bookId book { id title rating version } }
  }
`;
