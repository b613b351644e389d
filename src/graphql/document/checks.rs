//! The rules of the GraphQL specification in which apollo-compiler 2.0.0-beta.2 differs from
//! graphql-js.

use std::collections::HashSet;

use apollo_compiler::Node;
use apollo_compiler::ast::{Document, OperationDefinition, OperationType, Value};
use apollo_compiler::parser::SourceSpan;

use super::roots::root_fields;
use super::uploads;
use super::walk::{Visitor, walk};

/// What is wrong, and where.
pub(super) type Fault = (&'static str, Option<SourceSpan>);

/// Input objects that have a field twice (section 5.6.3), nulls that are the default of what cannot be
/// null (5.6.1), subscriptions to more than one field (5.2.4.1), and what looks like a file but is
/// none.
pub(super) fn faults(document: &Document) -> Vec<Fault> {
    let mut checks = Checks { document, faults: Vec::new() };
    walk(document, &mut checks);
    checks.faults
}

struct Checks<'a> {
    document: &'a Document,
    faults: Vec<Fault>,
}

impl Visitor for Checks<'_> {
    fn operation(&mut self, operation: &Node<OperationDefinition>) {
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value
                && default.is_null()
                && variable.ty.is_non_null()
            {
                self.faults.push(("Null is no default for this type.", default.location()));
            }
        }
        if operation.operation_type == OperationType::Subscription
            && root_fields(self.document, &operation.selection_set).len() > 1
        {
            self.faults.push(("A subscription has one root field.", operation.location()));
        }
    }

    fn value(&mut self, value: &Node<Value>) {
        match &**value {
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                let mut seen = HashSet::new();
                for (name, field) in fields {
                    if !seen.insert(name.as_str()) {
                        let message = "An input object has each field once.";
                        self.faults.push((message, name.location()));
                    }
                    self.value(field);
                }
            }
            Value::String(text) if uploads::is_mark(text) => {
                let message = "A file comes as a part of a multipart request.";
                self.faults.push((message, value.location()));
            }
            _ => {}
        }
    }
}
