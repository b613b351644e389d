//! Properties that hold for any input. Fuzzers call these functions with generated inputs (`fuzz/`), and the
//! tests below with random ones.

use crate::book_files::{BookFileFormat, BookFileReader, BookFileWriter};
use crate::covers::process_image;
use crate::graphql::fuzzing as graphql;
use crate::graphql::request::GraphqlRequest;
use crate::http::fuzzing as http;
use crate::id::{BookId, SessionId, UserId};
use crate::input::isbn::Isbn;
use crate::input::text::fold;

/// A text is not an id, or it is the only spelling of exactly one id.
pub fn id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let book = BookId::parse(text).map(|id| id.to_string());
    let user = UserId::parse(text).map(|id| id.to_string());
    let session = SessionId::parse(text).map(|id| id.to_string());
    for id in [&book, &user, &session].into_iter().flatten() {
        assert_eq!(id, text);
    }
    assert!([book, user, session].iter().flatten().count() <= 1, "{text} is two ids");
}

/// A text is not a cursor, or it is the only cursor of its position and order.
pub fn cursor(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        graphql::cursor(text);
    }
}

/// A text is not an ISBN, or it parses to 13 digits, which parse to themselves.
pub fn isbn(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Isbn::parse(text) {
        Ok(Some(isbn)) => {
            let digits = isbn.as_str();
            assert!(digits.len() == 13 && digits.bytes().all(|it| it.is_ascii_digit()), "{digits}");
            let weigh = |(place, digit): (usize, u8)| {
                u32::from(digit - b'0') * if place % 2 == 0 { 1 } else { 3 }
            };
            assert_eq!(digits.bytes().enumerate().map(weigh).sum::<u32>() % 10, 0, "{digits}");
            assert_eq!(Isbn::parse(digits), Ok(Some(isbn.clone())));
        }
        // Folded, because some letters are typed as quotation marks, such as U+02BA.
        Ok(None) => assert!(!fold(text).chars().any(char::is_alphanumeric), "{text}"),
        Err(_) => {}
    }
}

/// A file is not an image, or its cover has the longest side of a cover at most.
pub fn cover(data: &[u8]) {
    if let Ok(images) = process_image(data) {
        let sides = 1..=1_600;
        assert!(sides.contains(&images.width) && sides.contains(&images.height), "{images:?}");
    }
}

/// A request body, a WebSocket message or a header is parsed or rejected.
pub fn request(data: &[u8]) {
    http::accept(data);
    http::message(data);
    if let Some(request) = http::body(data) {
        graphql::request(request);
    }
}

/// A document is rejected, or it has an operation whose cost is within the limit.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let query = Some(text.to_owned());
    graphql::request(GraphqlRequest { query, ..GraphqlRequest::default() });
}

/// A file is refused, or it has as many rows as it says. What can be imported is the same after an export.
pub fn book_file(data: &[u8]) {
    let Ok(reader) = BookFileReader::open(data.to_vec().into(), None) else { return };
    let rows = reader.row_count();
    let read: Vec<_> = reader.collect();
    assert_eq!(u32::try_from(read.len()), Ok(rows));
    assert!(read.is_sorted_by_key(|row| row.line));
    assert!(read.iter().all(|row| row.book.is_ok() || !row.notes.is_empty()));
    let books: Vec<_> = read.into_iter().filter_map(|row| row.book.ok()).collect();
    for format in [BookFileFormat::Csv, BookFileFormat::Json] {
        let (mut writer, mut file) = (BookFileWriter::new(format), Vec::new());
        writer.begin(&mut file);
        books.iter().for_each(|book| writer.write(book, &mut file));
        writer.end(&mut file);
        let again = BookFileReader::open(file.into(), None);
        let again = again.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert!(again.map(|row| row.book).eq(books.iter().cloned().map(Ok)), "{format:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tokens from which valid and invalid documents are generated.
    const WORDS: [&str; 40] = [
        "{",
        "}",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "=",
        "@",
        "$",
        "...",
        "|",
        "&",
        "on",
        "query",
        "mutation",
        "subscription",
        "fragment",
        "viewer",
        "books",
        "nodes",
        "id",
        "first",
        "Book",
        "Query",
        "F",
        "include",
        "if",
        "true",
        "null",
        "1",
        "-0.5e3",
        "\"\\u0041\"",
        "\"\"\"block\"\"\"",
        "__typename",
        "# comment\n",
        "\u{feff}",
    ];

    /// Parts of files of books.
    const PIECES: [&str; 30] = [
        "Dune",
        ",",
        ";",
        "\t",
        "\"",
        "\n",
        "\r\n",
        "\r",
        "\"\"",
        "=\"\"",
        "'=",
        "=1+1",
        " ",
        "0374159122",
        "read",
        "4.5",
        "2022/10/29-2022/11/28",
        "2019/05",
        "<br/>",
        "&amp;",
        "&",
        "\0",
        "é\u{301}",
        "\u{200B}",
        "{\"title\":\"T\",\"author\":\"A\"}",
        "{",
        "}",
        "]}",
        "\"title\":",
        "null",
    ];

    proptest! {
        #[test]
        fn id_parsing_never_panics(
            text in prop_oneof![
                ".*",
                "(book|user|session|isbn)?_?[0-9a-z]{24,28}",
                "(book|user|session)_0[0-7][0-9a-hjkmnp-tv-z]{24}",
            ],
        ) {
            id(text.as_bytes());
        }

        #[test]
        fn cursor_parsing_never_panics(text in prop_oneof![".*", "[A-Za-z0-9_-]{0,120}", "E[A-Za-z0-9_-]{33}"]) {
            cursor(text.as_bytes());
        }

        #[test]
        fn isbn_parsing_never_panics(
            text in prop_oneof![".*", "(ISBN(-1[03])?:? ?)?97[89][ -]?[0-9 -]{9,12}[0-9X]", "[0-9]{9}[0-9Xx]"],
        ) {
            isbn(text.as_bytes());
        }

        #[test]
        fn book_file_reading_never_panics(
            bytes: Vec<u8>,
            pieces in proptest::collection::vec(0..PIECES.len(), 0..40),
        ) {
            book_file(&bytes);
            let pieces: Vec<_> = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            for header in ["", "Title,Author\n", "Title;Author;My Rating;ISBN;Bookshelves;Date Read;My Review\n", "Title,Authors,Read Status,Dates Read,Tags\n", "{\"books\":["] {
                book_file(format!("{header}{}", pieces.concat()).as_bytes());
            }
        }

        #[test]
        fn image_decoding_never_panics(
            start in proptest::sample::select(vec![
                &b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBPVP8 ",
            ]),
            bytes: Vec<u8>,
        ) {
            cover(&[start, &bytes].concat());
        }

        #[test]
        fn request_parsing_never_panics(bytes: Vec<u8>, query in "\\PC*", operation in "\\PC*") {
            request(&bytes);
            let body = serde_json::json!({ "query": query, "operationName": operation });
            request(body.to_string().as_bytes());
            let message = serde_json::json!({ "type": "subscribe", "id": operation, "payload": body });
            request(message.to_string().as_bytes());
        }

        #[test]
        fn document_parsing_never_panics(
            words in proptest::collection::vec(0..WORDS.len(), 0..60),
        ) {
            let text: Vec<_> = words.into_iter().map(|word| WORDS[word]).collect();
            document(text.join(" ").as_bytes());
            document(text.concat().as_bytes());
        }
    }
}
