//! Fields with the same response key must have the same arguments (GraphQL specification, section 5.3.2).
//! apollo-compiler 2.0.0-beta.2 treats two lists as equal if one of them is a prefix of the other.

use apollo_compiler::ast::{Definition, Document, Selection, Value};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};

/// Validates the document again with every list replaced by a string, which is equal to another only if all
/// elements are. Returns the first conflict of arguments and ignores all other errors.
pub(super) fn conflicting_list_arguments(
    document: &Document,
    schema: &Valid<Schema>,
) -> Option<String> {
    let mut lists = 0;
    let mut with_texts = document.clone();
    for definition in &mut with_texts.definitions {
        let selections = match definition {
            Definition::OperationDefinition(it) => &mut it.make_mut().selection_set,
            Definition::FragmentDefinition(it) => &mut it.make_mut().selection_set,
            _ => continue,
        };
        in_selections(selections, &mut lists);
    }
    if lists < 2 {
        return None; // A conflict needs two lists.
    }
    let failed = with_texts.to_executable_validate(schema).err()?;
    let mut messages = failed.errors.iter().map(|it| it.error.to_string());
    messages.find(|it| it.starts_with("operation must not provide conflicting field arguments"))
}

fn in_selections(selections: &mut [Selection], lists: &mut usize) {
    for selection in selections {
        match selection {
            Selection::Field(field) => {
                let field = field.make_mut();
                for argument in &mut field.arguments {
                    in_value(&mut argument.make_mut().value, lists);
                }
                in_selections(field.selection_set.as_deref_mut().unwrap_or_default(), lists);
            }
            Selection::InlineFragment(fragment) => {
                in_selections(&mut fragment.make_mut().selection_set, lists);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn in_value(value: &mut Node<Value>, lists: &mut usize) {
    match value.make_mut() {
        list @ Value::List(_) => {
            *lists += 1;
            *list = Value::String(list.serialize().no_indent().to_string());
        }
        Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| in_value(field, lists)),
        _ => {}
    }
}
