// The reading life of books: what depends on their status, dates and tags.

import { fold, foldCase } from './formats.mjs';

export const LARGEST_INT = 2 ** 31 - 1;

const STATUSES = ['WANT_TO_READ', 'READING', 'READ', 'DID_NOT_FINISH', null];

/** Whether a book would be finished before it was started. */
export const areWrong = ({ startedOn, finishedOn }) =>
  startedOn != null && finishedOn != null && finishedOn < startedOn;

/** Whether an input has one of the dates. */
export const isOneDate = ({ startedOn, finishedOn }) => (startedOn === undefined) !== (finishedOn === undefined);

/** How often a book was read at least. */
export const leastCount = ({ status }) => Number(status === 'READ');

/** The tags of books with their numbers, most used first, then by name. */
export function tagCounts(books) {
  const spellings = new Map();
  for (const tag of books.flatMap(({ tags }) => tags)) spellings.set(tag, (spellings.get(tag) ?? 0) + 1);
  const united = new Map();
  for (const [name, count] of [...spellings].sort(([a, n], [b, m]) => m - n || inBytes(a, b))) {
    const tag = united.get(foldCase(name)) ?? { name, bookCount: 0 };
    united.set(foldCase(name), { ...tag, bookCount: tag.bookCount + count });
  }
  return [...united.values()].sort((a, b) =>
    b.bookCount - a.bookCount || inBytes(fold(a.name), fold(b.name)) || inBytes(a.name, b.name));
}

/** The statistics of books, of a year or of all. */
export function readingStats(books, year) {
  const finished = (of) => ({ finishedOn }) => finishedOn !== null && Number(finishedOn.slice(0, 4)) === of;
  const read = books.filter((book) => book.status === 'READ' && (year == null || finished(year)(book)));
  const inYear = books.filter(finished(year ?? new Date().getUTCFullYear()));
  const ratings = read.map(({ rating }) => rating).filter((rating) => rating !== null);
  return {
    total: books.length,
    read: read.length,
    pagesRead: Math.min(sum(read.map(({ pageCount }) => pageCount ?? 0)), LARGEST_INT),
    averageRating: ratings.length > 0 ? sum(ratings) / ratings.length : null,
    byStatus: STATUSES.map((status) =>
      ({ status, count: books.filter((book) => book.status === status).length })),
    byMonth: Array.from({ length: 12 }, (_, index) => index + 1).map((month) =>
      ({ month, count: inYear.filter((book) => Number(book.finishedOn.slice(5, 7)) === month).length })),
  };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

const inBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
