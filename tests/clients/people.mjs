// People with an account, and what they do beside the client that is looked at.

let number = 0;

/** Registers somebody: their tokens, and `ask` to do something in their name. */
export async function register(origin) {
  const name = `reader${(number += 1)}`;
  const input = { username: name, email: `${name}@example.org`, password: 'correct horse battery staple' };
  const { register: session } = await post(origin, null, {
    query: `mutation($input: RegisterInput!) {
      register(input: $input) { accessToken accessTokenExpiresAt refreshToken user { id } }
    }`,
    variables: { input },
  });
  const { accessToken } = session;
  const ask = (query, variables) => post(origin, accessToken, { query, variables });
  const addBook = async (title) => {
    const query = `mutation($input: CreateBookInput!) { createBook(input: $input) { book { id } } }`;
    return (await ask(query, { input: { title, author: 'Somebody' } })).createBook.book.id;
  };
  return { session, ask, addBook };
}

async function post(origin, token, body) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** A `fetch` that keeps a note of each request: its method, its address, its body and what came back. */
export function noting(requests) {
  return async (url, options) => {
    const response = await fetch(url, options);
    const { method = 'GET', body } = options ?? {};
    requests.push({ method, url: new URL(url), body: body && JSON.parse(body), status: response.status });
    return response;
  };
}

/** The name of an operation that was noted. */
export const operationOf = ({ url, body }) => body?.operationName ?? url.searchParams.get('operationName');

/**
 * Waits until the server has read all that a client of graphql-ws has sent before: it answers
 * another operation, and reads messages in their order.
 */
export const answered = (socket) => new Promise((resolve, reject) => {
  socket.subscribe({ query: '{ __typename }' }, { next() {}, error: reject, complete: resolve });
});

/** A queue that is awaited at one end: `put` what arrives, `await take()` it, for ten seconds. */
export function queue() {
  const items = [];
  const takers = [];
  return {
    items,
    put(item) {
      const taker = takers.shift();
      if (taker) taker(item);
      else items.push(item);
    },
    take() {
      if (items.length > 0) return Promise.resolve(items.shift());
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('nothing came')), 10_000);
        takers.push((item) => { clearTimeout(timer); resolve(item); });
      });
    },
  };
}
