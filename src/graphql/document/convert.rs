//! Converts operations that apollo-compiler has validated to the form that async-graphql executes.
//!
//! async-graphql does not execute all operations as specified (`async_graphql_workarounds`). So a converted
//! operation has no conditions, no fragments and no repeated response keys: every selection set is collected
//! beforehand (GraphQL specification, section 6.3.2). Only below an interface, there is one inline fragment for
//! each object type.

use apollo_compiler::ast::{self, InputValueDefinition};
use apollo_compiler::executable::{Argument, ExecutableDocument, Field, Operation, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name as ApolloName, Node, Schema};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    self as parsed, BaseType, DocumentOperations, InlineFragment, OperationDefinition,
    OperationType, Selection, TypeCondition, VariableDefinition,
};
use async_graphql::{Name, Number, Pos, Positioned};
use async_graphql_value::{ConstValue, Value};

use super::collect::{CollectError, collect_fields};
use super::syntax::LineIndex;
use super::variables::VariableLookup;
use crate::graphql::async_graphql_workarounds::{FailTarget, fail_directive};

/// Converts one operation of a valid document, for the requests that have these variables.
pub(super) struct Converter<'a, V> {
    pub(super) schema: &'a Valid<Schema>,
    pub(super) document: &'a ExecutableDocument,
    pub(super) operation: &'a Node<Operation>,
    pub(super) positions: &'a LineIndex<'a>,
    pub(super) variables: &'a V,
}

/// How an argument is coerced.
enum Coercion {
    /// Its value is coerced when the field is resolved.
    Given,
    /// Its variable is absent, so the argument takes its default (section 6.4.1).
    Absent,
    /// A variable in it is null where null is not allowed.
    Invalid,
}

impl<'a, V: VariableLookup> Converter<'a, V> {
    /// A document with only this operation.
    ///
    /// # Errors
    /// If the shape of the operation depends on a variable whose value cannot be read.
    pub(super) fn convert(&self) -> Result<parsed::ExecutableDocument, V::Error> {
        let pos = self.pos(self.operation.location());
        let definition = OperationDefinition {
            ty: kind(self.operation.operation_type),
            variable_definitions: self
                .operation
                .variables
                .iter()
                .map(|it| self.variable(it))
                .collect(),
            directives: Vec::new(),
            selection_set: self.selection_set(&[&self.operation.selection_set], pos)?,
        };
        let operations = DocumentOperations::Single(Positioned::new(definition, pos));
        let fragments = Default::default();
        Ok(parsed::ExecutableDocument { operations, fragments })
    }

    /// Merges selection sets of one type.
    fn selection_set(
        &self,
        sets: &[&'a SelectionSet],
        pos: Pos,
    ) -> Result<Positioned<parsed::SelectionSet>, V::Error> {
        let items = match sets.first().map(|set| &set.ty) {
            None => Vec::new(),
            Some(ty) if self.schema.get_object(ty).is_some() => self.fields(ty, sets, pos)?,
            Some(ty) => {
                let object_types = self.possible_types(ty);
                object_types
                    .map(|object| self.fields_on(object, sets, pos))
                    .collect::<Result<_, _>>()?
            }
        };
        Ok(Positioned::new(parsed::SelectionSet { items }, pos))
    }

    /// The object types that implement an interface or are members of a union.
    fn possible_types(&self, ty: &'a ApolloName) -> impl Iterator<Item = &'a ApolloName> {
        self.schema.types.iter().filter_map(move |(name, definition)| {
            (definition.is_object() && self.schema.is_subtype(ty, name)).then_some(name)
        })
    }

    fn fields_on(
        &self,
        object_type: &ApolloName,
        sets: &[&'a SelectionSet],
        pos: Pos,
    ) -> Result<Positioned<Selection>, V::Error> {
        let on = Positioned::new(Name::new(object_type), pos);
        let items = self.fields(object_type, sets, pos)?;
        let fragment = InlineFragment {
            type_condition: Some(Positioned::new(TypeCondition { on }, pos)),
            directives: Vec::new(),
            selection_set: Positioned::new(parsed::SelectionSet { items }, pos),
        };
        let fragment = Selection::InlineFragment(Positioned::new(fragment, pos));
        Ok(Positioned::new(fragment, pos))
    }

    fn fields(
        &self,
        object_type: &ApolloName,
        sets: &[&'a SelectionSet],
        pos: Pos,
    ) -> Result<Vec<Positioned<Selection>>, V::Error> {
        let sets = sets.iter().copied();
        let select = |field: Positioned<parsed::Field>| {
            let pos = field.pos;
            Positioned::new(Selection::Field(field), pos)
        };
        match collect_fields(self.schema, self.document, self.variables, object_type, sets) {
            Ok(groups) => {
                let mut fields = Vec::with_capacity(groups.len());
                for group in groups.values() {
                    fields.extend(self.field(group)?.map(select));
                }
                Ok(fields)
            }
            Err(CollectError::NullCondition { directive }) => Ok(self
                .failing_object(object_type, directive, pos)
                .into_iter()
                .map(select)
                .collect()),
            Err(CollectError::Variables(error)) => Err(error),
        }
    }

    /// The field of a response key, with the selection sets of all its occurrences.
    fn field(
        &self,
        group: &[&'a Node<Field>],
    ) -> Result<Option<Positioned<parsed::Field>>, V::Error> {
        let Some(first) = group.first().copied() else { return Ok(None) };
        let pos = self.pos(first.location());
        let name = |name: &ApolloName| Positioned::new(Name::new(name), pos);
        let mut field = parsed::Field {
            alias: first.alias.as_ref().map(name),
            name: name(&first.name),
            arguments: Vec::with_capacity(first.arguments.len()),
            directives: Vec::new(),
            selection_set: Positioned::default(),
        };
        for argument in &first.arguments {
            let Some(definition) = first.definition.argument_by_name(&argument.name) else {
                return Ok(None);
            };
            match self.coercion(argument, definition)? {
                Coercion::Given => {
                    let pos = self.pos(argument.location());
                    let value = Positioned::new(self.value(&argument.value), pos);
                    field.arguments.push((name(&argument.name), value));
                }
                Coercion::Absent => {}
                Coercion::Invalid => {
                    let target = match first.ty().is_non_null() {
                        true => FailTarget::NonNullField,
                        false => FailTarget::NullableField,
                    };
                    let reason =
                        format!("The argument {} contains an invalid null.", argument.name);
                    field.arguments.clear();
                    field.directives = vec![fail_directive(target, reason, pos)];
                    return Ok(Some(Positioned::new(field, pos)));
                }
            }
        }
        let sets: Vec<_> = group.iter().filter_map(|field| field.selection_set.as_ref()).collect();
        field.selection_set = self.selection_set(&sets, pos)?;
        Ok(Some(Positioned::new(field, pos)))
    }

    /// A field that makes the object to which it belongs fail.
    fn failing_object(
        &self,
        object_type: &ApolloName,
        directive: &str,
        pos: Pos,
    ) -> Option<Positioned<parsed::Field>> {
        let (name, _) = self.schema.get_object(object_type)?.fields.first()?;
        let reason = format!("The argument if of {directive} cannot be null.");
        let field = parsed::Field {
            alias: None,
            name: Positioned::new(Name::new(name), pos),
            arguments: Vec::new(),
            directives: vec![fail_directive(FailTarget::Object, reason, pos)],
            selection_set: Positioned::default(),
        };
        Some(Positioned::new(field, pos))
    }

    fn coercion(
        &self,
        argument: &Argument,
        definition: &InputValueDefinition,
    ) -> Result<Coercion, V::Error> {
        if let ast::Value::Variable(variable) = &*argument.value
            && definition.default_value.is_some()
            && self.may_be_absent(variable)
            && self.variables.value(variable)?.is_none()
        {
            return Ok(Coercion::Absent);
        }
        Ok(match self.has_invalid_null(&argument.value, &definition.ty)? {
            true => Coercion::Invalid,
            false => Coercion::Given,
        })
    }

    /// Whether a variable in a value is null where the type does not allow it. Validation allows a nullable
    /// variable there if the variable, the argument or the input field has a default (section 5.8.5).
    fn has_invalid_null(&self, value: &ast::Value, ty: &ast::Type) -> Result<bool, V::Error> {
        match value {
            ast::Value::Variable(variable) => Ok(ty.is_non_null()
                && self.is_nullable(variable)
                && self.variables.value(variable)? == Some(&ConstValue::Null)),
            ast::Value::List(items) => {
                for item in items {
                    if self.has_invalid_null(item, ty.item_type())? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            ast::Value::Object(fields) => {
                let object = self.schema.get_input_object(ty.inner_named_type());
                for (name, value) in fields {
                    if let Some(definition) = object.and_then(|object| object.fields.get(name))
                        && self.has_invalid_null(value, &definition.ty)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    fn is_nullable(&self, variable: &ApolloName) -> bool {
        self.definition(variable).is_some_and(|it| !it.ty.is_non_null())
    }

    fn may_be_absent(&self, variable: &ApolloName) -> bool {
        let is_optional =
            |it: &ast::VariableDefinition| !it.ty.is_non_null() && it.default_value.is_none();
        self.definition(variable).is_some_and(is_optional)
    }

    fn definition(&self, variable: &ApolloName) -> Option<&ast::VariableDefinition> {
        self.operation.variables.iter().find(|it| it.name == *variable).map(|it| &**it)
    }

    /// Defaults are not converted, because the variables of a request are already coerced.
    fn variable(&self, variable: &Node<ast::VariableDefinition>) -> Positioned<VariableDefinition> {
        let pos = self.pos(variable.location());
        let definition = VariableDefinition {
            name: Positioned::new(Name::new(&variable.name), pos),
            var_type: Positioned::new(variable_type(&variable.ty), pos),
            directives: Vec::new(),
            default_value: None,
        };
        Positioned::new(definition, pos)
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

    fn pos(&self, location: Option<SourceSpan>) -> Pos {
        location.map(|span| self.positions.at(span.offset())).unwrap_or_default()
    }
}

fn variable_type(ty: &ast::Type) -> parsed::Type {
    let base = match ty {
        ast::Type::Named(name) | ast::Type::NonNullNamed(name) => BaseType::Named(Name::new(name)),
        ast::Type::List(item) | ast::Type::NonNullList(item) => {
            BaseType::List(Box::new(variable_type(item)))
        }
    };
    parsed::Type { base, nullable: !ty.is_non_null() }
}

/// A literal without a fraction or an exponent. Validation rejects one of more than 64 bits as an `Int`; as
/// an `ID`, it is kept as text.
fn integer(literal: &str) -> Value {
    match literal.parse::<i64>() {
        Ok(number) => Value::Number(number.into()),
        Err(_) => Value::String(literal.to_owned()),
    }
}

/// A literal with a fraction or an exponent. Null if it exceeds the range of a 64-bit float.
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

/// Estimated size in memory of a field, or of an argument without its value, in bytes: 430 were measured
/// for a list of books.
const BYTES_PER_FIELD: usize = 450;

/// Estimated size in memory of an entry of an object in addition to its value, in bytes.
const BYTES_PER_ENTRY: usize = 100;

/// Estimated size in memory of a converted document, in bytes.
pub(super) fn estimated_bytes(document: &parsed::ExecutableDocument) -> usize {
    document.operations.iter().map(|(_, it)| bytes_of_set(&it.node.selection_set.node)).sum()
}

fn bytes_of_set(set: &parsed::SelectionSet) -> usize {
    let bytes_of_selection = |selection: &Positioned<Selection>| match &selection.node {
        Selection::Field(field) => {
            let arguments = field.node.arguments.iter();
            let arguments =
                arguments.map(|(_, value)| BYTES_PER_FIELD + bytes_of_value(&value.node));
            BYTES_PER_FIELD
                + arguments.sum::<usize>()
                + bytes_of_set(&field.node.selection_set.node)
        }
        Selection::InlineFragment(fragment) => {
            BYTES_PER_FIELD + bytes_of_set(&fragment.node.selection_set.node)
        }
        Selection::FragmentSpread(_) => 0,
    };
    set.items.iter().map(bytes_of_selection).sum()
}

fn bytes_of_value(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::List(items) => items.iter().map(bytes_of_value).sum(),
            Value::Object(fields) => {
                let bytes_of_field = |(name, value): (&Name, &Value)| {
                    BYTES_PER_ENTRY + name.len() + bytes_of_value(value)
                };
                fields.iter().map(bytes_of_field).sum()
            }
            _ => 0,
        }
}
