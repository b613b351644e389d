//! Files of Goodreads.

use super::{book, rows, tags};
use crate::book_files::{FileRow, Source};
use crate::input::reading_status::ReadingStatus;

const HEADER: &str = "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,Private Notes,Read Count,Owned Copies";

/// The only row of a file with these columns.
fn row(columns: &str, values: &str) -> FileRow {
    let mut rows = rows(format!("Exclusive Shelf,{columns}\n{values}\n"), Source::Goodreads);
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[test]
fn all_values_of_a_book_are_read() {
    let file = format!(
        "{HEADER}\n18007564,\"The Martian, Deluxe\",Andy  Weir,\"Weir, Andy\",\"R.C. Bray, Ann Other\",\"=\"\"0804139024\"\"\",\"=\"\"9780804139021\"\"\",4,4.41,Crown,Hardcover,384,2014,2011,2022/11/28,2019/05/03,\"science-fiction, favorites\",\"science-fiction (#3), favorites (#1)\",read,\"Great.<br/><br/>Q&amp;A\",,\"lent to Ann\",2,1\n"
    );
    let rows = rows(file, Source::Goodreads);
    let book = book(&rows[0]);
    assert_eq!(book.title.as_str(), "The Martian, Deluxe");
    assert_eq!(book.author.as_str(), "Andy Weir, R.C. Bray, Ann Other");
    assert_eq!(book.isbn.as_ref().map(crate::input::isbn::Isbn::as_str), Some("9780804139021"));
    assert_eq!(book.rating.map(crate::input::rating::Rating::get), Some(4));
    assert_eq!(
        book.publisher.as_ref().map(crate::input::publisher::Publisher::as_str),
        Some("Crown")
    );
    assert_eq!(book.page_count.map(crate::input::page_count::PageCount::get), Some(384));
    assert_eq!(
        book.published_year.map(crate::input::published_year::PublishedYear::get),
        Some(2014)
    );
    assert_eq!(book.started_on, None);
    assert_eq!(book.finished_on.map(|date| date.to_string()).as_deref(), Some("2022-11-28"));
    let added_at = book.added_at.map(|instant| instant.to_string());
    assert_eq!(added_at.as_deref(), Some("2019-05-03T00:00:00.000Z"));
    assert_eq!(tags(book), ["science-fiction", "favorites"]);
    assert_eq!(book.status, Some(ReadingStatus::Read));
    assert_eq!(book.read_count.map(crate::input::read_count::ReadCount::get), Some(2));
    let notes = book.notes.as_ref().map(crate::input::notes::Notes::as_str);
    assert_eq!(notes, Some("Great.\n\nQ&A\n\nlent to Ann"));
    assert_eq!((rows[0].line, rows[0].title.as_deref()), (2, Some("The Martian, Deluxe")));
    assert_eq!(rows[0].notes, [""; 0]);
}

#[test]
fn the_isbn_13_is_preferred() {
    for (isbn, isbn_13, read, notes) in [
        ("0374159122", "9780804139021", Some("9780804139021"), vec![]),
        ("\"=\"\"0374159122\"\"\"", "\"=\"\"\"\"\"", Some("9780374159122"), vec![]),
        ("=\"0374159122\"", "=\"\"", Some("9780374159122"), vec![]),
        ("\"=\"\"\"\"\"", "\"=\"\"\"\"\"", None, vec![]),
        ("0374159122", "9780804139022", Some("9780374159122"), vec![]),
        ("", "9780804139022", None, vec!["ISBN check digit is wrong; imported without ISBN"]),
        ("0374159123", "", None, vec!["ISBN check digit is wrong; imported without ISBN"]),
        ("", "9.78E+12", None, vec!["\"9.78E+12\" is no ISBN; imported without ISBN"]),
    ] {
        let row = row("Title,Author,ISBN,ISBN13", &format!("read,T,A,{isbn},{isbn_13}"));
        let found = book(&row).isbn.as_ref().map(crate::input::isbn::Isbn::as_str);
        assert_eq!(
            (found, row.notes.iter().map(String::as_str).collect()),
            (read, notes),
            "{isbn}"
        );
    }
}

#[test]
fn ratings_are_rounded_and_0_is_unrated() {
    for (text, rating, note) in [
        ("0", None, None),
        ("", None, None),
        ("5", Some(5), None),
        ("4.0", Some(4), None),
        ("3.75", Some(4), Some("rating 3.75 rounded to 4")),
        ("2.5", Some(3), Some("rating 2.5 rounded to 3")),
        ("\"2,25\"", Some(2), Some("rating 2,25 rounded to 2")),
        ("0.25", Some(1), Some("rating 0.25 rounded to 1")),
        ("6", None, Some("rating 6 is not from 1 to 5; imported without it")),
        ("-1", None, Some("rating -1 is not from 1 to 5; imported without it")),
        ("five", None, Some("rating five is not a number; imported without it")),
        ("NaN", None, Some("rating NaN is not a number; imported without it")),
    ] {
        let row = row("Title,Author,My Rating", &format!("read,T,A,{text}"));
        let found = book(&row).rating.map(crate::input::rating::Rating::get);
        assert_eq!((found, row.notes.first().map(String::as_str)), (rating, note), "{text}");
    }
}

#[test]
fn the_exclusive_shelf_is_the_status_or_a_tag() {
    for (exclusive, shelves, status, expected) in [
        ("to-read", "to-read, a", Some(ReadingStatus::WantToRead), vec!["a"]),
        ("currently-reading", "", Some(ReadingStatus::Reading), vec![]),
        ("read", "a, b", Some(ReadingStatus::Read), vec!["a", "b"]),
        ("abandoned", "a, abandoned", None, vec!["a", "abandoned"]),
        ("abandoned", "a", None, vec!["abandoned", "a"]),
        ("did-not-finish", "", Some(ReadingStatus::DidNotFinish), vec!["did-not-finish"]),
        ("", "a, to-read", Some(ReadingStatus::WantToRead), vec!["a"]),
        ("", "", None, vec![]),
    ] {
        let row = row("Title,Author,Bookshelves", &format!("{exclusive},T,A,\"{shelves}\""));
        assert_eq!((book(&row).status, tags(book(&row))), (status, expected), "{exclusive}");
    }
}

#[test]
fn years_may_be_negative_and_the_year_of_the_edition_is_preferred() {
    for (edition, original, year, notes) in [
        ("1998", "-750", Some(1998), 0),
        ("", "-750", Some(-750), 0),
        ("20003", "2003", Some(2003), 1),
        ("", "", None, 0),
    ] {
        let values = format!("read,T,A,{edition},{original}");
        let row = row("Title,Author,Year Published,Original Publication Year", &values);
        let found = book(&row).published_year.map(crate::input::published_year::PublishedYear::get);
        assert_eq!((found, row.notes.len()), (year, notes), "{edition} {original}");
    }
}

#[test]
fn dates_without_a_day_are_the_first_day() {
    for (text, date, note) in [
        ("2019/05/03", Some("2019-05-03"), None),
        ("2019-5-3", Some("2019-05-03"), None),
        (
            "2019/05",
            Some("2019-05-01"),
            Some("date read 2019/05 has no day; imported as 2019-05-01"),
        ),
        ("2019", Some("2019-01-01"), Some("date read 2019 has no month; imported as 2019-01-01")),
        (
            "05/03/2019",
            None,
            Some("date read 05/03/2019 is not a date such as 2026/11/28; imported without it"),
        ),
    ] {
        let row = row("Title,Author,Date Read", &format!("read,T,A,{text}"));
        let found = book(&row).finished_on.map(|date| date.to_string());
        assert_eq!(
            (found.as_deref(), row.notes.first().map(String::as_str)),
            (date, note),
            "{text}"
        );
    }
    let early = row("Title,Author,Date Added", "read,T,A,1969/12/31");
    assert_eq!(book(&early).added_at, None);
    assert_eq!(early.notes, ["date added 1969/12/31 is out of range; imported without it"]);
}

#[test]
fn a_row_without_a_title_fails_and_one_without_an_author_does_not() {
    let without_title = row("Title,Author", "read, ,Ann");
    assert_eq!((without_title.book, without_title.title), (Err(()), None));
    assert_eq!(without_title.notes, ["title is missing"]);
    let without_author = row("Title,Author", "read,T,");
    assert_eq!(book(&without_author).author.as_str(), "Unknown");
    assert_eq!(without_author.notes, ["author is missing; imported as \"Unknown\""]);
}

#[test]
fn texts_that_are_too_long_are_cut() {
    let values =
        format!("read,{},A,{},\"{}\"", "é".repeat(501), "p".repeat(201), "é".repeat(20_001));
    let row = row("Title,Author,Publisher,My Review", &values);
    let book = book(&row);
    assert_eq!(book.title.as_str(), "é".repeat(500));
    assert_eq!(book.publisher.as_ref().map(|it| it.as_str().len()), Some(200));
    assert_eq!(book.notes.as_ref().map(|it| it.as_str().chars().count()), Some(20_000));
    assert_eq!(
        row.notes,
        [
            "title was too long; cut at 500 characters",
            "notes was too long; cut at 20000 characters",
            "publisher was too long; cut at 200 characters",
        ]
    );
}

#[test]
fn further_tags_than_50_are_left_out() {
    let shelves: Vec<_> = (0..60).map(|number| format!("shelf-{number}")).collect();
    let row = row("Title,Author,Bookshelves", &format!("read,T,A,\"{}\"", shelves.join(", ")));
    assert_eq!(tags(book(&row)).len(), 50);
    assert_eq!(row.notes, ["more than 50 tags; 10 left out"]);
}
