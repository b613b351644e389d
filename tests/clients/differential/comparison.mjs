// Whether a response is the expected one.
//
// `data` has to be the same text, so that the order of its members counts (section 7.2.2 of the
// GraphQL specification, September 2025), and no object may have a member twice.
//
// `errors` have to be the same up to what the specification leaves open. An error at a position
// that cannot be null makes the next position above it null that can be (6.4.4), and "any sibling
// response positions which have not yet executed or have not yet yielded a value may be cancelled"
// (6.3.3). So the errors below a position that is null because of an error may differ: which of
// them are there depends on what was cancelled. What must hold nevertheless:
// - every error is one that there is when nothing is cancelled, and there once per position;
// - for every position that is null because of an error, there is an error that makes it null.

import {
  Kind, SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef, getNamedType, getNullableType,
  isNonNullType, typeFromAST,
} from 'graphql';

import { unknown } from './library.mjs';
import { schema } from './oracle.mjs';

/** What an unknown value has to look like, by its kind. */
const FORMS = {
  text: /^[^]+$/,
  id: /^book_[0-7][0-9a-z]{25}$/,
  instant: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  cursor: /^[\w-]{20,}$/,
};

const META_FIELDS = [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef];

/** What is wrong with a response, given its text and what `expected` says; null if nothing is. */
export function difference(expectation, text) {
  const found = JSON.parse(text);
  // The server writes a Float without a fraction as `2.0`.
  if (JSON.stringify(found) !== text.replace(/(?<=:[1-5])\.0(?=[,}])/g, '')) return 'a member is there twice';
  if (!Array.isArray(found.errors ?? []) || found.errors?.length === 0) return 'errors are empty';
  if (!('data' in found) && !found.errors) return 'neither data nor errors';
  const paths = (found.errors ?? []).map(({ path }) => path ?? []);
  if (expectation.refused) {
    if ('data' in found) return 'data, but the request is wrong';
    const texts = expectation.errors.map((path) => JSON.stringify(path));
    return paths.every((path) => texts.includes(JSON.stringify(path))) ? null : 'an error with a path';
  }
  if (!('data' in found)) return 'no data';
  const data = settled(expectation.data, found.data, new Map());
  if (JSON.stringify(data) !== JSON.stringify(found.data)) return 'data';
  return differenceOfErrors(expectation, paths);
}

/** Whether the errors of a response that is right are others than those of graphql-js. */
export function hasOtherErrors({ errors }, text) {
  const texts = (paths) => paths.map((path) => JSON.stringify(path)).sort().join();
  return texts(errors) !== texts((JSON.parse(text).errors ?? []).map(({ path }) => path ?? []));
}

/** The expected data with the values that were found in the place of unknown ones. */
function settled(wanted, found, known) {
  if (typeof wanted === 'string' && wanted.startsWith('\0')) {
    const [kind] = wanted.slice(1).split(':');
    const value = known.get(wanted) ?? found;
    if (typeof value !== 'string' || !FORMS[kind].test(value)) return wanted;
    if (kind !== 'text') known.set(wanted, value);
    return value;
  }
  if (Array.isArray(wanted)) return wanted.map((item, index) => settled(item, found?.[index], known));
  if (wanted === null || typeof wanted !== 'object') return wanted;
  const members = Object.entries(wanted).map(([name, it]) => [name, settled(it, found?.[name], known)]);
  return Object.fromEntries(members);
}

function differenceOfErrors({ document, operation, data, errors, possible }, found) {
  const text = (path) => JSON.stringify(path);
  const texts = found.map(text);
  if (new Set(texts).size < texts.length) return 'two errors at one position';
  const allowed = new Set(possible.map(text));
  if (!texts.every((path) => allowed.has(path))) return 'an error at a wrong position';
  const nulls = (path) => text(path.slice(0, nulled(document, operation, path)));
  const nulledBy = new Set(found.map(nulls));
  const needed = errors.filter((path) => nulls(path) === text(firstNull(data, path)));
  return needed.every((path) => nulledBy.has(nulls(path))) ? null : 'an error is missing';
}

/** The first position on the way to another that is null. */
function firstNull(data, path) {
  let value = data;
  let length = 0;
  while (value !== null && length < path.length) {
    value = value[path[length]];
    length += 1;
  }
  return path.slice(0, length);
}

/** How long the path of the position is that an error at this path makes null. */
function nulled(document, operation, path) {
  const types = typesOn(document, operation, path);
  let length = path.length;
  while (length > 0 && isNonNullType(types[length - 1])) length -= 1;
  return length;
}

/**
 * The type at each position of a path. Fields of one response name are alike in whether they can
 * be null (5.3.2), so the first of them tells.
 */
function typesOn(document, operation, path) {
  let type = schema.getRootType(operation.operation);
  let sets = [operation.selectionSet];
  return path.map((key) => {
    if (typeof key === 'number') {
      type = getNullableType(type).ofType;
      return type;
    }
    const fields = sets.flatMap((set) => fieldsOf(document, set, getNamedType(type)))
      .filter(({ node }) => (node.alias ?? node.name).value === key);
    const [{ parent, node: { name } }] = fields;
    ({ type } = META_FIELDS.find((it) => it.name === name.value) ?? parent.getFields()[name.value]);
    sets = fields.flatMap(({ node }) => node.selectionSet ?? []);
    return type;
  });
}

/** The fields of a selection set, those of its fragments too, with the types that they are on. */
function fieldsOf(document, { selections }, parent) {
  return selections.flatMap((node) => {
    if (node.kind === Kind.FIELD) return [{ parent, node }];
    const fragment = node.kind === Kind.INLINE_FRAGMENT ? node
      : document.definitions.find((it) => it.kind === Kind.FRAGMENT_DEFINITION
        && it.name.value === node.name.value);
    const { typeCondition, selectionSet } = fragment;
    return fieldsOf(document, selectionSet, typeCondition ? typeFromAST(schema, typeCondition) : parent);
  });
}

/** What the server generated in an operation, by the rows before and after it. */
export function generatedBetween(before, after) {
  return () => {
    const fresh = after.books.filter(({ id }) => !before.books.has(id));
    const rows = new Map(after.books.map((book) => [book.id, book]));
    let number = 0;
    return {
      /** The next new book, in the order of creation. */
      book() {
        const row = fresh.shift();
        number += 1;
        return row ?? { id: unknown('id', number), createdAt: unknown('instant', number) };
      },
      /** When a book got its version. Of all versions but the last, the rows do not tell. */
      updatedAt(id, version) {
        const row = rows.get(id);
        return row?.version === version ? row.updatedAt : unknown('instant', `${id} ${version}`);
      },
    };
  };
}
