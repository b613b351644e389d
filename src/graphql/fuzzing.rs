//! Properties that hold for every cursor and every document.

use std::sync::LazyLock;

use super::cursor::{decode, encode};
use super::document::Documents;
use super::request::GraphqlRequest;
use crate::config::Limits;
use crate::store::books::BookOrderField::{Author, CreatedAt, Rating, Title, UpdatedAt};
use crate::store::books::{BookOrder, Direction};

/// A text that decodes as a cursor encodes to the same text, and belongs to only one order.
pub(crate) fn cursor(text: &str) {
    let orders = [CreatedAt, UpdatedAt, Title, Author, Rating].into_iter().flat_map(|field| {
        [Direction::Ascending, Direction::Descending].map(|way| BookOrder::new(field, way))
    });
    let read: Vec<_> = orders.filter_map(|order| Some((order, decode(order, text)?))).collect();
    assert!(read.len() <= 1, "{text} belongs to two orders");
    for (order, position) in read {
        assert_eq!(encode(order, &position), text);
    }
}

/// A request is rejected with errors, or its cost is within the limit.
pub(crate) fn request(request: GraphqlRequest) {
    static DOCUMENTS: LazyLock<(Documents, Limits)> = LazyLock::new(|| {
        // No document is cached, so each one is checked.
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
