//! Pages of lists.

use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Value};

use super::{BookList, BookOrder, Position, SHOWN, Side, SortKey, Wanted, library_size, shown};
use crate::entity::book::{Column, Entity};
use crate::store::direct::{Direct, Known, Sql};
use crate::store::page::{End, Slice};

/// What stands in the text of a page's statement. All else are values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct PageShape {
    order: BookOrder,
    end: End,
    after: bool,
    before: bool,
    wanted: Wanted,
}

/// The statement for a page of a whole library, and for its size in one more column, if that is wanted.
pub(super) fn sql(
    direct: &Direct,
    list: &BookList,
    slice: &Slice<Position>,
    wanted: Wanted,
) -> Sql {
    let shape = PageShape {
        order: list.order,
        end: slice.end,
        after: slice.after.is_some(),
        before: slice.before.is_some(),
        wanted,
    };
    direct.known(Known::Page(shape), values(list, slice, wanted), || {
        let books = select(list, slice, wanted.notes);
        let books = if wanted.total {
            books.expr_as(Expr::SubQuery(None, Box::new(library_size(list.owner).into())), "total")
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
    let slice = Slice { limit: 20, end: End::Start, after: None, before: None };
    select(&list, &slice, true).into_query()
}

/// The books of a page, in the order of the walk.
pub(super) fn select(list: &BookList, slice: &Slice<Position>, with_notes: bool) -> Select<Entity> {
    let order = match slice.end {
        End::Start => list.order,
        End::Finish => list.order.reversed(),
    };
    let mut books = if with_notes { shown() } else { shown_without_notes() };
    books = books.filter(list.condition());
    for (side, position) in [(Side::After, &slice.after), (Side::Before, &slice.before)] {
        if let Some(position) = position {
            books = books.filter(list.order.beyond(side, position));
        }
    }
    books
        .order_by(order.key(), order.sql())
        .order_by(Column::Id, order.sql())
        .limit(slice.rows_to_ask() as u64)
}

/// The books as they are shown, but with nothing in the place of the notes.
fn shown_without_notes() -> Select<Entity> {
    SHOWN.into_iter().fold(Entity::find().select_only(), |books, column| match column {
        Column::Notes => books.expr_as(Expr::cust("CAST(NULL AS text)"), "notes"),
        column => books.column(column),
    })
}

/// The values of such a statement, in the order in which its text has their places.
fn values(list: &BookList, slice: &Slice<Position>, wanted: Wanted) -> Vec<Value> {
    let mut values = Vec::with_capacity(7);
    values.extend(wanted.total.then(|| Value::from(list.owner)));
    values.push(list.owner.into());
    for position in [&slice.after, &slice.before].into_iter().flatten() {
        values.push(match &position.key {
            SortKey::Instant(instant) => (*instant).into(),
            SortKey::Text(text) => text.as_str().into(),
            SortKey::Rating(rating) => (*rating).into(),
        });
        values.push(position.id.into());
    }
    values.push((slice.rows_to_ask() as u64).into());
    values
}
