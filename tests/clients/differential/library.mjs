// A library as the server keeps it, in memory: the rows, the lists over them, and what changes them.

import {
  Fault, decodeCursor, encodeCursor, fold, foldCase, isbnParts, line, parseIsbn, parseNotes, parseNumber,
  parsePublisher, parseTags, parseUsername, trim, unratedKey, uuidOf,
} from './formats.mjs';
import { LARGEST_INT, areWrong, isOneDate, leastCount, readingStats, tagCounts } from './reading.mjs';

/** The order of a list when none is given. */
export const DEFAULT_ORDER = { field: 'CREATED_AT', direction: 'DESC' };

/** A book of which only title and author are given. */
const PLAIN = {
  isbn: null, rating: null, notes: null, publisher: null, status: null, startedOn: null, finishedOn: null,
  publishedYear: null, pageCount: null, tags: [], cover: null,
};

const DEFAULT_SIZE = 20;
const LARGEST_SIZE = 100;

/**
 * Stands for a value that the server generates and the model cannot know: it agrees with the value that
 * is found in its place, and with that value wherever it occurs again.
 */
export const unknown = (kind, name) => `\0${kind}:${name}`;

/** Stands for the text of a message, which is for people and not compared. */
export const ANY_TEXT = unknown('text', 'message');

/** What the arguments of a field do not allow. */
export class BadInput extends Error {}

/** The rows of one account. */
export class Library {
  /** Of rows as `snapshot` in `requests.mjs` reads them; `taken` are usernames of other accounts. */
  constructor({ user, books, sessions }, taken = []) {
    this.user = { __typename: 'User', ...user };
    this.books = new Map(books.map((book) => [book.id, { __typename: 'Book', ...book }]));
    this.sessions = sessions.map((session) => ({ __typename: 'Session', ...session }));
    this.taken = taken;
    this.sorted = new Map();
  }

  /** A copy to try something on. */
  clone() {
    return new Library({ ...this, books: [...this.books.values()] }, this.taken);
  }

  /** The whole library in this order. */
  inOrder(order) {
    const name = `${order.field} ${order.direction}`;
    if (!this.sorted.has(name)) {
      const rows = [...this.books.values()].map((book) => ({ book, ...position(order, book) }));
      this.sorted.set(name, rows.sort((a, b) => compare(order, a, b)));
    }
    return this.sorted.get(name);
  }

  /** The books of a list with their positions. Throws what is wrong with the filter. */
  list({ filter, orderBy }) {
    const order = orderBy ?? DEFAULT_ORDER;
    const matches = condition(filter ?? {});
    return { order, rows: this.inOrder(order).filter(({ book }) => matches(book)) };
  }

  /** A connection (GraphQL Cursor Connections). */
  connection(args) {
    const { order, rows } = this.list(args);
    const { first, last } = args;
    if (first != null && last != null) throw new BadInput('first and last');
    const size = pageSize(first ?? last ?? DEFAULT_SIZE);
    const [after, before] = [args.after, args.before].map((cursor) => {
      if (cursor == null) return null;
      const found = decodeCursor(order, cursor);
      if (!found) throw new BadInput('cursor');
      return found;
    });
    const between = rows.filter((row) =>
      (!after || compare(order, row, after) > 0) && (!before || compare(order, row, before) < 0));
    const slice = last == null ? between.slice(0, size) : between.slice(-size);
    const more = between.length > size;
    const any = (side) => rows.some((row) => side(row));
    const edges = slice.map(({ book }) => edge(order, book));
    return {
      edges,
      nodes: slice.map(({ book }) => book),
      totalCount: rows.length,
      pageInfo: {
        startCursor: edges.at(0)?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
        // Without `before` the list ends with the slice, and the like for the other side.
        hasNextPage: last == null && more
          ? true : before !== null && any((row) => compare(order, row, before) >= 0),
        hasPreviousPage: last != null && more
          ? true : after !== null && any((row) => compare(order, row, after) <= 0),
      },
    };
  }

  /** A numbered page. */
  page({ page, perPage, ...args }) {
    const { rows } = this.list(args);
    const size = pageSize(perPage);
    if (page < 1) throw new BadInput('page');
    const items = rows.slice((page - 1) * size, page * size).map(({ book }) => book);
    return { items, page, perPage, total: rows.length, pages: Math.ceil(rows.length / size) };
  }

  /** The tags with the numbers of their books. */
  tags() {
    return tagCounts([...this.books.values()]);
  }

  /** The statistics, of a year or of all. */
  stats({ year }) {
    return readingStats([...this.books.values()], year);
  }

  /** The object with this id. */
  node(id) {
    const session = this.sessions.find((it) => it.id === id);
    return this.books.get(id) ?? (id === this.user.id ? this.user : session) ?? null;
  }

  /** Adds a book; `generated` gives the ids and times that the server generated. */
  createBook({ idempotencyKey: key, input }, generated) {
    if (key != null && (key === '' || [...key].length > 64 || /\p{Cc}/u.test(key))) {
      throw new BadInput('idempotencyKey');
    }
    const { values, errors } = check(input);
    if (errors.length > 0) return { userErrors: [...errors, ...this.duplicates(input, null)] };
    const books = [...this.books.values()];
    const first = key == null ? undefined : books.find((book) => book.key === key);
    if (first) return created(first);
    const duplicate = values.isbn && books.find((book) => book.isbn === values.isbn);
    if (duplicate) return { userErrors: [duplicateIsbn(duplicate)] };
    const { id, createdAt } = generated.book();
    const book = {
      __typename: 'Book', id, ...PLAIN, ...values, readCount: values.readCount ?? leastCount(values), key,
      version: 1, createdAt, updatedAt: createdAt,
    };
    this.put(book);
    return created(book);
  }

  /** Changes a book. */
  updateBook({ id, input }, generated) {
    if (uuidOf('book', id) === undefined) return { userErrors: [userError('NOT_FOUND', ['id'])] };
    const { expectedVersion, ...fields } = input;
    const { values, errors } = check(fields);
    const book = this.books.get(id);
    const isWrong = book && isOneDate(fields) && areWrong({ ...book, ...fields });
    const faults = isWrong ? [...errors, finishedBeforeStarted()] : errors;
    if (errors.length > 0) return { userErrors: [...faults, ...this.duplicates(input, id)] };
    if (!book) return { userErrors: [userError('NOT_FOUND', ['id'])] };
    if (expectedVersion != null && expectedVersion !== book.version) {
      return { userErrors: [userError('VERSION_CONFLICT', ['input', 'expectedVersion'], book)] };
    }
    if (isWrong) return { userErrors: [...faults, ...this.duplicates(input, id)] };
    if (values.readCount === null) values.readCount = leastCount(values);
    if (values.readCount === undefined && book.status !== 'READ') {
      values.readCount = Math.max(book.readCount, leastCount(values));
    }
    const isSame = (name) => JSON.stringify(values[name]) === JSON.stringify(book[name]);
    if (Object.keys(values).every(isSame)) return { book, userErrors: [] };
    const others = [...this.books.values()].filter((other) => other.id !== id);
    const duplicate = values.isbn && others.find((other) => other.isbn === values.isbn);
    if (duplicate) return { userErrors: [duplicateIsbn(duplicate)] };
    const version = book.version + 1;
    const updated = { ...book, ...values, version, updatedAt: generated.updatedAt(id, version) };
    this.put(updated);
    return { book: updated, userErrors: [] };
  }

  /** Removes the cover of a book. */
  removeBookCover({ id }, generated) {
    const book = this.books.get(id);
    if (!book) return { userErrors: [userError('NOT_FOUND', ['id'])] };
    if (book.cover === null) return { book, userErrors: [] };
    const version = book.version + 1;
    const changed = { ...book, cover: null, version, updatedAt: generated.updatedAt(id, version) };
    this.put(changed);
    return { book: changed, userErrors: [] };
  }

  /** Removes a book. */
  deleteBook({ id }) {
    if (!this.books.delete(id)) return { userErrors: [userError('NOT_FOUND', ['id'])] };
    this.sorted.clear();
    return { deletedBookId: id, userErrors: [] };
  }

  /** Changes the username. */
  updateProfile({ input }) {
    const errors = [];
    const given = (field, parse) => {
      try {
        return input[field] == null ? undefined : parse(input[field]);
      } catch (fault) {
        errors.push(userError(code(fault), ['input', field]));
        return undefined;
      }
    };
    const username = given('username', parseUsername);
    // Other addresses are not generated: a new one takes the password, and bcrypt is slow.
    given('email', (text) => {
      const email = line(text, 120);
      if (email !== this.user.email) throw new Fault('INVALID_FORMAT');
    });
    const isTaken = username !== undefined
      && this.taken.some((name) => foldCase(name) === foldCase(username));
    // No generated password is the right one, and only that tells whether a name is taken.
    if (input.currentPassword != null) {
      errors.push(userError('INVALID_CREDENTIALS', ['input', 'currentPassword']));
    } else if (isTaken && errors.length === 0) {
      errors.push(userError('REQUIRED', ['input', 'currentPassword']));
    }
    if (errors.length > 0) return { userErrors: errors };
    if (username !== undefined) this.user = { ...this.user, username };
    return { user: this.user, userErrors: [] };
  }

  /** Ends a session; false if there is no such session. */
  endSession(id) {
    const left = this.sessions.filter((session) => session.id !== id);
    const ended = left.length < this.sessions.length;
    this.sessions = left;
    return ended;
  }

  duplicates({ isbn }, id) {
    const parsed = tried(() => parseIsbn(isbn ?? ''));
    const other = [...this.books.values()].find((book) => parsed && book.isbn === parsed);
    return other && other.id !== id ? [duplicateIsbn(other)] : [];
  }

  put(book) {
    this.books.set(book.id, book);
    this.sorted.clear();
  }
}

/** An error for a form. */
export const userError = (errorCode, field, book = null) =>
  ({ code: errorCode, field, book, message: ANY_TEXT });

const finishedBeforeStarted = () => userError('OUT_OF_RANGE', ['input', 'finishedOn']);

const duplicateIsbn = (book) => userError('DUPLICATE_ISBN', ['input', 'isbn'], book);

const created = (book) => ({ book, bookEdge: edge(DEFAULT_ORDER, book), userErrors: [] });

export const edge = (order, node) => ({ node, cursor: cursorOf(order, node) });

/** The cursor of a book in a list of this order. */
export function cursorOf(order, book) {
  const { key, id } = position(order, book);
  if (String(key).startsWith('\0') || id.startsWith('\0')) return unknown('cursor', `${id} ${key}`);
  return encodeCursor(order, { key, id });
}

/** The values of an input for a book, and what is wrong with them. */
function check(input) {
  const parsers = {
    title: required((text) => line(text, 500)),
    author: required((text) => line(text, 500)),
    isbn: optional(parseIsbn),
    rating: optional(parseNumber(1, 5)),
    notes: optional(parseNotes),
    status: (status) => status,
    startedOn: (date) => date,
    finishedOn: (date) => date,
    readCount: optional(parseNumber(0, LARGEST_INT)),
    publisher: optional(parsePublisher),
    publishedYear: optional(parseNumber(-5_000, 2_200)),
    pageCount: optional(parseNumber(1, 100_000)),
    tags: (tags) => tags,
  };
  const [values, errors] = [{}, []];
  for (const [field, parse] of Object.entries(parsers)) {
    if (field === 'finishedOn' && areWrong(input)) errors.push(finishedBeforeStarted());
    if (input[field] === undefined) continue;
    if (field === 'tags') {
      const { tags, errors: wrong } = parseTags(input.tags ?? []);
      values.tags = tags;
      errors.push(...wrong.map(([index, fault]) =>
        userError(fault, ['input', 'tags', ...(index === null ? [] : [String(index)])])));
      continue;
    }
    try {
      values[field] = parse(input[field]);
    } catch (fault) {
      errors.push(userError(code(fault), ['input', field]));
    }
  }
  return { values, errors };
}

function required(parse) {
  return (value) => {
    if (value === null) throw new Fault('REQUIRED');
    return parse(value);
  };
}

const optional = (parse) => (value) => (value === null ? null : parse(value));

function code(error) {
  if (error instanceof Fault) return error.code;
  throw error;
}

function tried(parse) {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function pageSize(size) {
  if (size < 1 || size > LARGEST_SIZE) throw new BadInput('size');
  return size;
}

/** Which books a filter lets pass. */
function condition({ search, isbn, minRating, maxRating, unrated, createdAfter, createdBefore, status, tag }) {
  const matches = found(search ?? '');
  let wanted = null;
  try {
    wanted = parseIsbn(isbn ?? '');
  } catch {
    throw new BadInput('isbn');
  }
  let tagged = null;
  try {
    tagged = trim(tag ?? '') === '' ? null : foldCase(line(tag, 50));
  } catch {
    throw new BadInput('tag');
  }
  return (book) => (wanted === null || book.isbn === wanted)
    && (minRating == null || (book.rating !== null && book.rating >= minRating))
    && (maxRating == null || (book.rating !== null && book.rating <= maxRating))
    && (unrated == null || (book.rating === null) === unrated)
    && (createdAfter == null || book.createdAt > createdAfter)
    && (createdBefore == null || book.createdAt < createdBefore)
    && (status == null || status.includes(book.status))
    && (tagged === null || book.tags.some((name) => foldCase(name) === tagged))
    && matches(book);
}

/** Which books a search finds. */
function found(search) {
  const typed = search.split(/[\p{White_Space}\u2014\u2015]+/u).filter((word) => word !== '');
  if ([...search].length > 2_000 || search.includes('\0') || typed.length > 250) throw new BadInput('search');
  const words = typed.map((word) => ({ folded: fold(word), isbns: isbnParts(word) }));
  const unquoted = words.map((word) => ({ ...word, folded: withoutPunctuation(word.folded) }));
  const [used] = [unquoted, words].map((all) => all.filter(({ folded }) => folded !== ''))
    .filter((some) => some.length > 0);
  if (used === undefined) return () => true;
  const whole = typed.length > 1 ? isbnParts(search) : [];
  const hasIsbn = (book, isbns) => isbns.some((digits) => book.isbn?.includes(digits));
  const occurs = (book, { folded, isbns }) => hasIsbn(book, isbns)
    || [book.title, book.author, book.publisher, ...book.tags, book.notes]
      .some((text) => fold(text ?? '').includes(folded));
  return (book) => hasIsbn(book, whole) || used.every((word) => occurs(book, word));
}

/** A word without punctuation at its ends, but with the last character of `c#` and `100%`. */
const withoutPunctuation = (word) => word.replace(/^\p{P}+/u, '')
  .replace(/\p{P}+$/u, (end) => (/^[#%]/.test(end) ? end[0] : ''));

/** Where a book stands in an order. */
function position({ field, direction }, book) {
  const keys = {
    CREATED_AT: () => book.createdAt,
    UPDATED_AT: () => book.updatedAt,
    TITLE: () => Buffer.from(fold(book.title)),
    AUTHOR: () => Buffer.from(fold(book.author)),
    // Books without a rating come last in both directions.
    RATING: () => book.rating ?? unratedKey({ direction }),
  };
  return { key: keys[field](), id: book.id };
}

function compare({ direction }, a, b) {
  const byKey = Buffer.isBuffer(a.key)
    ? Buffer.compare(a.key, b.key) : Number(a.key > b.key) - Number(a.key < b.key);
  // A TypeID orders as its UUID does.
  const ascending = byKey || Number(a.id > b.id) - Number(a.id < b.id);
  return direction === 'ASC' ? ascending : -ascending;
}

/** The words of a text, for searches. */
export const wordsOf = (text) => trim(text).split(/\p{White_Space}+/u);
