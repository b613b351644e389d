//! What holds of any cursor and of any document.

use std::sync::LazyLock;

use super::cursor::{decode, encode};
use super::document::{Documents, GraphqlRequest};
use crate::config::Limits;
use crate::store::books::BookOrderField::{Author, CreatedAt, Rating, Title, UpdatedAt};
use crate::store::books::{BookOrder, Direction};

/// Whatever reads as a cursor is written so, and of one order only.
pub(crate) fn cursor(text: &str) {
    let orders = [CreatedAt, UpdatedAt, Title, Author, Rating].into_iter().flat_map(|field| {
        [Direction::Ascending, Direction::Descending].map(|way| BookOrder::new(field, way))
    });
    let read: Vec<_> = orders.filter_map(|it| Some((it, decode(it, text)?))).collect();
    assert!(read.len() <= 1, "{text} is of two orders");
    for (order, position) in read {
        assert_eq!(encode(order, &position), text);
    }
}

/// A request is refused with an error, or costs what may be asked for.
pub(crate) fn request(request: GraphqlRequest) {
    static DOCUMENTS: LazyLock<(Documents, Limits)> = LazyLock::new(|| {
        // Each is looked at anew.
        let limits = Limits { document_cache_bytes: 1, ..Limits::default() };
        let documents = Documents::new(&super::sdl(), true, None, &limits);
        (documents.unwrap_or_else(|error| panic!("the schema: {error}")), limits)
    });
    let (documents, limits) = &*DOCUMENTS;
    match documents.find(request, |_| Ok(())) {
        Ok(found) => assert!((1..=limits.cost).contains(&found.cost())),
        Err(errors) => assert!((1..=limits.errors).contains(&errors.len())),
    }
}
