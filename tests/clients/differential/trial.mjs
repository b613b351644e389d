// One random operation on the server and on the model.

import { isDeepStrictEqual } from 'node:util';

import { difference, generatedBetween } from './comparison.mjs';
import { operation } from './operations.mjs';
import { expected } from './oracle.mjs';
import { randomOf, seedOf } from './random.mjs';
import { transports } from './requests.mjs';

/** How often an operation is of a kind. */
const KINDS = { query: 20, mutation: 4, subscription: 1 };

/** How often an operation that is no subscription is sent in a way. */
const TRANSPORTS = { post: 7, get: 1.5, persisted: 1.5 };

/** That nobody is signed in. */
const ANONYMOUS = 0.12;

/** The most books of the library, beyond which some are removed. */
const MOST_BOOKS = 240;

/** How far the clocks of this process and of the server may be apart, in milliseconds. */
const CLOCKS = 1_000;

/** The random trial of this number: the operation, and how it is sent. */
export function trial(account, seed, index) {
  const random = randomOf(seedOf(seed, index));
  const kind = random.weighted(KINDS);
  const request = operation(random, account, kind);
  const transport = { query: random.weighted(TRANSPORTS), mutation: 'post', subscription: 'events' }[kind];
  const isAnonymous = random.chance(ANONYMOUS);
  const act = { kind: random.pick(['CREATED', 'UPDATED', 'DELETED']), number: random.below(1_000_000) };
  return { seed, index, kind, request, transport, isAnonymous, act };
}

/**
 * Runs a trial: the `expectation` and the `text` of the response, and `why` they differ, which is
 * null if they do not.
 */
export async function run(account, it) {
  const caller = await callerOf(account, it);
  const outcome = await { query, mutation, subscription }[it.kind](account, it, caller);
  if (account.library.books.size > MOST_BOOKS) await account.shrink(MOST_BOOKS - 40);
  return { ...it, ...outcome };
}

async function callerOf(account, { request, isAnonymous }) {
  if (isAnonymous) return { token: null, session: null };
  if (!request.query.includes('logout')) return { token: account.token, session: account.session };
  const caller = await account.login();
  account.reset(await account.snapshot());
  return caller;
}

async function query({ url, library }, { request, transport }, { token, session }) {
  const texts = await transports[transport](url, token, request);
  const expectation = await expected(request, { library, session });
  const whys = texts.map((text) => difference(expectation, text));
  const wrong = Math.max(0, whys.findIndex((why) => why !== null));
  return { expectation, text: texts[wrong], why: whys[wrong] };
}

/** A mutation. The library has to be as it should be afterwards. */
async function mutation(account, { request }, { token, session }) {
  const before = account.library;
  const library = before.clone();
  const started = Date.now();
  const [text] = await transports.post(account.url, token, request);
  const rows = await account.snapshot();
  const generated = generatedBetween(before, rows);
  const expectation = await expected(request, { library, session, generated });
  const why = difference(expectation, text)
    ?? differenceOfRows(library, rows)
    ?? differenceOfTimes(before, rows, started);
  if (why === null) account.library = library;
  else account.reset(rows);
  return { expectation, text, why };
}

/** A subscription, and a change that it is told. */
async function subscription(account, { request, act }, { token, session }) {
  const begun = await expected(request, { library: account.library, session });
  let event = null;
  const text = await account.nextEvent(token, request, async () => {
    event = await change(account, act);
  });
  if (event !== null) account.reset(await account.snapshot());
  if (begun.refused || event === null) {
    const why = begun.refused ? difference(begun, text) : 'the subscription is refused';
    return { expectation: begun, text, why };
  }
  const expectation = await expected(request, { library: account.library, session, event });
  return { expectation, text, why: difference(expectation, text) };
}

/** Changes the library by a plain mutation: the event that tells of it. */
async function change(account, { kind, number }) {
  const ids = [...account.library.books.keys()];
  const bookId = ids[number % ids.length];
  if (kind === 'CREATED') {
    const { books: [{ id }] } = await account.add([{ title: `Title ${number}`, author: 'Somebody' }]);
    return { kind, bookId: id };
  }
  if (kind === 'UPDATED') {
    await account.ask(`mutation($id: ID!, $input: UpdateBookInput!) {
      updateBook(id: $id, input: $input) { book { id } }
    }`, { id: bookId, input: { notes: `Notes ${number}` } });
  } else {
    await account.ask('mutation($id: ID!) { deleteBook(id: $id) { deletedBookId } }', { id: bookId });
  }
  return { kind, bookId };
}

function differenceOfRows(library, { user, books, sessions }) {
  const plain = ({ __typename, key, ...row }) => row;
  const byId = (rows) => rows.map(plain).sort((a, b) => (a.id < b.id ? -1 : 1));
  const wanted = [plain(library.user), byId([...library.books.values()]), byId(library.sessions)];
  return isDeepStrictEqual(wanted, [user, byId(books), byId(sessions)]) ? null : 'the library afterwards';
}

function differenceOfTimes(before, { books }, started) {
  const changed = books.filter(({ id, version }) => before.books.get(id)?.version !== version);
  const isNow = ({ updatedAt }) => updatedAt >= started - CLOCKS && updatedAt <= Date.now() + CLOCKS;
  return changed.every(isNow) ? null : 'the time of a change';
}
