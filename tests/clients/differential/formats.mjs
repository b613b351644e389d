// How the server reads and writes texts, dates, ids, ISBNs and cursors, written a second time.

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** The longest cursor that is decoded. */
const LONGEST_CURSOR = 2_700;

/** The bits that name what a list is ordered by, in the first byte of a cursor. */
const ORDER_FIELDS = ['CREATED_AT', 'UPDATED_AT', 'TITLE', 'AUTHOR', 'RATING'];

/** Something that is wrong with an input: a code of `UserErrorCode`. */
export class Fault extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Letters that Unicode does not decompose, with what they are compared as. */
const LETTERS = {
  æ: 'ae', œ: 'oe', ß: 'ss', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ŧ: 't', ŋ: 'n', ə: 'e',
};

const APOSTROPHES = /[`´\u02B9\u02BB-\u02BF\u2018-\u201B\u2032\u2039\u203A]/gu;
const QUOTATION_MARKS = /[«»\u201C-\u201F\u2033]/gu;
const ACCENTS = /[\u0300-\u0344\u0346-\u036F\u0483-\u0489\u0591-\u05BD\u05BF-\u05C7\u064B-\u065F\u0670\u20D0-\u20FF]/gu;
const INVISIBLE = '\\p{Cf}\\u115F\\u1160\\u3164\\uFFA0\\u2800';

/** A text regardless of case, as names are compared. */
export function foldCase(text) {
  const upper = [...text.normalize('NFKD')].map((c) => c.toUpperCase()).join('');
  return [...upper].map((c) => c.toLowerCase()).join('').replace(/ß/gu, 'ss').normalize('NFKC');
}

/** A text as order and search compare it. */
export function fold(text) {
  const unify = (it) => it.replace(APOSTROPHES, "'").replace(QUOTATION_MARKS, '"');
  const simple = unify(unify(text).normalize('NFKD'))
    .replace(/[\p{White_Space}\p{Pd}\u2212\u3164\u2800]+/gu, ' ')
    .replace(ACCENTS, '')
    .replace(new RegExp(`[${INVISIBLE}\\uFE00-\\uFE0F]`, 'gu'), '')
    .replace(/\u2044/gu, '/');
  const upper = [...simple].map((c) => c.toUpperCase()).join('');
  const lower = [...upper].map((c) => c.toLowerCase()).map((c) => LETTERS[c] ?? c).join('');
  return lower.replace(/ +/gu, ' ').replace(/^ | $/gu, '').normalize('NFC');
}

const trimmed = (characters, text) =>
  text.replace(new RegExp(`^[${characters}]+|[${characters}]+$`, 'gu'), '');

/** A text without white space and invisible characters at both ends. */
export function trim(text) {
  const blank = new RegExp(`^[\\p{White_Space}${INVISIBLE}\\u034F\\u180B-\\u180F\\uFE00-\\uFE0F]*$`, 'u');
  return blank.test(text) ? '' : trimmed(`\\p{White_Space}${INVISIBLE}`, text);
}

/** One line of 1 to `longest` characters; throws a [Fault]. */
export function line(text, longest) {
  const parts = trim(text).split(/[\t\n\v\f\r\u0085\u2028\u2029]/u);
  const joined = parts.map((part) => trimmed('\\p{White_Space}', part)).filter((part) => part !== '').join(' ');
  if (joined === '') throw new Fault('REQUIRED');
  if (/\p{Cc}/u.test(joined)) throw new Fault('INVALID_FORMAT');
  if ([...joined].length > longest) throw new Fault('TOO_LONG');
  return joined;
}

/** The notes on a book, null for blank ones; throws a [Fault]. */
export function parseNotes(text) {
  const lines = trim(text).replace(/\r\n|[\v\f\r\u0085\u2028\u2029]/gu, '\n');
  if (/(?![\t\n])\p{Cc}/u.test(lines)) throw new Fault('INVALID_FORMAT');
  if ([...lines].length > 20_000) throw new Fault('TOO_LONG');
  return lines === '' ? null : lines;
}

/** A publisher, null for a blank one; throws a [Fault]. */
export const parsePublisher = (text) => (trim(text) === '' ? null : line(text, 200));

/** Accepts numbers from `lowest` to `highest`; throws a [Fault]. */
export const parseNumber = (lowest, highest) => (number) => {
  if (number < lowest || number > highest) throw new Fault('OUT_OF_RANGE');
  return number;
};

/** The tags of a book, and what is wrong with them: pairs of an index, or null for the list, and a code. */
export function parseTags(texts) {
  const tags = new Map();
  const errors = [];
  for (const [index, text] of texts.entries()) {
    try {
      const tag = line(text, 50);
      if (!tags.has(foldCase(tag))) tags.set(foldCase(tag), tag);
    } catch (fault) {
      errors.push([index, fault.code]);
    }
    if (tags.size + errors.length > 50) return { tags: [], errors: [[null, 'TOO_LONG']] };
  }
  return { tags: [...tags.values()], errors };
}

/** Whether a text is a day of the calendar: `2026-03-27`. */
export function isDate(text) {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  return match !== null && parseDateTime(`${text}T00:00:00Z`) !== undefined;
}

/** A username; throws a [Fault]. */
export function parseUsername(text) {
  const name = line(text, Infinity).normalize('NFC');
  if ([...name].length > 80) throw new Fault('TOO_LONG');
  if (!/^(?!\p{M})[\p{Alphabetic}\p{N}\p{M}._-]*$/u.test(name)) throw new Fault('INVALID_FORMAT');
  if ([...name].length < 3) throw new Fault('TOO_SHORT');
  return name;
}

const SEPARATORS = /[ \p{P}=]/gu;

/** A folded text without the label of an ISBN. */
function withoutLabel(folded) {
  const [, before, after] = /^(.*?)isbn(.*)$/su.exec(folded) ?? [];
  if (before === undefined || !/^(|e|p|urn)$/.test(before.replace(SEPARATORS, ''))) return folded;
  const rest = after.replace(/^[ \p{P}=]+/u, '');
  const [number, code] = [rest.slice(0, 2), rest.slice(2)];
  const isNumbered = ['10', '13'].includes(number)
    && (/^[ \p{P}=]/u.test(code) || /^([0-9x]{10}|[0-9x]{13})$/.test(code.replace(SEPARATORS, '')));
  return isNumbered ? code : rest;
}

/** What the ISBN of a book must contain to be found by this text. */
export function isbnParts(text) {
  // Only hyphens between digits: `9/11` is no ISBN.
  const code = withoutLabel(fold(text)).replace(/^[ \p{P}=]+|[ \p{P}=]+$/gu, '').replaceAll(' ', '');
  const parts = /^[0-9]{1,13}$/.test(code) ? [code] : [];
  try {
    return [...parts, ...[parseIsbn(text)].filter((isbn) => isbn !== null)];
  } catch {
    return parts;
  }
}

/** The ISBN-13 that a text spells, null for a blank one; throws a [Fault]. */
export function parseIsbn(text) {
  if (trim(text) === '' || /^[= "]+$/.test(fold(text))) return null;
  const code = withoutLabel(fold(text)).replace(SEPARATORS, '');
  if (!/^[0-9x]*$/.test(code) || ![10, 13].includes(code.length)) throw new Fault('INVALID_FORMAT');
  const digits = [...code].map((c) => (c === 'x' ? 10 : Number(c)));
  if (digits.slice(0, -1).includes(10) || (code.length === 13 && digits[12] === 10)) {
    throw new Fault('INVALID_FORMAT');
  }
  const sum = (weight) => digits.reduce((total, digit, index) => total + digit * weight(index), 0);
  const fits = code.length === 10
    ? sum((index) => 10 - index) % 11 === 0
    : sum((index) => (index % 2 ? 3 : 1)) % 10 === 0;
  if (!fits) throw new Fault('ISBN_CHECKSUM');
  const isbn = code.length === 13 ? code : isbn13(code.slice(0, 9));
  if (!/^97[89]/.test(isbn) || isbn.startsWith('9790')) throw new Fault('INVALID_FORMAT');
  return isbn;
}

/** The ISBN-13 with these nine digits in the middle. */
export function isbn13(nine) {
  const digits = `978${nine}`;
  const sum = [...digits].reduce((total, digit, index) => total + digit * (index % 2 ? 3 : 1), 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

/** The milliseconds since the epoch of an RFC 3339 date-time; undefined if it is none. */
export function parseDateTime(text) {
  const pattern = /^(\d{4})-(\d\d)-(\d\d)[^](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const milliseconds = Number((match[7] ?? '.').slice(1, 4).padEnd(3, '0'));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, milliseconds);
  const read = [
    date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(),
    date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(),
  ];
  if (read.join() !== [year, month, day, hour, minute, second].join()) return undefined;
  const [hours, minutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hours > 23 || minutes > 59) return undefined;
  const offset = (hours * 60 + minutes) * (match[8] === '-' ? -60_000 : 60_000);
  return date.getTime() - offset;
}

/** The UUID in a TypeID of this type, as hexadecimal digits; undefined if the text is none. */
export function uuidOf(type, id) {
  const match = new RegExp(`^${type}_([0-7][${CROCKFORD}]{25})$`).exec(id);
  if (!match) return undefined;
  const number = [...match[1]].reduce((total, c) => total * 32n + BigInt(CROCKFORD.indexOf(c)), 0n);
  return number.toString(16).padStart(32, '0');
}

/** The TypeID of this type with this UUID. */
export function typeId(type, uuid) {
  let number = BigInt(`0x${uuid}`);
  let text = '';
  for (let digit = 0; digit < 26; digit += 1) {
    text = CROCKFORD[Number(number % 32n)] + text;
    number /= 32n;
  }
  return `${type}_${text}`;
}

/** The first byte of the cursors of an order. */
const tag = ({ field, direction }) =>
  0x10 | (ORDER_FIELDS.indexOf(field) << 1) | (direction === 'DESC' ? 1 : 0);

/** The key of books without a rating: they come last in both directions. */
export const unratedKey = ({ direction }) => (direction === 'ASC' ? 6 : 0);

/** The cursor of a position in a list of this order. Its key is a number, or the bytes of a text. */
export function encodeCursor(order, { key, id }) {
  const uuid = Buffer.from(uuidOf('book', id), 'hex');
  return Buffer.concat([Buffer.from([tag(order)]), keyBytes(order, key), uuid]).toString('base64url');
}

function keyBytes({ field }, key) {
  if (Buffer.isBuffer(key)) return key;
  // The id has the time.
  if (field === 'CREATED_AT') return Buffer.alloc(0);
  const bytes = Buffer.alloc(field === 'RATING' ? 2 : 8);
  if (field === 'RATING') bytes.writeInt16BE(key === 6 ? 0 : key);
  else bytes.writeBigInt64BE(BigInt(key));
  return bytes;
}

/** The position that a cursor of this order stands for; undefined if it is no such cursor. */
export function decodeCursor(order, cursor) {
  const bytes = Buffer.from(cursor, 'base64url');
  if (cursor.length > LONGEST_CURSOR || bytes.toString('base64url') !== cursor) return undefined;
  if (bytes.length < 17 || bytes[0] !== tag(order)) return undefined;
  const [found, uuid] = [bytes.subarray(1, -16), bytes.subarray(-16).toString('hex')];
  const id = typeId('book', uuid);
  switch (order.field) {
    case 'TITLE':
    case 'AUTHOR':
      if (found.includes(0) || !isUtf8(found)) return undefined;
      return { key: found, id };
    case 'RATING': {
      const rating = found.length === 2 ? found.readInt16BE() : -1;
      if (rating === 0) return { key: unratedKey(order), id };
      return rating >= 1 && rating <= 5 ? { key: rating, id } : undefined;
    }
    case 'CREATED_AT':
      return found.length === 0 ? { key: Number.parseInt(uuid.slice(0, 12), 16), id } : undefined;
    default:
      return found.length === 8 ? { key: Number(found.readBigInt64BE()), id } : undefined;
  }
}

const isUtf8 = (bytes) => Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
