// The books of a library for tests: some alike, some with everything, some with nothing but a title.

import { isbn13 } from './formats.mjs';

const TITLES = [
  'Dune', 'dune', 'DUNE', 'Émile', 'emile', 'Straße nach Süden', 'Strasse nach Süden', 'Ｄune',
  'The Dispossessed', '百年の孤独', 'Ὅμηρος', 'Zoë and the "Whale"', '100 % Wolle', 'a_b',
  'Back\\slash', '\u{1F4DA} Books',
  'The Left Hand of Darkness', 'ﬁnale', 'İstanbul', 'Œuvres complètes', 'Catch‑22', 'Ender’s Game', '“Emma”',
];

const AUTHORS = [
  'Frank Herbert', 'frank herbert', 'Ursula K. Le Guin', 'Jean-Jacques Rousseau', 'Zoë', 'Ζωή',
  '村上春樹', 'A', 'Ångström, Ö.', 'Somebody',
];

const NOTES = ['Read twice.', 'Élan\n\tvital', 'lent to "Zoë"', 'x'.repeat(300)];

const PUBLISHERS = ['Chilton Books', 'Éditions du Seuil', '新潮社', 'x'.repeat(200)];

const TAGS = ['Fantasy', 'fantasy', 'to buy', 'Élan', 'Zoë', 'zoe', 'a, "b" \\ c', '\u{1F4DA}', 'x'.repeat(50)];

const STATUSES = ['WANT_TO_READ', 'READING', 'READ', 'READ', 'READ', 'DID_NOT_FINISH'];

/** A random day: of this year, or of some years around it. */
export function day(random) {
  const year = new Date().getUTCFullYear() + random.pick([0, 0, 0, -1, -2, 1]);
  const [month, date] = [random.between(1, 12), random.between(1, 28)];
  return `${year}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`;
}

/** Input for `count` books. */
export function books(random, count) {
  return Array.from({ length: count }, (_, number) => {
    const title = random.chance(0.05) ? `Long ${'title '.repeat(32)}`.trim() : random.pick(TITLES);
    const book = { title, author: random.pick(AUTHORS) };
    if (random.chance(0.6)) book.isbn = isbn13(String(100_000_000 + number * 7_919).slice(0, 9));
    if (random.chance(0.7)) book.rating = random.between(1, 5);
    if (random.chance(0.4)) book.notes = random.pick(NOTES);
    if (random.chance(0.4)) book.publisher = random.pick(PUBLISHERS);
    if (random.chance(0.6)) book.status = random.pick(STATUSES);
    if (random.chance(0.4)) book.finishedOn = day(random);
    if (random.chance(0.1)) book.startedOn = book.finishedOn ?? day(random);
    if (random.chance(0.2)) book.readCount = random.between(0, 3);
    if (random.chance(0.4)) book.pageCount = random.between(1, 1_000);
    if (random.chance(0.4)) book.publishedYear = random.between(-500, 2_030);
    if (random.chance(0.5)) book.tags = Array.from({ length: random.between(0, 4) }, () => random.pick(TAGS));
    return book;
  });
}
