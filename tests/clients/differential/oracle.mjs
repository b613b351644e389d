// The response of graphql-js to an operation on a library in memory.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  GraphQLError, Kind, buildASTSchema, buildSchema, execute, getNamedType, getOperationAST, isInputObjectType, parse,
  subscribe, validate, visit,
} from 'graphql';

import { isDate, parseDateTime, uuidOf } from './formats.mjs';
import { BadInput, DEFAULT_ORDER, edge, userError } from './library.mjs';

const sdl = await readFile(join(import.meta.dirname, '../../../schema.graphql'), 'utf8');

/** The most ids that `nodes` takes. */
const MOST_IDS = 100;

/** The resolvers: of the arguments, the context and the parent. */
const resolvers = {
  Query: {
    viewer: (_, { session, library }) => (session === null ? null : library.user),
    book: signedIn(({ id }, { library }) => library.books.get(id)),
    books: signedIn((args, { library }) => library.connection(args)),
    booksPage: signedIn((args, { library }) => library.page(args)),
    tags: signedIn((_, { library }) => library.tags()),
    importJob: signedIn(() => null),
    stats: signedIn((args, { library }) => library.stats(args)),
    node: signedIn(({ id }, { library }) => library.node(id)),
    nodes: signedIn(({ ids }, { library }) => {
      if (ids.length > MOST_IDS) throw new BadInput('ids');
      return ids.map((id) => library.node(id));
    }),
  },
  User: {
    books: (args, { library }) => library.connection(args),
    sessions: (_, { library }) => library.sessions,
  },
  Book: { owner: (_, { library }) => library.user },
  Cover: { url: ({ size }, _, { url }) => url.replace(/medium$/, size.toLowerCase()) },
  Session: { current: (_, { session }, { id }) => id === session },
  BookChange: {
    book: (_, { library }, { bookId }) => library.books.get(bookId),
    bookEdge: (_, { library }, { bookId }) => {
      const book = library.books.get(bookId);
      return book && edge(DEFAULT_ORDER, book);
    },
  },
  Mutation: {
    createBook: signedIn((args, { library, generated }) => library.createBook(args, generated)),
    updateBook: signedIn((args, { library, generated }) => library.updateBook(args, generated)),
    deleteBook: signedIn((args, { library }) => library.deleteBook(args)),
    removeBookCover: signedIn((args, { library, generated }) => library.removeBookCover(args, generated)),
    updateProfile: signedIn((args, { library }) => library.updateProfile(args)),
    logout: signedIn((_, { library, session }) =>
      ({ revokedSessions: Number(library.endSession(session)), userErrors: [] })),
    revokeSession: signedIn(({ id }, { library }) => (library.endSession(id)
      ? { revokedSessionId: id, userErrors: [] } : { userErrors: [userError('NOT_FOUND', ['id'])] })),
    // No refresh token that is good is ever sent.
    refreshToken: ({ input }) => {
      const field = input == null ? null : ['input', 'refreshToken'];
      return { userErrors: [userError('REFRESH_TOKEN_INVALID', field)] };
    },
  },
};

function signedIn(resolve) {
  return (args, context, parent) => {
    if (context.session === null) throw new Error('UNAUTHENTICATED');
    return resolve(args, context, parent);
  };
}

/** The schema of the server with resolvers over a [Library]. */
export const schema = withResolvers(buildSchema(sdl));

/**
 * The same with every position of an output nullable: an error stays at its position, and cancels
 * no other field. It tells all the errors that an execution may have.
 */
const nullableSchema = withResolvers(buildASTSchema(visit(parse(sdl), {
  FieldDefinition: { leave: (node) => ({ ...node, type: withoutNonNull(node.type) }) },
})));

/** The same with a `DateTime` that takes any literal. */
const schemaOfAnyDate = buildSchema(sdl);

function withoutNonNull(type) {
  if (type.kind === Kind.NON_NULL_TYPE) return withoutNonNull(type.type);
  return type.kind === Kind.LIST_TYPE ? { ...type, type: withoutNonNull(type.type) } : type;
}

function withResolvers(built) {
  const instant = (text) => {
    const milliseconds = typeof text === 'string' ? parseDateTime(text) : undefined;
    if (milliseconds === undefined) throw new GraphQLError('not an RFC 3339 date-time');
    return milliseconds;
  };
  Object.assign(built.getType('DateTime'), {
    serialize: (value) => (typeof value === 'number' ? new Date(value).toISOString() : value),
    parseValue: instant,
    parseLiteral: (node) => instant(node.kind === Kind.STRING ? node.value : undefined),
  });
  const day = (text) => {
    if (typeof text !== 'string' || !isDate(text)) throw new GraphQLError('not a date');
    return text;
  };
  Object.assign(built.getType('Date'), {
    serialize: (value) => value,
    parseValue: day,
    parseLiteral: (node) => day(node.kind === Kind.STRING ? node.value : undefined),
  });
  for (const [type, fields] of Object.entries(resolvers)) {
    for (const [field, resolve] of Object.entries(fields)) {
      const definition = built.getType(type).getFields()[field];
      definition.resolve = (parent, args, context) => resolve(args, context, parent);
    }
  }
  const listen = signedIn(() => (async function* none() {})());
  const { bookChanged } = built.getSubscriptionType().getFields();
  bookChanged.subscribe = (parent, args, context) => listen(args, context, parent);
  return built;
}

/**
 * The document with the conditions of spreads around them. The specification looks at the condition
 * of a spread first, and then at whether its fragment was spread before (6.3.2); graphql-js 16 does
 * not look at a condition of the second spread, and misses that it is null.
 */
const withConditionsFirst = (document) => visit(document, {
  FragmentSpread: {
    leave(node) {
      if (node.directives.length === 0) return undefined;
      const selections = [{ ...node, directives: [] }];
      const selectionSet = { kind: Kind.SELECTION_SET, selections };
      return { kind: Kind.INLINE_FRAGMENT, directives: node.directives, selectionSet };
    },
  },
});

/** Whether a field takes a file, which no variable of a JSON request can be. */
export function takesFile({ args }) {
  const typesOf = (inputs) => inputs.map(({ type }) => getNamedType(type));
  const types = typesOf(args);
  const nested = types.filter(isInputObjectType).flatMap((type) => typesOf(Object.values(type.getFields())));
  return [...types, ...nested].some(({ name }) => name === 'Upload');
}

/** Whether a document is valid, up to literals that are no dates. */
export function isValid(query) {
  try {
    return validate(schemaOfAnyDate, parse(query)).length === 0;
  } catch {
    return false;
  }
}

/**
 * What graphql-js answers: nothing but errors of the request (`refused`), or `data`; and the paths of
 * its `errors`. `possible` has the paths of all errors that there are when none cancels another
 * field. The context has the `library`, the id of the `session` that asks or null, `generated()`,
 * which gives what the server generated (see `generatedBetween`), and the `event` of a subscription.
 */
export async function expected({ query, operationName, variables }, context) {
  const paths = (errors) => (errors ?? []).map(({ path }) => [...path ?? []]);
  const refusal = (errors) => ({ refused: true, errors: paths(errors) });
  const document = parse(query);
  const faults = validate(schema, document);
  if (faults.length > 0) return refusal(faults);
  const args = {
    schema,
    document: withConditionsFirst(document),
    operationName,
    variableValues: variables ?? {},
    contextValue: { ...context, generated: context.generated?.() },
    rootValue: context.event && { bookChanged: context.event },
  };
  const operation = getOperationAST(document, operationName);
  if (operation?.operation === 'subscription') {
    const stream = await subscribe(args);
    if (stream.errors) return refusal(stream.errors);
    if (!context.event) return { listens: true };
  }
  const trial = { ...context, library: context.library.clone(), generated: context.generated?.() };
  const all = execute({ ...args, schema: nullableSchema, contextValue: trial });
  const { data, errors } = execute(args);
  if (data === undefined) return refusal(errors);
  return {
    document,
    operation,
    data: data && JSON.parse(JSON.stringify(data)),
    errors: paths(errors),
    possible: paths(all.errors),
  };
}
