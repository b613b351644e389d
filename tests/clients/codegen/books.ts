import { graphql } from './gql';

export const BookFields = graphql(`
  fragment BookFields on Book { id title author rating version createdAt }
`);

export const Books = graphql(`
  query Books($first: Int, $after: String, $filter: BookFilter) {
    books(first: $first, after: $after, filter: $filter) {
      totalCount
      edges { cursor node { id ...BookFields } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const Register = graphql(`
  mutation Register($input: RegisterInput!) {
    register(input: $input) {
      accessToken
      accessTokenExpiresAt
      refreshToken
      userErrors { code message field }
    }
  }
`);

export const Refresh = graphql(`
  mutation Refresh($refreshToken: String!) {
    refreshToken(input: { refreshToken: $refreshToken }) {
      accessToken
      accessTokenExpiresAt
      refreshToken
      userErrors { code message }
    }
  }
`);

export const BookChanged = graphql(`
  subscription BookChanged { bookChanged { kind bookId book { ...BookFields } } }
`);

export const CreateBook = graphql(`
  mutation CreateBook($input: CreateBookInput!) {
    createBook(input: $input) {
      book { ...BookFields }
      userErrors { code message field }
    }
  }
`);
