//! The cost of an operation: 1 for each field, more for some, and a list costs its page size times its children. It is
//! computed once for a document, as a function of the variables.

use apollo_compiler::Name;
use apollo_compiler::executable::{
    DirectiveList, ExecutableDocument, Field, Operation, Selection, SelectionSet, Value,
};
use async_graphql::Variables;
use async_graphql_value::ConstValue;

use crate::graphql::page_size::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// The arguments that set the length of the list below their field.
const PAGE_SIZE_ARGS: [&str; 3] = ["first", "last", "perPage"];

/// The cost of `notes`, which may have 20,000 characters.
const NOTES_COST: u64 = 5;

/// The cost of `setBookCover`, which decodes an image.
const COVER_COST: u64 = 500;

/// The argument with one id for each element of a list.
const IDS_ARG: &str = "ids";

/// The assumed length of a list of user errors.
const USER_ERRORS_LEN: u64 = 10;

/// The four statuses of books, and null.
const STATUSES: u64 = 5;

const MONTHS: u64 = 12;

/// The cost of an operation, for any values of its variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    /// The cost that does not depend on variables.
    fields: u64,
    parts: Vec<(Multiplier, Cost)>,
}

/// How often a part of the cost counts.
#[derive(Clone, Debug)]
enum Multiplier {
    Number(u64),
    /// The largest page size: of the literals, if there are any, and of the variables.
    PageSize {
        literal: Option<u64>,
        variables: Vec<Name>,
    },
    /// The number of elements in a variable.
    Length {
        variable: Name,
    },
    /// 1 if the variable has this value, 0 if it has the other one.
    If {
        variable: Name,
        value: bool,
    },
}

impl Cost {
    pub(super) fn new(document: &ExecutableDocument, operation: &Operation) -> Self {
        CostEstimator { document }.selections(&operation.selection_set, None)
    }

    /// The cost with these variables.
    pub(super) fn evaluate(&self, variables: &Variables) -> u64 {
        self.parts.iter().fold(self.fields, |cost, (times, part)| match times.evaluate(variables) {
            0 => cost,
            times => cost.saturating_add(times.saturating_mul(part.evaluate(variables))),
        })
    }

    /// Estimated size in memory without `Self`, in bytes. A fragment counts at each of its spreads.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(|(_, part)| part.bytes()).sum::<usize>();
        parts + self.parts.capacity() * size_of::<(Multiplier, Self)>()
    }

    fn add_all(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.parts.extend(other.parts);
    }

    fn add(&mut self, times: Multiplier, part: Self) {
        match times {
            Multiplier::Number(times) if part.parts.is_empty() => {
                self.fields = self.fields.saturating_add(times.saturating_mul(part.fields));
            }
            times => self.parts.push((times, part)),
        }
    }
}

impl Multiplier {
    fn evaluate(&self, variables: &Variables) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::PageSize { literal, variables: names } => {
                let sizes = names.iter().filter_map(|name| match variables.get(name.as_str()) {
                    Some(ConstValue::Number(number)) => Some(size(number.as_i64())),
                    // Null means that the argument is not given.
                    _ => None,
                });
                sizes.chain(*literal).max().unwrap_or_else(default_size)
            }
            Self::Length { variable } => match variables.get(variable.as_str()) {
                Some(ConstValue::List(items)) => length(items.len()),
                _ => 1,
            },
            Self::If { variable, value } => match variables.get(variable.as_str()) {
                Some(ConstValue::Boolean(actual)) => u64::from(actual == value),
                _ => 1,
            },
        }
    }
}

/// A traversal of the typed document with its fragments expanded at each spread. Every selection counts, also one
/// whose condition depends on a variable or that is merged for execution.
struct CostEstimator<'a> {
    document: &'a ExecutableDocument,
}

impl CostEstimator<'_> {
    /// The cost of a selection set, below a field with this page size.
    fn selections(&self, set: &SelectionSet, page: Option<&Multiplier>) -> Cost {
        let mut cost = Cost::default();
        for selection in &set.selections {
            let (part, directives) = match selection {
                Selection::Field(field) => (self.field(field, page), &field.directives),
                Selection::InlineFragment(fragment) => {
                    (self.selections(&fragment.selection_set, page), &fragment.directives)
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    let part = fragment.map(|it| self.selections(&it.selection_set, page));
                    (part.unwrap_or_default(), &spread.directives)
                }
            };
            let conditions = Self::conditions(directives);
            cost.add_all(conditions.into_iter().fold(part, |part, times| {
                let mut conditional = Cost::default();
                conditional.add(times, part);
                conditional
            }));
        }
        cost
    }

    fn field(&self, field: &Field, page: Option<&Multiplier>) -> Cost {
        let own_page = Self::page(field);
        let is_list = field.definition.ty.is_list();
        let fields = match field.name.as_str() {
            "notes" => NOTES_COST,
            "setBookCover" => COVER_COST,
            _ => 1,
        };
        let mut cost = Cost { fields, parts: Vec::new() };
        if is_list {
            let times =
                own_page.or_else(|| page.cloned()).unwrap_or_else(|| default_list_len(field));
            cost.add(times, self.children(field, None));
        } else {
            cost.add_all(self.children(field, own_page.as_ref().or(page)));
        }
        cost
    }

    fn children(&self, field: &Field, page: Option<&Multiplier>) -> Cost {
        let set = field.selection_set.as_ref();
        set.map(|set| self.selections(set, page)).unwrap_or_default()
    }

    /// The page size of a field; `None` if the field has no such argument.
    fn page(field: &Field) -> Option<Multiplier> {
        if field.definition.argument_by_name(IDS_ARG).is_some() {
            return Some(match field.specified_argument_by_name(IDS_ARG).map(|value| &**value) {
                Some(Value::List(items)) => Multiplier::Number(length(items.len())),
                Some(Value::Variable(name)) => Multiplier::Length { variable: name.clone() },
                _ => Multiplier::Number(1),
            });
        }
        field.definition.arguments.iter().find(|it| PAGE_SIZE_ARGS.contains(&it.name.as_str()))?;
        let (mut literal, mut variables) = (None, Vec::new());
        for name in PAGE_SIZE_ARGS {
            match field.specified_argument_by_name(name).map(|value| &**value) {
                Some(Value::Int(number)) => {
                    let number = size(number.try_to_i32().ok().map(i64::from));
                    literal = literal.max(Some(number));
                }
                Some(Value::Variable(name)) => variables.push(name.clone()),
                _ => {}
            }
        }
        Some(match variables.is_empty() {
            true => Multiplier::Number(literal.unwrap_or_else(default_size)),
            false => Multiplier::PageSize { literal, variables },
        })
    }

    /// The conditions of a selection: its `@skip` and `@include`.
    fn conditions(directives: &DirectiveList) -> Vec<Multiplier> {
        let condition = |name: &str, expected: bool| {
            let value = directives.get(name)?.specified_argument_by_name("if")?;
            Some(match &**value {
                Value::Boolean(value) => Multiplier::Number(u64::from(*value == expected)),
                Value::Variable(variable) => {
                    Multiplier::If { variable: variable.clone(), value: expected }
                }
                _ => Multiplier::Number(1),
            })
        };
        [condition("include", true), condition("skip", false)].into_iter().flatten().collect()
    }
}

/// The assumed length of a list that no argument bounds.
fn default_list_len(field: &Field) -> Multiplier {
    let item_type = field.definition.ty.inner_named_type();
    Multiplier::Number(match item_type.as_str() {
        "UserError" => USER_ERRORS_LEN,
        "StatusCount" => STATUSES,
        "MonthCount" => MONTHS,
        // Lists of introspection are bounded by the schema, and `validate` limits how deep they nest.
        introspected if introspected.starts_with("__") => 1,
        _ => length(MAX_PAGE_SIZE),
    })
}

/// The page size, clamped to the valid range: the resolver rejects an invalid one.
fn size(value: Option<i64>) -> u64 {
    value.map_or(length(MAX_PAGE_SIZE), |size| size.unsigned_abs().clamp(1, length(MAX_PAGE_SIZE)))
}

fn length(items: usize) -> u64 {
    items.min(MAX_PAGE_SIZE) as u64
}

fn default_size() -> u64 {
    u64::from(DEFAULT_PAGE_SIZE.unsigned_abs())
}
