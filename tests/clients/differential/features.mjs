// Detects the features of an operation, so that a run can count which ones it has covered.

import {
  Kind, TypeInfo, getNamedType, getNullableType, isInterfaceType, isListType, parse, visit,
  visitWithTypeInfo,
} from 'graphql';

import { parseDateTime } from './formats.mjs';
import { schema } from './oracle.mjs';

/** The features of a trial that was run, by their names. */
export function features({ kind, request, transport, isAnonymous, expectation }) {
  const { query, operationName, variables = {} } = request;
  const document = parse(query);
  const found = new Set([kind, transport, isAnonymous ? 'anonymous' : 'signed in']);
  const operations = document.definitions.filter((it) => it.kind === Kind.OPERATION_DEFINITION);
  const operation = operations.find(({ name }) => !operationName || name?.value === operationName);
  if (operations.length > 1) found.add('several operations');
  const definitions = new Map(operation.variableDefinitions.map((it) => [it.variable.name.value, it]));
  const hasDefault = (name) => definitions.get(name)?.defaultValue !== undefined;
  const isGiven = (name) => Object.hasOwn(variables, name);
  const info = new TypeInfo(schema);
  visit(document, visitWithTypeInfo(info, {
    Field(node) {
      if (node.alias) found.add('alias');
      if (node.name.value.startsWith('__')) found.add(node.name.value);
    },
    FragmentSpread: () => void found.add('named fragment'),
    InlineFragment(node) {
      found.add(node.typeCondition ? 'inline fragment on a type' : 'inline fragment');
      if (isInterfaceType(info.getParentType())) found.add('fragment on an interface');
    },
    Directive(node, _, __, path, ancestors) {
      const { value } = node.arguments[0];
      const on = ancestors.at(-1)?.kind ?? ancestors.at(-2)?.kind;
      if (value.kind !== Kind.VARIABLE) return void found.add(`@${node.name.value} with a literal`);
      const name = value.name.value;
      found.add(`@${node.name.value} with a variable`);
      if (hasDefault(name) && !isGiven(name)) {
        for (const where of [on, kind]) found.add(`a: default of a condition: ${where}`);
      }
      if (variables[name] === null) found.add('d: null for a condition');
      return undefined;
    },
    Variable({ name: { value: name } }, _, __, ___, ancestors) {
      if (!definitions.has(name) || ancestors.some((it) => it.kind === Kind.VARIABLE_DEFINITION)) return;
      if (hasDefault(name) && variables[name] === null) found.add('d: null for a variable with a default');
      if (!hasDefault(name) && !isGiven(name) && info.getDefaultValue() !== undefined) {
        found.add('e: default of an argument');
      }
      if (ancestors.some((it) => it.kind === Kind.OBJECT)) found.add('variable in an object');
      if (getNamedType(info.getInputType())?.name === 'DateTime') found.add('date by a variable');
    },
    StringValue({ value }) {
      if (getNamedType(info.getInputType())?.name !== 'DateTime') return;
      found.add(parseDateTime(value) === undefined ? 'f: literal that is no date' : 'date by a literal');
    },
    Argument(node) {
      const isList = isListType(getNullableType(info.getInputType()));
      if (isList && [Kind.STRING, Kind.INT].includes(node.value.kind)) found.add('one value for a list');
    },
  }));
  if (expectation.refused) found.add('request error');
  const dates = JSON.stringify(variables).match(/"created(After|Before)":("[^"]*"|\d+)/g) ?? [];
  if (dates.some((text) => parseDateTime(text.split(/:(.*)/)[1].replaceAll('"', '')) === undefined)) {
    found.add('f: variable that is no date');
  }
  for (const feature of repeated(document, operation, expectation, isAnonymous)) found.add(feature);
  for (const path of expectation.errors ?? []) {
    found.add(expectation.data === null ? 'error that makes data null' : 'error that makes a field null');
    if (path.length > 2) found.add('error below the root');
  }
  return found;
}

/** The features of response names that several fields have. */
function repeated(document, operation, { errors = [] }, isAnonymous) {
  const found = new Set();
  const atRoot = new Set(errors.map(([key]) => key));
  const walk = (sets, isRoot) => {
    const fields = new Map();
    const collect = ({ selections }) => selections.forEach((node) => {
      if (node.kind !== Kind.FIELD) {
        const isNamed = node.kind === Kind.FRAGMENT_SPREAD;
        const named = (it) => it.kind === Kind.FRAGMENT_DEFINITION && it.name.value === node.name.value;
        return collect((isNamed ? document.definitions.find(named) : node).selectionSet);
      }
      const key = (node.alias ?? node.name).value;
      fields.set(key, [...fields.get(key) ?? [], node]);
      return undefined;
    });
    sets.forEach(collect);
    for (const [key, nodes] of fields) {
      const inner = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
      if (nodes.length > 1) {
        const where = isRoot ? 'at the root' : 'below the root';
        found.add(`${inner.length > 0 ? 'h: repeated object' : 'repeated leaf'} ${where}`);
        if (isRoot && operation.operation === 'mutation') found.add('b: repeated mutation');
        if (isRoot && atRoot.has(key)) found.add('c: repeated field with an error');
        const isNullable = ['book', 'node'].includes(nodes[0].name.value);
        if (isRoot && isAnonymous && isNullable) found.add('g: repeated field without a token');
      }
      walk(inner, false);
    }
  };
  walk([operation.selectionSet], true);
  return found;
}
