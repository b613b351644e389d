//! Visits all parts of a document.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition, Selection, Value,
};

/// Receives the parts of a document.
pub(super) trait Visitor {
    fn operation(&mut self, _: &Node<OperationDefinition>) {}

    fn fragment(&mut self, _: &Node<FragmentDefinition>) {}

    fn directives(&mut self, _: &DirectiveList) {}

    /// The value of an argument or the default of a variable, including the values inside it.
    fn value(&mut self, _: &Node<Value>) {}
}

/// Visits operations and fragments as they are written, without expanding fragments.
pub(super) fn walk(document: &Document, visitor: &mut impl Visitor) {
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                visitor.operation(operation);
                for variable in &operation.variables {
                    variable.default_value.iter().for_each(|default| visitor.value(default));
                    directives(&variable.directives, visitor);
                }
                directives(&operation.directives, visitor);
                selections(&operation.selection_set, visitor);
            }
            Definition::FragmentDefinition(fragment) => {
                visitor.fragment(fragment);
                directives(&fragment.directives, visitor);
                selections(&fragment.selection_set, visitor);
            }
            _ => {}
        }
    }
}

fn selections(set: &[Selection], visitor: &mut impl Visitor) {
    for selection in set {
        match selection {
            Selection::Field(field) => {
                field.arguments.iter().for_each(|argument| visitor.value(&argument.value));
                directives(&field.directives, visitor);
                selections(field.selection_set.as_deref().unwrap_or_default(), visitor);
            }
            Selection::InlineFragment(fragment) => {
                directives(&fragment.directives, visitor);
                selections(&fragment.selection_set, visitor);
            }
            Selection::FragmentSpread(spread) => directives(&spread.directives, visitor),
        }
    }
}

fn directives(list: &DirectiveList, visitor: &mut impl Visitor) {
    visitor.directives(list);
    let arguments = list.iter().flat_map(|directive| &directive.arguments);
    arguments.for_each(|argument| visitor.value(&argument.value));
}
