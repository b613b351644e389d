// Random valid operations over all of a schema: fields, aliases, repeated response names, fragments
// of both kinds, directives, arguments and variables.

import {
  SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef, getNamedType, getNullableType,
  isCompositeType, isInterfaceType, isListType, specifiedDirectives,
} from 'graphql';

import { Arguments } from './arguments.mjs';

/** How likely a choice is. */
const ODDS = {
  alias: 0.15,
  /** That a selection is conditional. */
  directive: 0.15,
  /** That an operation has no name. */
  anonymous: 0.3,
  /** That the document has a second operation. */
  second: 0.12,
  /** That a field is one of the introspection. */
  introspection: 0.06,
};

/** What a selection is. */
const SELECTIONS = { field: 60, repeat: 18, inline: 9, spread: 9, typename: 6 };

/** How deep fields nest; a fragment counts as half a field. */
const DEPTH = 7;
const FRAGMENT = 0.5;

/** How many selections an operation has, about. */
const SELECTED = [5, 10, 20, 40, 80];

/** How many elements the lists of an operation have, one within another. */
const BUDGET = 400;

/** How long the lists are that no argument bounds. */
const LENGTHS = { sessions: 12, userErrors: 4, tags: 20, byStatus: 5, byMonth: 12 };

/** The root fields of a mutation that are looked at, each as often as its number says. */
const MUTATIONS = {
  createBook: 9, updateBook: 9, deleteBook: 5, removeBookCover: 3, updateProfile: 3, revokeSession: 2, refreshToken: 1,
  // Only of this session, since `everywhere` would end those of all others.
  logout: 0.4,
  // Not here: register, login, changePassword and deleteAccount. Each takes a password, which takes
  // longer than a hundred other operations, and gives out a token of which nothing can be foretold.
  // Nor setBookCover, which takes a file: its key cannot be foretold either.
};

/**
 * What of the introspection is asked for. Not the description of the schema, of which the SDL has
 * none, and no lists, since their order is not specified (4.2).
 */
const INTROSPECTION = {
  __Schema: ['queryType', 'mutationType', 'subscriptionType'],
  __Type: ['kind', 'name', 'description', 'ofType'],
};

/** The most root fields of a mutation, by a limit of the server. */
const MUTATION_FIELDS = 5;

/** A random operation of this kind on a `account`: `query`, `operationName` and `variables`. */
export function operation(random, account, kind) {
  const writer = new Writer(random, account, kind);
  const selections = writer.set(account.schema.getRootType(kind), new Scope(), 1, BUDGET, 1);
  const { values, fragments } = writer;
  values.keepThoseIn([selections, ...fragments.map(({ text }) => text)].join(' '));
  const isShort = kind === 'query' && values.variables.length === 0 && random.chance(0.3);
  const hasName = !random.chance(ODDS.anonymous);
  const operations = [
    hasName ? `${kind} A${values.definitions()} ${selections}`
      : isShort ? selections : `${kind}${values.definitions()} ${selections}`,
  ];
  const isSecond = hasName && random.chance(ODDS.second);
  if (isSecond) operations.push(`${kind} B${values.definitions(true)} ${selections}`);
  const query = [...operations, ...fragments.map(({ text }) => text)].join(' ');
  const request = { query };
  if (isSecond) request.operationName = random.pick(['A', 'B']);
  else if (hasName && random.chance(0.5)) request.operationName = 'A';
  const variables = values.given();
  if (random.chance(0.03)) variables.notDefined = 1;
  if (Object.keys(variables).length > 0 || random.chance(0.5)) request.variables = variables;
  return request;
}

/** The fields of a selection set by their response names, so that all of them can be merged. */
class Scope {
  constructor() {
    this.entries = new Map();
  }

  /** Whether a field may stand here under this response name (5.3.2). */
  allows(key, field) {
    const entry = this.entries.get(key);
    if (!entry) return true;
    const { parent, call, type } = field;
    return entry.type === type && entry.fields.every((other) => other.call === call
      || (other.parent !== parent && other.isLeaf && field.isLeaf
        && !other.isAbstract && !field.isAbstract));
  }

  /** Notes the field; gives the scope of its own selections. */
  add(key, field) {
    const entry = this.entries.get(key) ?? { type: field.type, fields: [], scope: new Scope() };
    const isSame = ({ parent, call }) => parent === field.parent && call === field.call;
    if (!entry.fields.some(isSame)) entry.fields.push(field);
    this.entries.set(key, entry);
    return entry.scope;
  }

  /** Whether all fields of another scope may stand here too. */
  allowsAll(other) {
    return [...other.entries].every(([key, { fields, scope }]) =>
      fields.every((field) => this.allows(key, field))
        && (!this.entries.has(key) || this.entries.get(key).scope.allowsAll(scope)));
  }

  /** Notes all fields of another scope. */
  addAll(other) {
    for (const [key, { fields, scope }] of other.entries) {
      for (const field of fields) this.add(key, field);
      this.entries.get(key).scope.addAll(scope);
    }
  }
}

class Writer {
  constructor(random, account, kind) {
    this.random = random;
    this.account = account;
    this.kind = kind;
    this.values = new Arguments(random, account, kind);
    this.fragments = [];
    this.left = random.pick(SELECTED);
  }

  /** The text of a selection set on a type, whose unbounded lists are `length` long. */
  set(type, scope, depth, budget, length) {
    const number = this.random.weighted({ 1: 4, 2: 5, 3: 4, 4: 2, 6: 1 }) * 1;
    const texts = [];
    for (let tries = 0; texts.length < number && tries < 20; tries += 1) {
      if (texts.length > 0 && this.left <= 0) break;
      const text = this.selection(type, scope, depth, budget, length);
      if (text !== null) texts.push(text);
    }
    if (texts.length === 0) {
      scope.add('__typename', { ...described(type, TypeNameMetaFieldDef), call: '__typename' });
      texts.push('__typename');
    }
    return `{ ${texts.join(' ')} }`;
  }

  /** A selection, or null if none was found that may stand here. */
  selection(type, scope, depth, budget, length) {
    const kind = this.random.weighted(SELECTIONS);
    this.left -= 1;
    if (kind === 'typename') return this.typename(type, scope);
    if (kind === 'inline') return this.inline(type, scope, depth, budget, length);
    if (kind === 'spread') return this.spread(type, scope, depth, budget, length);
    return kind === 'repeat' && this.repeat(type, scope)
      || this.field(type, scope, depth, budget, length);
  }

  typename(type, scope) {
    if (type === this.account.schema.getSubscriptionType()) return null;
    const field = { ...described(type, TypeNameMetaFieldDef), call: '__typename' };
    const key = this.key(type, '__typename', scope);
    if (!this.mayAdd(key, field, scope)) return null;
    scope.add(key, field);
    return `${named(key, '__typename')}${this.directives(type)}`;
  }

  field(type, scope, depth, budget, length) {
    const { random, values } = this;
    const field = this.pick(type, depth, budget, length);
    if (!field) return null;
    const isSized = field.args.some(({ name }) => ['first', 'perPage', 'ids'].includes(name));
    const sizes = [1, 2, 3, 5, 20, 100].filter((size) => size <= budget);
    const most = isSized ? random.pick(sizes) : length;
    const call = `${field.name}${values.of(field, most)}`;
    const shared = { field, most, budget, depth, type };
    const added = { ...described(type, field), call, shared };
    const key = this.key(type, field.name, scope);
    if (!this.mayAdd(key, added, scope)) return null;
    return this.written(key, added, scope.add(key, added));
  }

  /** Once more a field that stands here already, with other selections. */
  repeat(type, scope) {
    const { random } = this;
    const entries = [...scope.entries].filter(([, { fields }]) =>
      fields[0].shared?.type === type);
    if (entries.length === 0) return null;
    // Objects are more interesting: their selections have to be merged.
    const objects = entries.filter(([, { fields }]) => !fields[0].isLeaf);
    const [key, { fields: [first], scope: inner }] = random.pick(objects.length > 0 ? objects : entries);
    return this.written(key, first, inner);
  }

  written(key, { call, shared, isLeaf }, inner) {
    const { field, most, budget, depth, type } = shared;
    const isList = isListType(getNullableType(field.type));
    const left = isList ? Math.max(1, Math.floor(budget / (LENGTHS[field.name] ?? most))) : budget;
    const text = `${named(key, call)}${this.directives(type)}`;
    if (isLeaf) return text;
    return `${text} ${this.set(getNamedType(field.type), inner, depth + 1, left, most)}`;
  }

  /** A field of a type that there is budget for. */
  pick(type, depth, budget, length) {
    const { random, account: { schema } } = this;
    if (type === schema.getMutationType()) return type.getFields()[random.weighted(MUTATIONS)];
    if (type === schema.getQueryType() && random.chance(ODDS.introspection)) {
      return random.pick([SchemaMetaFieldDef, TypeMetaFieldDef, TypeMetaFieldDef]);
    }
    const fields = Object.values(type.getFields()).filter((field) => {
      // The library of the account has no imports.
      if (field.name === 'importProgress') return false;
      if (INTROSPECTION[type.name]?.includes(field.name) === false) return false;
      const isComposite = isCompositeType(getNamedType(field.type));
      const isList = isListType(getNullableType(field.type)) && isComposite;
      const isSmall = !isComposite || depth === 1 || (depth < DEPTH && this.left > 0);
      return isSmall && (!isList || (LENGTHS[field.name] ?? length) <= budget);
    });
    return fields.length > 0 ? random.pick(fields) : null;
  }

  inline(type, scope, depth, budget, length) {
    if (depth > DEPTH || this.left <= 0) return null;
    const on = this.random.chance(0.3) ? type : this.condition(type);
    const text = on === type && this.random.chance(0.5) ? '...' : `... on ${on}`;
    return `${text}${this.directives(type)} ${this.set(on, scope, depth + FRAGMENT, budget, length)}`;
  }

  spread(type, scope, depth, budget, length) {
    const { random, fragments } = this;
    if (depth > DEPTH || this.left <= 0) return null;
    const others = fragments.filter((it) => it.types.includes(type) && it.budget <= budget
      && it.depth >= depth && it.length >= length && it.text && scope.allowsAll(it.scope));
    const isRoot = type === this.account.schema.getMutationType();
    let fragment = random.chance(0.5) && !isRoot ? random.pick(others) : undefined;
    if (!fragment) {
      const on = random.chance(0.5) ? type : this.condition(type);
      // Where the fields of a mutation are counted, they have to be known here.
      const own = isRoot || on === this.account.schema.getSubscriptionType() ? scope : new Scope();
      const name = `F${fragments.length + 1}`;
      fragment = { name, types: [type, on], budget, depth, length, scope: own };
      fragments.push(fragment);
      const selections = this.set(on, own, depth + FRAGMENT, budget, length);
      fragment.text = `fragment ${name} on ${on} ${selections}`;
      if (own !== scope && !scope.allowsAll(own)) {
        // It stands nowhere then, and with it those that it was the only one to use.
        fragments.splice(fragments.indexOf(fragment));
        return null;
      }
    }
    if (fragment.scope !== scope) scope.addAll(fragment.scope);
    return `...${fragment.name}${this.directives(type)}`;
  }

  /** A type that some objects of a type have too. */
  condition(type) {
    const { schema } = this.account;
    const types = isInterfaceType(type) ? schema.getPossibleTypes(type) : type.getInterfaces?.() ?? [];
    return this.random.pick(types.length > 0 ? types : [type]);
  }

  key(type, name, scope) {
    const { random } = this;
    // A subscription has one root field (5.2.4.1).
    const isRoot = type === this.account.schema.getSubscriptionType();
    if (isRoot && scope.entries.size > 0) return scope.entries.keys().next().value;
    if (!random.chance(ODDS.alias)) return name;
    const names = type.name.startsWith('__') ? [] : Object.keys(type.getFields());
    return random.pick(['a', 'b', 'c', random.pick(names) ?? 'd']);
  }

  /** Whether a field may stand here. The server has limits for root fields of mutations. */
  mayAdd(key, field, scope) {
    if (!scope.allows(key, field)) return false;
    if (field.parent !== 'Mutation' || scope.entries.has(key)) return true;
    const calls = [...scope.entries.values()].map(({ fields }) => fields[0].call);
    const isToken = (call) => call.startsWith('refreshToken');
    const isOneMore = isToken(field.call) && calls.some(isToken);
    return scope.entries.size < MUTATION_FIELDS && !isOneMore;
  }

  /** `@skip` and `@include`, mostly neither. At the root of a subscription they may not be. */
  directives(type) {
    const { random, values, account: { schema } } = this;
    if (type === schema.getSubscriptionType()) return '';
    const names = ['skip', 'include'].filter(() => random.chance(ODDS.directive / 2));
    return names.map((name) => {
      const { args: [{ type: of }] } = specifiedDirectives.find((it) => it.name === name);
      return ` @${name}(if: ${values.value(of, 'if', {})})`;
    }).join('');
  }
}

function described(parent, field) {
  return {
    parent: parent.name,
    isAbstract: isInterfaceType(parent),
    type: String(field.type),
    isLeaf: !isCompositeType(getNamedType(field.type)),
  };
}

const named = (key, call) => (call.match(/^\w+/)[0] === key ? call : `${key}: ${call}`);
