// Requests to the server, over each transport, and an account with a library to make them for.

import { createHash } from 'node:crypto';

import { Library } from './library.mjs';
import { schema } from './oracle.mjs';
import { png } from '../users.mjs';

const ROW = `id title author isbn rating notes publisher version createdAt updatedAt
  status startedOn finishedOn readCount publishedYear pageCount tags cover { url width height }`;

const PASSWORD = 'correct horse battery staple';

/** Of how many books one has a cover. */
const BOOKS_PER_COVER = 4;

/** How many sessions there are to revoke. */
const SPARE_SESSIONS = 5;

/** The ways to send an operation that is no subscription. Each gives the texts of its responses. */
export const transports = {
  async post(url, token, request) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers(token), 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    return [await response.text()];
  },
  async get(url, token, { query, operationName, variables }) {
    const parameters = new URLSearchParams({ query });
    if (operationName) parameters.set('operationName', operationName);
    if (variables) parameters.set('variables', JSON.stringify(variables));
    const response = await fetch(`${url}?${parameters}`, { headers: headers(token) });
    return [await response.text()];
  },
  /** By the hash of the document: with the document first, and without it then. */
  async persisted(url, token, request) {
    const sha256Hash = createHash('sha256').update(request.query).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const [first] = await transports.post(url, token, { ...request, extensions });
    const [second] = await transports.post(url, token, { ...request, query: undefined, extensions });
    // A document that is not valid is not kept.
    const isKept = first.includes('"data"') || !second.includes('"PersistedQueryNotFound"');
    return isKept ? [first, second] : [first];
  },
};

function headers(token) {
  return {
    accept: 'application/graphql-response+json',
    ...(token && { authorization: `Bearer ${token}` }),
  };
}

/** An account on a server, what is known of its library, and its token. */
export class Account {
  /** Registers the account and adds `books` to it. */
  static async of(origin, name, books) {
    const account = new Account();
    Object.assign(account, { url: `${origin}/graphql`, name, schema, keys: new Map(), token: null });
    const [other, own] = [`${name}-other`, `${name}-own`];
    account.token = (await account.register(other)).accessToken;
    const { books: [theirs] } = await account.add(books.slice(0, 1));
    const { user, sessions } = await account.snapshot();
    account.othersIds = [theirs.id, user.id, sessions[0].id];
    account.token = (await account.register(own)).accessToken;
    account.session = (await account.snapshot()).sessions[0].id;
    for (let count = 0; count < SPARE_SESSIONS; count += 1) await account.login();
    for (let index = 0; index < books.length; index += 5) await account.add(books.slice(index, index + 5));
    account.taken = [other];
    account.reset(await account.snapshot());
    const ids = [...account.library.books.keys()];
    for (const id of ids.filter((_, index) => index % BOOKS_PER_COVER === 0)) await account.setCover(id);
    account.reset(await account.snapshot());
    return account;
  }

  /** Takes the rows of a snapshot for those of the library. */
  reset(rows) {
    const keys = new Map([...this.library?.books.values() ?? []].map(({ id, key }) => [id, key]));
    const books = rows.books.map((book) => ({ ...book, key: keys.get(book.id) }));
    this.library = new Library({ ...rows, books }, this.taken);
  }

  /** The sessions that may be revoked. */
  get spareSessions() {
    return this.library.sessions.map(({ id }) => id).filter((id) => id !== this.session);
  }

  /** Does a plain operation in the name of the account, and gives its data. */
  async ask(query, variables) {
    const [text] = await transports.post(this.url, this.token, { query, variables });
    const { data, errors } = JSON.parse(text);
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async register(username) {
    const input = { username, email: `${username}@example.org`, password: PASSWORD };
    const query = 'mutation($input: RegisterInput!) { register(input: $input) { accessToken } }';
    return (await this.ask(query, { input })).register;
  }

  /** Begins another session: its id and token. */
  async login() {
    const input = { email: `${this.name}-own@example.org`, password: PASSWORD };
    const query = 'mutation($input: LoginInput!) { login(input: $input) { accessToken } }';
    const { login: { accessToken: token } } = await this.ask(query, { input });
    const sessions = 'query { viewer { sessions { id current } } }';
    const [text] = await transports.post(this.url, token, { query: sessions });
    const { data } = JSON.parse(text);
    return { token, session: data.viewer.sessions.find(({ current }) => current).id };
  }

  /** Sets the cover of a book. */
  async setCover(id) {
    const query = 'mutation($id: ID!, $file: Upload!) { setBookCover(id: $id, file: $file) { userErrors { code } } }';
    const form = new FormData();
    form.append('operations', JSON.stringify({ query, variables: { id, file: null } }));
    form.append('map', JSON.stringify({ 0: ['variables.file'] }));
    form.append('0', new Blob([png]));
    const sent = { ...headers(this.token), 'apollo-require-preflight': 'true' };
    const response = await fetch(this.url, { method: 'POST', headers: sent, body: form });
    const { data, errors } = await response.json();
    if (errors || data.setBookCover.userErrors.length > 0) throw new Error(JSON.stringify({ data, errors }));
  }

  /** Adds up to five books. */
  async add(books) {
    const fields = books.map((_, index) => `b${index}: createBook(input: $i${index}) { book { id } }`);
    const definitions = books.map((_, index) => `$i${index}: CreateBookInput!`);
    const query = `mutation(${definitions.join(', ')}) { ${fields.join(' ')} }`;
    const variables = Object.fromEntries(books.map((book, index) => [`i${index}`, book]));
    return { books: Object.values(await this.ask(query, variables)).map(({ book }) => book) };
  }

  /** Removes books so that there are at most `most`. */
  async shrink(most) {
    const ids = [...this.library.books.keys()];
    while (ids.length > most) {
      const [id] = ids.splice(Math.floor(ids.length / 2), 1);
      await this.ask('mutation($id: ID!) { deleteBook(id: $id) { deletedBookId } }', { id });
      this.library.deleteBook({ id });
    }
  }

  /** All rows of the account, by plain queries. */
  async snapshot() {
    const books = [];
    let after = null;
    for (;;) {
      const { viewer } = await this.ask(`query($after: String) { viewer {
        id username email createdAt sessions { id userAgent createdAt lastUsedAt }
        books(first: 100, after: $after, orderBy: { field: CREATED_AT, direction: ASC }) {
          nodes { ${ROW} } pageInfo { hasNextPage endCursor }
        }
      } }`, { after });
      const { books: { nodes, pageInfo }, sessions, ...user } = viewer;
      books.push(...nodes);
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage) {
        return { user: inTime(user), sessions: sessions.map(inTime), books: books.map(inTime) };
      }
    }
  }

  /**
   * Subscribes, does `act` once the server listens, and gives the text of the next answer; at once,
   * if it refuses. `act` is not done then.
   */
  async nextEvent(token, request, act) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 5_000);
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { ...headers(token), accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify(request),
      signal: stop.signal,
    });
    let read = '';
    let acted = false;
    try {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        read += chunk;
        const event = /^event: next\ndata: (.*)$/m.exec(read);
        if (event && /\n\n$/.test(read)) return event[1];
        if (!acted && read.startsWith(':\n\n')) {
          acted = true;
          await act();
        }
      }
      return read;
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }
}

/** A row with its dates as milliseconds. */
function inTime(row) {
  const dates = Object.entries(row).filter(([name]) => name.endsWith('At'));
  return { ...row, ...Object.fromEntries(dates.map(([name, text]) => [name, Date.parse(text)])) };
}
