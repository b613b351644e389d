// Random values for arguments, by their types and names: literals, variables, and both within each
// other.

import {
  astFromValue, getNullableType, isEnumType, isInputObjectType, isListType, isNonNullType,
  isRequiredInputField, print,
} from 'graphql';

import { day } from './books.mjs';
import { isbn13, typeId } from './formats.mjs';
import { DEFAULT_ORDER, cursorOf, wordsOf } from './library.mjs';

/** How likely a choice is. */
const ODDS = {
  variable: 0.35,
  /** That another variable is used in a second place. */
  sameVariable: 0.3,
  null: 0.06,
  /** That a value is one that the field does not allow. */
  wrong: 0.04,
  optionalArgument: 0.35,
  optionalField: 0.4,
  /** That variables are not what the operation asks for. */
  wrongVariable: 0.015,
  /** That a date is none: rare enough, since few arguments are dates. */
  wrongDate: 0.12,
};

/** Arguments that set the length of a list. */
const SIZES = ['first', 'last', 'perPage'];

/** How long a list is whose length no argument sets. */
const DEFAULT_SIZE = 20;

/** The values of the arguments of one operation, and its variables. */
export class Arguments {
  /** On a `account` with a library; `kind` is that of the operation. */
  constructor(random, account, kind) {
    this.random = random;
    this.account = account;
    this.books = [...account.library.books.values()];
    this.kind = kind;
    this.variables = [];
    this.count = 0;
  }

  /** The arguments of a field as text; its lists may be `most` elements long. */
  of(field, most) {
    const { random } = this;
    const order = random.chance(0.5) ? DEFAULT_ORDER : {
      field: this.named('BookOrderField'), direction: random.pick(['ASC', 'DESC']),
    };
    const context = { field: field.name, order, most, isSized: most < DEFAULT_SIZE };
    const size = random.weighted({ first: 4, last: 3, both: 0.2, none: context.isSized ? 0 : 3 });
    const texts = field.args.filter(({ name, type, defaultValue }) => {
      if (name === 'first' || name === 'last') return size === name || size === 'both';
      if (name === 'perPage' && context.isSized) return true;
      const isRequired = isNonNullType(type) && defaultValue === undefined;
      return isRequired || random.chance(ODDS.optionalArgument);
    }).map(({ name, type, defaultValue }) =>
      `${name}: ${this.value(type, name, context, defaultValue !== undefined)}`);
    return texts.length > 0 ? `(${texts.join(', ')})` : '';
  }

  /** The text of a value for a position of this type. */
  value(type, name, context, hasDefault = false) {
    const { random } = this;
    if (random.chance(ODDS.variable)) return this.variable(type, name, context, hasDefault);
    const isSized = context.isSized && SIZES.includes(name);
    if (!isNonNullType(type) && !isSized && random.chance(ODDS.null)) return 'null';
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      if (random.chance(0.2)) return literal(this.json(nullable.ofType, name, context), nullable.ofType);
      const items = Array.from({ length: this.length(context) }, () =>
        this.value(nullable.ofType, name, context));
      return `[${items.join(', ')}]`;
    }
    if (isInputObjectType(nullable)) {
      const fields = this.fields(nullable).map((it) =>
        `${it.name}: ${this.value(it.type, it.name, context, it.defaultValue !== undefined)}`);
      return `{${fields.join(', ')}}`;
    }
    return literal(this.json(nullable, name, context), nullable);
  }

  /** `$name` of a variable for a position of this type, which is defined for it or was before. */
  variable(type, name, context, hasDefault = false) {
    const { random } = this;
    const nullable = getNullableType(type);
    const others = this.variables.filter((it) => it.fits === `${type} ${name} ${context.most}`);
    if (others.length > 0 && random.chance(ODDS.sameVariable)) return `$${random.pick(others).name}`;
    const isSized = context.isSized && SIZES.includes(name);
    const isOpen = !isNonNullType(type) || hasDefault;
    const shape = random.weighted({
      required: 3, requiredWithDefault: 1.5, withDefault: 3.5, open: isOpen ? 4 : 0,
      nullDefault: isNonNullType(type) ? 0 : 0.7,
    });
    const json = () => this.json(nullable, name, context);
    this.count += 1;
    const variable = { name: `v${this.count}`, fits: `${type} ${name} ${context.most}` };
    variable.type = `${nullable}${shape.startsWith('required') ? '!' : ''}`;
    if (shape === 'nullDefault') variable.default = 'null';
    else if (shape.endsWith('Default')) variable.default = literal(json(), nullable);
    const gives = isSized ? { value: 1, absent: variable.default && shape !== 'nullDefault' ? 1 : 0 } : {
      value: 4, absent: shape === 'required' ? 0 : 4, null: shape.startsWith('required') ? 0 : 2,
    };
    if (random.chance(ODDS.wrongVariable)) {
      variable.given = random.pick([null, { nothing: 1 }, undefined]);
    } else {
      const given = random.weighted(gives);
      variable.given = given === 'value' ? json() : given === 'null' ? null : undefined;
    }
    this.variables.push(variable);
    return `$${variable.name}`;
  }

  /** Forgets the variables that do not stand in a text. */
  keepThoseIn(text) {
    const names = new Set(text.match(/\$v\d+/g));
    this.variables = this.variables.filter(({ name }) => names.has(`$${name}`));
  }

  /** The given variables as a request has them. */
  given() {
    const given = this.variables.filter((it) => it.given !== undefined);
    return Object.fromEntries(given.map((it) => [it.name, it.given]));
  }

  /** The definitions of the variables; with `others` true, with other defaults for Booleans. */
  definitions(others = false) {
    const other = (text) => ({ true: 'false', false: 'true' })[text] ?? text;
    const texts = this.variables.map((it) => {
      const value = others ? other(it.default) : it.default;
      return `$${it.name}: ${it.type}${value === undefined ? '' : ` = ${value}`}`;
    });
    return texts.length > 0 ? `(${texts.join(', ')})` : '';
  }

  fields(type) {
    return Object.values(type.getFields()).filter((field) =>
      isRequiredInputField(field) || this.random.chance(ODDS.optionalField));
  }

  length({ most }) {
    return this.random.between(0, Math.min(most, 4));
  }

  /** A value as JSON has it. */
  json(type, name, context) {
    const { random } = this;
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      if (random.chance(0.2)) return this.json(nullable.ofType, name, context);
      return Array.from({ length: this.length(context) }, () =>
        this.json(nullable.ofType, name, context));
    }
    if (isInputObjectType(nullable)) {
      const fields = this.fields(nullable).map((it) => [
        it.name, !isNonNullType(it.type) && random.chance(ODDS.null)
          ? null : this.json(it.type, it.name, context),
      ]);
      return Object.fromEntries(fields);
    }
    return this.named(nullable.name, name, context);
  }

  /** A value of a type that is neither a list nor an input object. */
  named(type, name, context = {}) {
    const { random, account } = this;
    const enums = account.schema.getType(type);
    if (isEnumType(enums)) {
      // When a book is changed twice in one operation, the time of the first change is not known.
      const names = enums.getValues().map((it) => it.name);
      return random.pick(names.filter((it) => it !== 'UPDATED_AT' || this.kind === 'query'));
    }
    const wrong = random.chance(ODDS.wrong);
    const choices = {
      Boolean: () => name !== 'everywhere' && random.chance(0.5),
      Int: () => this.int(name, context, wrong),
      ID: () => this.id(context),
      DateTime: () => this.date(random.chance(ODDS.wrongDate)),
      Date: () => (random.chance(ODDS.wrongDate / 3)
        ? random.pick(['', '2026-02-29', '2026-3-27', '2026-03-27T00:00:00Z', 20260327, []])
        : random.pick([day(random), day(random), '2024-02-29', '0000-01-01', '9999-12-31'])),
      String: () => this.text(name, context, wrong),
    };
    return choices[type]();
  }

  int(name, { most }, wrong) {
    const { random } = this;
    if (SIZES.includes(name)) {
      return wrong ? random.pick([0, -1, 101]) : random.between(1, Math.min(most, 100));
    }
    if (name === 'page') return wrong ? 0 : random.weighted({ 1: 6, 2: 3, 3: 1, 40: 1 }) * 1;
    if (name === 'readCount') return wrong ? -1 : random.between(0, 3);
    if (name === 'pageCount') return wrong ? random.pick([0, 100_001]) : random.between(1, 2_000);
    if (name === 'publishedYear') return wrong ? random.pick([-5_001, 2_201]) : random.between(-5_000, 2_200);
    if (name === 'year') return new Date().getUTCFullYear() + random.pick([0, 0, -1, 1, -10_000, 10_000]);
    if (name === 'rating') return wrong ? random.pick([0, 6]) : random.between(1, 5);
    return random.between(name === 'expectedVersion' ? 1 : 0, name === 'expectedVersion' ? 2 : 6);
  }

  id({ field }) {
    const { random, account } = this;
    const uuid = () => Array.from({ length: 32 }, () => random.pick('0123456789abcdef')).join('');
    const isOfBook = field === 'book' || this.kind === 'mutation';
    const kind = random.weighted({
      book: field === 'revokeSession' ? 1 : 10, user: isOfBook ? 0.5 : 4, session: isOfBook ? 0 : 4,
      spare: field === 'revokeSession' ? 1 : 0, nothing: 1, other: 1, malformed: 1.5,
    });
    const book = () => random.pick(this.books)?.id ?? 'book_0';
    return {
      book,
      user: () => account.library.user.id,
      session: () => random.pick(account.library.sessions).id,
      spare: () => random.pick([...account.spareSessions, typeId('session', uuid())]),
      nothing: () => typeId(random.pick(['book', 'user', 'session']), uuid()),
      other: () => random.pick(account.othersIds),
      malformed: () => random.pick(['', 'x', 'book_', book().toUpperCase(), `${book()}0`, 42, 'user_zzz']),
    }[kind]();
  }

  date(wrong) {
    const { random } = this;
    if (wrong) {
      return random.pick(['nope', '', '2026-02-30T00:00:00Z', '2026-03-27', '2026-03-27T09:15:00', 5, []]);
    }
    const instant = random.pick(this.books)?.createdAt ?? 0;
    const text = new Date(instant + random.pick([-1, 0, 0, 1])).toISOString();
    const inOffset = new Date(instant + 90 * 60_000).toISOString().replace('Z', '+01:30');
    return random.pick([text, inOffset, text.replace('Z', '9z'), '1970-01-01T00:00:00Z']);
  }

  text(name, { order }, wrong) {
    const { random, account: { library } } = this;
    const book = random.pick(this.books);
    const nine = () => String(random.below(1_000_000_000)).padStart(9, '0');
    const cursors = () => [['x', '', '!'], [cursorOf(order, book)]];
    const anything = () => [['nothing'], ['nothing']];
    // What is wrong with the argument, and what is right.
    const texts = {
      after: cursors,
      before: cursors,
      search: () => [
        ['x '.repeat(251), 'x'.repeat(2_001)],
        [
          random.pick(wordsOf(book.title)), random.pick(wordsOf(book.author)).toUpperCase(),
          wordsOf(book.tags[0] ?? 'elan')[0],
          `${book.title.slice(0, 3)} ${book.author.slice(0, 2)}`, book.isbn ?? '_',
          `"${random.pick(wordsOf(book.title))}", ${random.pick(wordsOf(book.author))}!`,
          book.title.normalize('NFD').toUpperCase(), `${book.title} - ${book.author}`,
          `ISBN-13: ${(book.isbn ?? '978').replace(/^(...)(.)/, '$1-$2-')}`, (book.isbn ?? '978').slice(0, 7),
          `${book.title} ${'e '.repeat(30)}`, 'zoe', 'Strasse', 'oeuvre', 'istanbul', 'seuil', 'jean jacques', 'Jean‑Jacques', '—', '"',
          'e', '', '978', '%', 'nowhere to be found',
        ],
      ],
      isbn: () => [
        ['978', '9780135957050', 'ISBN'],
        [
          book.isbn ?? '', `ISBN ${isbn13(nine())}`, isbn13(nine()), '0-8044-2957-x', ' ', '="0441172717"', '=""',
          `\u{FEFF}ISBN-13 : ${isbn13(nine())}`,
        ],
      ],
      title: () => [
        ['', ' \u3000\u200B', 'a\u0007b', 'x'.repeat(600)],
        [
          book.title, ` ${book.title} `, `A title ${nine()}`, 'Ébène \u{1F4DA}', 'y'.repeat(500),
          '\uFEFFDune\r\nMessiah\u200B',
        ],
      ],
      author: () => [['', '\u0007.\u0007'], [book.author, 'Zoë', 'an author']],
      notes: () => [
        ['bell \u0007'],
        ['One line.', 'Two\n\tlines "and" \\ more', 'Été', '', ' \u200B\n', 'one\u000Btwo\fthree\r\nfour '],
      ],
      publisher: () => [
        ['bell \u0007', 'x'.repeat(201)],
        ['', ' \u3000', 'Chilton Books', ' Ace ', 'two\nlines', 'é'.repeat(200)],
      ],
      tags: () => [
        ['', ' \u3000', 'bell \u0007', 'x'.repeat(51)],
        ['to buy', 'To Buy', ' Fantasy ', 'é'.repeat(50), 'two\nlines', ...book.tags],
      ],
      tag: () => [
        ['bell \u0007', 'x'.repeat(51)],
        ['', ' ', 'TO BUY', 'fantasy', 'zoe', 'buy', book.tags[0]?.toUpperCase() ?? 'Zoë'],
      ],
      idempotencyKey: () => [
        ['', 'k'.repeat(65)],
        [`key ${nine()}`, 'key of this operation', this.books.find((it) => it.key)?.key ?? 'key 1'],
      ],
      username: () => [
        ['', 'ab', 'a b c', library.taken[0]],
        [library.user.username, `reader-${nine()}`, `Zoë.${nine()}`],
      ],
      email: () => [['nobody', ' '], [library.user.email]],
      refreshToken: anything,
      currentPassword: anything,
      name: () => [['Nothing', ''], ['Book', 'Node', 'BookFilter', 'BookChangeKind', 'DateTime']],
    };
    return random.pick(texts[name]()[wrong ? 0 : 1]);
  }
}

/** A value as a document has it. */
function literal(json, ofType) {
  const type = getNullableType(ofType);
  if (json === null) return 'null';
  if (Array.isArray(json)) return `[${json.map((item) => literal(item, type.ofType)).join(', ')}]`;
  if (isListType(type)) return literal(json, type.ofType);
  if (isInputObjectType(type)) {
    const fields = type.getFields();
    const texts = Object.entries(json).map(([name, it]) =>
      `${name}: ${literal(it, fields[name].type)}`);
    return `{${texts.join(', ')}}`;
  }
  // What is no date is written too.
  return ['Date', 'DateTime'].includes(type.name) ? JSON.stringify(json) : print(astFromValue(json, type));
}
