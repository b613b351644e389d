// The tabs of a first visit. GraphiQL uses the operation name as the title of a tab.

const register = /* GraphQL */ `mutation Register($input: RegisterInput!) {
  register(input: $input) {
    accessToken
    user {
      id
      username
    }
    userErrors {
      code
      field
      message
    }
  }
}`;

const listBooks = /* GraphQL */ `query ListBooks($first: Int, $after: String) {
  books(first: $first, after: $after) {
    nodes {
      id
      title
      author
      isbn
      rating
      version
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}`;

const createBook = /* GraphQL */ `mutation CreateBook($input: CreateBookInput!) {
  createBook(input: $input) {
    book {
      id
      title
      author
      isbn
      rating
      version
    }
    userErrors {
      code
      field
      message
    }
  }
}`;

const json = (value) => JSON.stringify(value, null, 2);

const headers = json({ Authorization: 'Bearer <paste accessToken>' });

export const tabs = [
  {
    query: register,
    variables: json({
      input: {
        username: 'ada',
        email: 'ada@example.org',
        password: 'a passphrase of your own',
      },
    }),
  },
  {
    query: listBooks,
    variables: json({ first: 10, after: null }),
    headers,
  },
  {
    query: createBook,
    variables: json({
      input: {
        title: 'The Pragmatic Programmer',
        author: 'David Thomas, Andrew Hunt',
        isbn: '9780135957059',
        rating: 5,
      },
    }),
    headers,
  },
];
