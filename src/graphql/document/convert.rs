//! Documents as async-graphql executes them, made from those that apollo-compiler has validated:
//! each is parsed once, by the parser that knows all of the language.

use std::collections::HashMap;

use apollo_compiler::ast::{self, Definition};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name as ApolloName, Node};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread,
    InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type,
    TypeCondition, VariableDefinition,
};
use async_graphql::{Name, Number, Pos, Positioned};
use async_graphql_value::{ConstValue, Value};

use super::positions::Positions;

/// The fragments that an operation uses; none in the place of one that is being converted.
type Used = HashMap<Name, Option<Positioned<FragmentDefinition>>>;

/// Converts the operations of one valid document.
pub(super) struct Converter<'a> {
    positions: Positions<'a>,
    fragments: HashMap<&'a str, &'a ast::FragmentDefinition>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(text: &'a str, document: &'a ast::Document) -> Self {
        let fragments = document.definitions.iter().filter_map(|definition| match definition {
            Definition::FragmentDefinition(it) => Some((it.name.as_str(), &**it)),
            _ => None,
        });
        Self { positions: Positions::new(text), fragments: fragments.collect() }
    }

    /// A document that has this operation only, and the fragments that it uses.
    pub(super) fn operation(
        &self,
        operation: &'a Node<ast::OperationDefinition>,
    ) -> ExecutableDocument {
        let mut used = HashMap::new();
        let mut selections = self.selections(&operation.selection_set, &mut used);
        let ty = kind(operation.operation_type);
        selections = Self::root_fields(selections, &used);
        let pos = self.pos(operation.location());
        let definition = OperationDefinition {
            ty,
            variable_definitions: operation.variables.iter().map(|it| self.variable(it)).collect(),
            directives: self.directives(&operation.directives),
            selection_set: Positioned::new(SelectionSet { items: selections }, pos),
        };
        let fragments = used.into_iter().filter_map(|(name, it)| Some((name, it?))).collect();
        let operations = DocumentOperations::Single(Positioned::new(definition, pos));
        ExecutableDocument { operations, fragments }
    }

    /// The fields of the root as they are answered, each once (GraphQL specification, section
    /// 6.3.2). async-graphql resolves a field as often as it stands there, so that a mutation would be
    /// made twice, and looks for that of a subscription outside of fragments only. What has a
    /// directive stays where it is.
    fn root_fields(
        selections: Vec<Positioned<Selection>>,
        used: &Used,
    ) -> Vec<Positioned<Selection>> {
        let mut fields: Vec<Positioned<Selection>> = Vec::new();
        let mut rest = selections;
        rest.reverse();
        while let Some(selection) = rest.pop() {
            let inner = match selection.node {
                _ if !selection.node.directives().is_empty() => {
                    fields.push(selection);
                    continue;
                }
                Selection::Field(field) => {
                    add_field(&mut fields, field);
                    continue;
                }
                Selection::InlineFragment(fragment) => fragment.node.selection_set.node.items,
                Selection::FragmentSpread(spread) => {
                    let fragment = used.get(&spread.node.fragment_name.node).cloned().flatten();
                    fragment.map(|it| it.node.selection_set.node.items).unwrap_or_default()
                }
            };
            rest.extend(inner.into_iter().rev());
        }
        fields
    }

    fn selections(
        &self,
        selections: &'a [ast::Selection],
        used: &mut Used,
    ) -> Vec<Positioned<Selection>> {
        let mut convert = |selection: &'a ast::Selection| match selection {
            ast::Selection::Field(field) => {
                let pos = self.pos(field.location());
                Positioned::new(Selection::Field(self.field(field, pos, used)), pos)
            }
            ast::Selection::FragmentSpread(spread) => {
                let pos = self.pos(spread.location());
                let fragment_name = self.name(&spread.fragment_name);
                self.use_fragment(&spread.fragment_name, used);
                let directives = self.directives(&spread.directives);
                let spread = Positioned::new(FragmentSpread { fragment_name, directives }, pos);
                Positioned::new(Selection::FragmentSpread(spread), pos)
            }
            ast::Selection::InlineFragment(fragment) => {
                let pos = self.pos(fragment.location());
                let items = self.selections(&fragment.selection_set, used);
                let fragment = InlineFragment {
                    type_condition: fragment.type_condition.as_ref().map(|on| self.condition(on)),
                    directives: self.directives(&fragment.directives),
                    selection_set: Positioned::new(SelectionSet { items }, pos),
                };
                let fragment = Positioned::new(fragment, pos);
                Positioned::new(Selection::InlineFragment(fragment), pos)
            }
        };
        selections.iter().map(&mut convert).collect()
    }

    fn field(&self, field: &'a ast::Field, pos: Pos, used: &mut Used) -> Positioned<Field> {
        let selections = field.selection_set.as_deref().unwrap_or_default();
        let selection_set = SelectionSet { items: self.selections(selections, used) };
        let field = Field {
            alias: field.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&field.name),
            arguments: self.arguments(&field.arguments),
            directives: self.directives(&field.directives),
            selection_set: Positioned::new(selection_set, pos),
        };
        Positioned::new(field, pos)
    }

    fn use_fragment(&self, name: &ApolloName, used: &mut Used) {
        let key = Name::new(name);
        let Some(fragment) = self.fragments.get(name.as_str()).filter(|_| !used.contains_key(&key))
        else {
            return;
        };
        // Known from now on, so that nobody converts it twice.
        used.insert(key.clone(), None);
        let pos = self.pos(name.location());
        let items = self.selections(&fragment.selection_set, used);
        let definition = FragmentDefinition {
            type_condition: self.condition(&fragment.type_condition),
            directives: self.directives(&fragment.directives),
            selection_set: Positioned::new(SelectionSet { items }, pos),
        };
        used.insert(key, Some(Positioned::new(definition, pos)));
    }

    fn variable(&self, variable: &Node<ast::VariableDefinition>) -> Positioned<VariableDefinition> {
        let pos = self.pos(variable.location());
        let default_value = variable.default_value.as_ref().map(|value| {
            // A valid default has no variable in it.
            let constant = self.value(value).into_const().unwrap_or(ConstValue::Null);
            Positioned::new(constant, self.pos(value.location()))
        });
        #[expect(clippy::expect_used, reason = "apollo-compiler prints types as GraphQL has them")]
        let var_type = Type::new(&variable.ty.to_string()).expect("a printed type is a type");
        let definition = VariableDefinition {
            name: self.name(&variable.name),
            var_type: Positioned::new(var_type, self.pos(variable.ty.location())),
            directives: self.directives(&variable.directives),
            default_value,
        };
        Positioned::new(definition, pos)
    }

    fn directives(&self, directives: &ast::DirectiveList) -> Vec<Positioned<Directive>> {
        let convert = |directive: &Node<ast::Directive>| {
            let name = self.name(&directive.name);
            let arguments = self.arguments(&directive.arguments);
            Positioned::new(Directive { name, arguments }, self.pos(directive.location()))
        };
        directives.iter().map(convert).collect()
    }

    fn arguments(
        &self,
        arguments: &[Node<ast::Argument>],
    ) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let convert = |argument: &Node<ast::Argument>| {
            let value = Positioned::new(self.value(&argument.value), self.pos(argument.location()));
            (self.name(&argument.name), value)
        };
        arguments.iter().map(convert).collect()
    }

    fn value(&self, value: &Node<ast::Value>) -> Value {
        match &**value {
            ast::Value::Null => Value::Null,
            ast::Value::Boolean(value) => Value::Boolean(*value),
            ast::Value::Enum(name) => Value::Enum(Name::new(name)),
            ast::Value::Variable(name) => Value::Variable(Name::new(name)),
            ast::Value::String(text) => Value::String(text.clone()),
            ast::Value::Int(number) => integer(number.as_str()),
            ast::Value::Float(number) => float(number.as_str()),
            ast::Value::List(items) => Value::List(items.iter().map(|it| self.value(it)).collect()),
            ast::Value::Object(fields) => {
                let fields = fields.iter().map(|(name, it)| (Name::new(name), self.value(it)));
                Value::Object(fields.collect::<IndexMap<_, _>>())
            }
        }
    }

    fn condition(&self, on: &ApolloName) -> Positioned<TypeCondition> {
        let on = self.name(on);
        let pos = on.pos;
        Positioned::new(TypeCondition { on }, pos)
    }

    fn name(&self, name: &ApolloName) -> Positioned<Name> {
        Positioned::new(Name::new(name), self.pos(name.location()))
    }

    fn pos(&self, location: Option<SourceSpan>) -> Pos {
        location.map(|span| self.positions.at(span.offset())).unwrap_or_default()
    }
}

/// Adds a field, or what it selects to the one that answers under its name already. Validation has seen
/// to it that both are the same field with the same arguments.
fn add_field(fields: &mut Vec<Positioned<Selection>>, field: Positioned<Field>) {
    let same = fields.iter_mut().find_map(|selection| match &mut selection.node {
        Selection::Field(its)
            if its.node.directives.is_empty()
                && its.node.response_key().node == field.node.response_key().node =>
        {
            Some(its)
        }
        _ => None,
    });
    match same {
        Some(same) => {
            let more = field.node.selection_set.node.items;
            same.node.selection_set.node.items.extend(more);
        }
        None => fields.push(Positioned::new(Selection::Field(field.clone()), field.pos)),
    }
}

/// A literal without a fraction. One that no 64 bits hold is no `Int`, and has been refused where it
/// stood for one; as an `ID` it is its own text.
fn integer(literal: &str) -> Value {
    match literal.parse::<i64>() {
        Ok(number) => Value::Number(number.into()),
        Err(_) => Value::String(literal.to_owned()),
    }
}

/// A literal with a fraction or an exponent. Null if it is larger than any number.
fn float(literal: &str) -> Value {
    literal.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

pub(super) fn kind(operation: ast::OperationType) -> OperationType {
    match operation {
        ast::OperationType::Query => OperationType::Query,
        ast::OperationType::Mutation => OperationType::Mutation,
        ast::OperationType::Subscription => OperationType::Subscription,
    }
}
