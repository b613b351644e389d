//! Files of StoryGraph.

use super::{book, rows, tags};
use crate::book_files::{FileRow, Source};
use crate::input::reading_status::ReadingStatus;

const HEADER: &str = "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,Moods,Pace,Character- or Plot-Driven?,Strong Character Development?,Loveable Characters?,Diverse Characters?,Flawed Characters?,Star Rating,Review,Content Warnings,Content Warning Description,Tags,Owned?";

fn row(columns: &str, values: &str) -> FileRow {
    let mut rows = rows(format!("Read Status,{columns}\n{values}\n"), Source::Storygraph);
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[test]
fn all_values_of_a_book_are_read() {
    let file = format!(
        "{HEADER}\nPiranesi,\"Susanna Clarke, Ann Other\",,9781635575637,hardcover,read,2021/02/03,2023/01/02,\"2022/10/29-2022/11/28, 2022/12/24-2023/01/02\",2,\"mysterious, reflective\",slow,Character,Yes,Yes,No,It's complicated,4.75,<div>Quiet.<br>Deep.</div>,,,\"book club, borrowed\",No\n"
    );
    let rows = rows(file, Source::Storygraph);
    let book = book(&rows[0]);
    assert_eq!(
        (book.title.as_str(), book.author.as_str()),
        ("Piranesi", "Susanna Clarke, Ann Other")
    );
    assert_eq!(book.isbn.as_ref().map(crate::input::isbn::Isbn::as_str), Some("9781635575637"));
    assert_eq!(book.rating.map(crate::input::rating::Rating::get), Some(5));
    assert_eq!(book.started_on.map(|date| date.to_string()).as_deref(), Some("2022-12-24"));
    assert_eq!(book.finished_on.map(|date| date.to_string()).as_deref(), Some("2023-01-02"));
    assert_eq!(book.read_count.map(crate::input::read_count::ReadCount::get), Some(2));
    assert_eq!(book.notes.as_ref().map(crate::input::notes::Notes::as_str), Some("Quiet.\nDeep."));
    assert_eq!(tags(book), ["book club", "borrowed"]);
    assert_eq!(book.status, Some(ReadingStatus::Read));
    assert_eq!(rows[0].notes, ["rating 4.75 rounded to 5"]);
}

#[test]
fn the_last_range_is_start_and_end() {
    for (ranges, last, started, finished, notes) in [
        ("2022/10/29-2022/11/28", "", Some("2022-10-29"), Some("2022-11-28"), 0),
        ("2022/10/29-2022/11/28, 2023/01/02", "", None, Some("2023-01-02"), 0),
        ("2023/01/02", "", None, Some("2023-01-02"), 0),
        ("", "2023/01/02", None, Some("2023-01-02"), 0),
        ("2023/01/02-", "", Some("2023-01-02"), None, 0),
        ("2023/01/02-2022/01/02", "", None, Some("2022-01-02"), 1),
        ("soon", "", None, None, 1),
        ("", "", None, None, 0),
    ] {
        let values = format!("read,T,A,\"{ranges}\",{last}");
        let row = row("Title,Authors,Dates Read,Last Date Read", &values);
        let dates = [book(&row).started_on, book(&row).finished_on]
            .map(|date| date.map(|date| date.to_string()));
        assert_eq!(dates.each_ref().map(Option::as_deref), [started, finished], "{ranges}");
        assert_eq!(row.notes.len(), notes, "{:?}", row.notes);
    }
}

#[test]
fn a_paused_book_is_being_read_and_has_a_tag() {
    for (text, status, expected) in [
        ("to-read", Some(ReadingStatus::WantToRead), vec!["a"]),
        ("currently-reading", Some(ReadingStatus::Reading), vec!["a"]),
        ("did-not-finish", Some(ReadingStatus::DidNotFinish), vec!["a"]),
        ("paused", Some(ReadingStatus::Reading), vec!["a", "paused"]),
        ("", None, vec!["a"]),
    ] {
        let row = row("Title,Authors,Tags", &format!("{text},T,A,a"));
        assert_eq!((book(&row).status, tags(book(&row))), (status, expected), "{text}");
        assert_eq!(row.notes, [""; 0]);
    }
    let other = row("Title,Authors", "maybe,T,A");
    assert_eq!(other.notes, ["read status maybe is not one of StoryGraph; imported without it"]);
}

#[test]
fn an_identifier_that_is_no_isbn_is_no_mistake() {
    for (uid, isbn, notes) in [
        ("B00ABC1234", None, 0),
        ("1ad39c7c-9a1d-4b1f-8d0b-0a3c1c3f1e2d", None, 0),
        ("9781635575637", Some("9781635575637"), 0),
        ("080442957X", Some("9780804429573"), 0),
        ("9781635575638", None, 1),
        ("", None, 0),
    ] {
        let row = row("Title,Authors,ISBN/UID", &format!("read,T,A,{uid}"));
        let found = book(&row).isbn.as_ref().map(crate::input::isbn::Isbn::as_str);
        assert_eq!((found, row.notes.len()), (isbn, notes), "{uid}: {:?}", row.notes);
    }
}
