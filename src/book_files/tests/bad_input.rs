//! Files that are damaged, too large, or of another kind.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{book, open, refused, rows};
use crate::book_files::model::MAX_FILE_BYTES;
use crate::book_files::{BookFileReader, Source, UnsupportedFile};

#[test]
fn the_refusal_says_what_was_expected_and_found() {
    for (file, found) in [
        ("", "an empty file"),
        ("\n \r\n", "a first line with one column"),
        (
            "Name,Writer,Stars,Price,Shop\n",
            "a first line with 5 columns: Name, Writer, Stars, Price …",
        ),
        ("Title\nDune\n", "a first line with one column: Title"),
        ("PK\u{3}\u{4}\u{14}", "a ZIP archive or a spreadsheet such as .xlsx"),
        ("%PDF-1.7", "a PDF file"),
        ("<html>", "a web page or XML"),
        ("\u{1}\u{2}\u{3}\u{5}", "binary data"),
    ] {
        let message = refused(file);
        assert!(message.starts_with("Expected an export of Goodreads, StoryGraph"), "{message}");
        assert!(message.contains(&format!("Found {found}")), "{message}");
        assert!(message.chars().count() <= 300, "{message}");
    }
    assert!(refused(vec![0; 4096]).contains("Found NUL bytes"));
    let message = refused(format!("{}\n", "Title,".repeat(100_000)));
    assert!(message.ends_with("Found a first line with more than 1000 columns."), "{message}");
}

#[test]
fn a_file_of_another_kind_than_the_one_asked_for_is_refused() {
    let storygraph = Bytes::from_static(b"Title,Authors,Read Status\nDune,Frank Herbert,read\n");
    for (source, expected) in [
        (Source::Goodreads, "Expected an export of Goodreads"),
        (Source::BookshelfCsv, "Expected a CSV file of Bookshelf"),
        (Source::BookshelfJson, "Expected a JSON file of Bookshelf"),
    ] {
        let error = BookFileReader::open(storygraph.clone(), Some(source)).err().expect("refused");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert!(BookFileReader::open(storygraph, Some(Source::Storygraph)).is_ok());
    let json = BookFileReader::open(Bytes::from_static(b"{}"), Some(Source::Goodreads));
    assert!(json.err().expect("refused").to_string().contains("Found JSON"));
}

#[test]
fn a_quotation_mark_that_is_never_closed_is_refused_with_its_line() {
    let file = "Title,Author,My Rating\nA,Ann,1\n\nB,\"Bob,2\nC,Cid,3\n";
    assert_eq!(open(file).err(), Some(UnsupportedFile::UnclosedQuote { line: 4 }));
}

#[test]
fn a_column_that_is_there_twice_is_refused() {
    assert_eq!(
        refused("Title,Author,My Rating,title\nA,B,1,C\n"),
        "Expected each column once. Found the column title twice."
    );
    assert!(open("Title,Author,My Rating,other,other\nA,B,1,C,D\n").is_ok());
}

#[test]
fn files_that_are_too_large_are_refused() {
    let error = open(vec![b'x'; MAX_FILE_BYTES + (1 << 20)]).err().expect("refused");
    assert_eq!(error.to_string(), "Expected at most 20 MB. Found 21.0 MB.");
    assert!(error.is_too_large());
    let error = open(format!("Title,Author\n{}", "a,b\n".repeat(100_001))).err().expect("refused");
    assert_eq!(error.to_string(), "Expected at most 100000 books. Found 100001.");
    assert!(error.is_too_large());
    assert!(open(format!("Title,Author\n{}", "a,b\n".repeat(100_000))).is_ok());
    let json = format!("{{\"books\":[{}{{}}]}}", "{},".repeat(100_000));
    assert!(open(json).err().expect("refused").is_too_large());
    // The euro sign of Windows-1252 has three bytes in UTF-8.
    let json = [b"{\"books\":[{\"title\":\"", &b"\x80".repeat(14 << 20)[..], b"\"}]}"].concat();
    let error = open(json).err().expect("refused");
    assert_eq!(error.to_string(), "Expected JSON of at most 40 MB in UTF-8. Found more.");
    assert!(error.is_too_large());
}

#[test]
fn a_row_has_a_bounded_number_of_notes() {
    let tag_lists = [
        ("\u{1},".repeat(130_000), "\"\\u0001\"".to_owned()),
        ("a\u{1},".repeat(80_000), "\"a\\u0001\"".to_owned()),
    ];
    for (cell, element) in tag_lists {
        let csv = format!("Title,Author,Tags\nDune,Frank,\"{cell}\"\n");
        let list = vec![element; 20_000].join(",");
        let json = format!("{{\"books\":[{{\"title\":\"Dune\",\"tags\":[{list}]}}]}}");
        for (file, source) in [(csv, Source::BookshelfCsv), (json, Source::BookshelfJson)] {
            let row = rows(file, source).remove(0);
            assert_eq!(row.notes.len(), 21, "{source}");
            let last = row.notes.last().expect("a note");
            assert!(last.starts_with("and ") && last.ends_with(" more"), "{last}");
            assert_eq!(book(&row).title.as_str(), "Dune");
        }
    }
}

#[test]
fn only_the_first_tags_of_a_long_list_are_read() {
    let blank = vec!["\"\""; 500].join(",");
    for (tags, expected, notes) in [
        (format!("{blank},\"a\""), &[][..], 1),
        (format!("\"a\",{blank}"), &["a"], 1),
        (blank[3..].to_owned() + ",\"a\"", &["a"], 0),
        (format!("\"a\",\"{}\",\"b\"", "x".repeat(300_000)), &["a"], 1),
    ] {
        let json =
            format!("{{\"books\":[{{\"title\":\"Dune\",\"author\":\"F\",\"tags\":[{tags}]}}]}}");
        let row = rows(json, Source::BookshelfJson).remove(0);
        assert_eq!(super::tags(book(&row)), expected);
        assert_eq!(row.notes.len(), notes, "{:?}", row.notes);
    }
}

#[test]
fn a_value_of_json_is_cut_as_one_of_csv() {
    let note = "a value was too long to be read to its end";
    for piece in ["a", "é", "\\n", "\\u00e9", "\\ud83d\\ude00", "\\\\", "\\\""] {
        // Lengths that end in each part of an escape sequence.
        for start in 0..12 {
            let notes = format!("{}{}", "x".repeat(start), piece.repeat(300_000));
            let json = format!(
                "{{\"books\":[{{\"title\":\"T\",\"author\":\"A\",\"notes\":\"{notes}\"}}]}}"
            );
            let row = rows(json, Source::BookshelfJson).remove(0);
            assert_eq!(row.notes.iter().filter(|found| *found == note).count(), 1, "{piece}");
            assert_eq!(row.notes.len(), if piece == "\\n" { 1 } else { 2 }, "{:?}", row.notes);
        }
    }
    let json = format!(
        "{{\"books\":[{{\"title\":\"T\",\"author\":\"A\",\"pageCount\":{}}}]}}",
        "1".repeat(300_000)
    );
    let row = rows(json, Source::BookshelfJson).remove(0);
    assert_eq!(row.notes[0], note);
}

#[test]
fn control_characters_are_left_out() {
    let rows = rows("Title,Author\nDu\0ne\u{7},Frank\n", Source::BookshelfCsv);
    assert_eq!(book(&rows[0]).title.as_str(), "Dune");
    assert_eq!(rows[0].notes, ["title: characters that cannot be shown were left out"]);
}

#[test]
fn files_made_to_use_time_are_read_in_linear_time() {
    let header = "Title,Author,My Rating\n";
    let filled = |piece: &str| piece.repeat((2 << 20) / piece.len());
    for (name, file) in [
        ("columns", format!("{}\n", "x,".repeat(100_000))),
        ("a header of commas", filled(",")),
        ("a row of commas", format!("{header}{}", filled(","))),
        ("a value", format!("{header}T,A,{}", filled("x"))),
        ("a quoted value", format!("{header}T,\"{}\"", filled("\"\""))),
        ("quotation marks", filled("\"")),
        ("an open quotation mark", format!("{header}\"{}", filled("x\n"))),
        ("line breaks", format!("{header}{}", filled("\n"))),
        ("NUL bytes", filled("\0")),
        ("entities", format!("{header}{},A,", "&".repeat(2 << 20))),
        ("tags", format!("Title,Author,Bookshelves\nT,A,\"{}\"", filled("a,"))),
        ("ranges", format!("Title,Authors,Dates Read\nT,A,\"{}\"", filled("-"))),
        ("arrays", format!("{{\"books\":[{}", filled("["))),
        ("objects", filled("{\"a\":")),
        ("nested", format!("{{\"books\":[{}{}]}}", "[".repeat(100_000), "]".repeat(100_000))),
        ("elements", format!("{{\"books\":[{}1]}}", "1,".repeat(90_000))),
    ] {
        let start = Instant::now();
        if let Ok(reader) = open(file) {
            assert!(reader.count() <= 100_000);
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{name}: {:?}", start.elapsed());
    }
}
