//! The root fields of operations. Each is like a separate request, so their number is limited. The limit is
//! lowest for fields that could be used to guess passwords and tokens.

use std::collections::BTreeMap;

use apollo_compiler::ast::{Definition, Document, OperationDefinition, OperationType, Selection};
use async_graphql::ServerError;

use crate::config::Limits;
use crate::graphql::error::{ErrorCode, server_error};

/// Root fields that sign in or verify credentials.
const SIGN_IN: [&str; 4] = ["register", "login", "refreshToken", "changePassword"];

/// Number of root fields of an operation that are rate-limited by client address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthAttempts {
    /// `login` and `refreshToken`.
    pub(crate) sign_ins: u32,
    pub(crate) registrations: u32,
}

impl AuthAttempts {
    pub(super) fn of(document: &Document, operation: &OperationDefinition) -> Self {
        if operation.operation_type != OperationType::Mutation {
            return Self::default();
        }
        let fields = root_fields(document, &operation.selection_set);
        let count = |names: &[&str]| {
            let counted = fields.values().filter(|name| names.contains(*name)).count();
            u32::try_from(counted).unwrap_or(u32::MAX)
        };
        Self { sign_ins: count(&["login", "refreshToken"]), registrations: count(&["register"]) }
    }
}

/// Rejects a document with an operation that has too many root fields. A repeated field counts once,
/// because it is executed once.
pub(super) fn check(document: &Document, limits: &Limits) -> Result<(), ServerError> {
    let operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    for operation in operations {
        let fields = root_fields(document, &operation.selection_set);
        let is_mutation = operation.operation_type == OperationType::Mutation;
        let sign_ins = fields.values().filter(|name| is_mutation && SIGN_IN.contains(*name));
        for (number, most, what) in [
            (fields.len(), limits.root_fields, "root fields"),
            (if is_mutation { fields.len() } else { 0 }, limits.mutation_root_fields, "mutations"),
            (
                sign_ins.count(),
                limits.auth_mutations,
                "of the fields register, login, refreshToken and changePassword",
            ),
        ] {
            if number > most {
                let message = format!("An operation can have at most {most} {what}.");
                return Err(server_error(ErrorCode::QueryTooComplex, message));
            }
        }
    }
    Ok(())
}

/// The names of the root fields in a selection set, by response key. Fragments that contain themselves were
/// rejected before.
pub(super) fn root_fields<'a>(
    document: &'a Document,
    selections: &'a [Selection],
) -> BTreeMap<&'a str, &'a str> {
    let mut fields = BTreeMap::new();
    for selection in selections {
        let inner = match selection {
            Selection::Field(field) => {
                let key = field.alias.as_ref().unwrap_or(&field.name);
                fields.insert(key.as_str(), field.name.as_str());
                continue;
            }
            Selection::InlineFragment(fragment) => Some(&fragment.selection_set),
            Selection::FragmentSpread(spread) => {
                document.definitions.iter().find_map(|definition| match definition {
                    Definition::FragmentDefinition(it) if it.name == spread.fragment_name => {
                        Some(&it.selection_set)
                    }
                    _ => None,
                })
            }
        };
        fields.extend(inner.into_iter().flat_map(|inner| root_fields(document, inner)));
    }
    fields
}
