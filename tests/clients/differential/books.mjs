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

/** Input for `count` books. */
export function books(random, count) {
  return Array.from({ length: count }, (_, number) => {
    const title = random.chance(0.05) ? `Long ${'title '.repeat(32)}`.trim() : random.pick(TITLES);
    const book = { title, author: random.pick(AUTHORS) };
    if (random.chance(0.6)) book.isbn = isbn13(String(100_000_000 + number * 7_919).slice(0, 9));
    if (random.chance(0.7)) book.rating = random.between(1, 5);
    if (random.chance(0.4)) book.notes = random.pick(NOTES);
    if (random.chance(0.4)) book.publisher = random.pick(PUBLISHERS);
    return book;
  });
}
