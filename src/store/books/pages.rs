//! Statements for pages of lists.

use sea_orm::sea_query::Expr;
use sea_orm::{
    EntityTrait, IdenStatic, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Value,
};

use super::{BookList, BookOrder, BookProjection, KeysetPosition, Relative, SortKey, book_count};
use crate::entity::book::{Column, Entity};
use crate::entity::user;
use crate::store::fast_path::{BoundStatement, FastPath, StatementKey};
use crate::store::page::{End, PageRequest};
use crate::store::users::PROFILE_COLUMNS_AFTER_ID;

/// What determines the SQL text of a page. Everything else is a bound value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct PageStatementKey {
    order: BookOrder,
    end: End,
    after: bool,
    before: bool,
    selected: BookProjection,
}

/// The statement for a page of an unfiltered list, with the total as the last column if selected.
pub(super) fn sql(
    direct: &FastPath,
    list: &BookList,
    slice: &PageRequest<KeysetPosition>,
    selected: BookProjection,
) -> BoundStatement {
    let key = PageStatementKey {
        order: list.order,
        end: slice.end,
        after: slice.after.is_some(),
        before: slice.before.is_some(),
        selected,
    };
    direct.known(StatementKey::Page(key), values(list, slice, selected), || {
        let books = select(list, slice, selected);
        let books = if selected.total {
            books.expr_as(Expr::SubQuery(None, Box::new(book_count(list.owner).into())), "total")
        } else {
            books
        };
        books.into_query()
    })
}

/// The statement for the twenty newest books.
#[cfg(feature = "benchmarks")]
pub(crate) fn statement_of_first_page(
    owner: crate::id::UserId,
) -> sea_orm::sea_query::SelectStatement {
    use super::{BookFilter, BookOrderField, Direction};
    let order = BookOrder::new(BookOrderField::CreatedAt, Direction::Descending);
    let list = BookList { owner, filter: BookFilter::default(), order };
    let slice = PageRequest { limit: 20, end: End::Front, after: None, before: None };
    select(&list, &slice, BookProjection::BOOK).into_query()
}

/// Selects the books of a page, in query order (see [`PageRequest::collect`]).
pub(super) fn select(
    list: &BookList,
    slice: &PageRequest<KeysetPosition>,
    selected: BookProjection,
) -> Select<Entity> {
    let order = match slice.end {
        End::Front => list.order,
        End::Back => list.order.reversed(),
    };
    let mut books = Entity::find().select_only().columns(selected.columns());
    for column in PROFILE_COLUMNS_AFTER_ID.into_iter().filter(|_| selected.owner) {
        let owner = user::Entity::find_by_id(list.owner).select_only().column(column);
        let owner = Expr::SubQuery(None, Box::new(owner.into_query().into()));
        // A unique alias: otherwise the column in ORDER BY would be ambiguous.
        books = books.expr_as(owner, format!("owner_{}", column.as_str()));
    }
    books = books.filter(list.condition());
    for (side, position) in [(Relative::After, &slice.after), (Relative::Before, &slice.before)] {
        if let Some(position) = position {
            books = books.filter(list.order.beyond(side, position));
        }
    }
    books
        .order_by(order.key(), order.sql())
        .order_by(Column::Id, order.sql())
        .limit(slice.fetch_limit() as u64)
}

/// The values of the statement, in the order of the placeholders in its text.
fn values(
    list: &BookList,
    slice: &PageRequest<KeysetPosition>,
    selected: BookProjection,
) -> Vec<Value> {
    let mut values = Vec::with_capacity(10);
    let owner_columns = if selected.owner { PROFILE_COLUMNS_AFTER_ID.len() } else { 0 };
    let subqueries = owner_columns + usize::from(selected.total);
    values.extend(std::iter::repeat_n(Value::from(list.owner), subqueries));
    values.push(list.owner.into());
    for position in [&slice.after, &slice.before].into_iter().flatten() {
        values.push(match &position.key {
            SortKey::Instant(instant) => (*instant).into(),
            SortKey::Text(text) => text.as_str().into(),
            SortKey::Rating(rating) => (*rating).into(),
        });
        values.push(position.id.into());
    }
    values.push((slice.fetch_limit() as u64).into());
    values
}
