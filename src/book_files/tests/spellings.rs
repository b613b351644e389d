//! Encodings, line breaks, separators, and what spreadsheets do to files: the values are always the same.

use super::{book, rows};
use crate::book_files::{FileRow, Source};

const FILE: &str = "Book Id,Title,Author,ISBN,My Rating,Exclusive Shelf,My Review\n\
    1,\"Dune, Messiah\",Frank Herbert,\"=\"\"0374159122\"\"\",4,read,\"One\n\nthree; \"\"x\"\"\"\n\
    \n\
    2,Café Müller “€”,Zoë,\"=\"\"\"\"\",0,to-read,\n";

fn expected() -> Vec<FileRow> {
    let rows = rows(FILE, Source::Goodreads);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 6]);
    let first = book(&rows[0]);
    assert_eq!(first.title.as_str(), "Dune, Messiah");
    assert_eq!(first.isbn.as_ref().map(crate::input::isbn::Isbn::as_str), Some("9780374159122"));
    assert_eq!(
        first.notes.as_ref().map(crate::input::notes::Notes::as_str),
        Some("One\n\nthree; \"x\"")
    );
    assert_eq!(book(&rows[1]).title.as_str(), "Café Müller “€”");
    rows
}

#[test]
fn encodings_and_line_breaks_do_not_matter() {
    let expected = expected();
    for line_break in ["\n", "\r\n", "\r"] {
        let text = FILE.replace('\n', line_break);
        let (windows_1252, _, is_lossy) = encoding_rs::WINDOWS_1252.encode(&text);
        assert!(!is_lossy);
        let utf_16 = |mark: &str, to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("{mark}{text}").encode_utf16().flat_map(to_bytes).collect()
        };
        for content in [
            text.clone().into_bytes(),
            format!("\u{FEFF}{text}").into_bytes(),
            windows_1252.clone().into_owned(),
            utf_16("\u{FEFF}", u16::to_le_bytes),
            utf_16("\u{FEFF}", u16::to_be_bytes),
            utf_16("", u16::to_le_bytes),
            utf_16("", u16::to_be_bytes),
        ] {
            assert_eq!(rows(content, Source::Goodreads), expected, "{line_break:?}");
        }
    }
}

#[test]
fn separators_do_not_matter() {
    let expected = expected();
    for separator in [";", "\t"] {
        // Commas within texts stay: they are quoted, or followed by a space.
        let text = FILE.replace(", ", "\0").replace(',', separator).replace('\0', ", ");
        assert_eq!(rows(text, Source::Goodreads), expected, "{separator:?}");
    }
}

#[test]
fn lines_that_a_spreadsheet_has_quoted_are_understood() {
    let expected = expected();
    let quote = |line: &str| format!("\"{}\"", line.replace('"', "\"\""));
    let quote_if_needed =
        |line: &str| if line.contains(['"', ';']) { quote(line) } else { line.to_owned() };
    let lines = |change: &dyn Fn(&str) -> String| FILE.lines().map(change).collect::<Vec<_>>();
    let with_empty_cells = |line: &str| match line.is_empty() {
        // A spreadsheet does not quote a blank line.
        true => String::new(),
        false => format!("{};;", quote(line)),
    };
    for line_break in ["\n", "\r\n"] {
        for lines in [lines(&quote_if_needed), lines(&with_empty_cells)] {
            assert_eq!(rows(lines.join(line_break), Source::Goodreads), expected);
        }
        let header = quote(FILE.lines().next().expect("a header"));
        let first = FILE.split_once('\n').expect("rows").1.split_once("\n\n2").expect("rows").0;
        let second = FILE.lines().last().expect("a row");
        let text = [header, quote(first), String::new(), quote(second)].join(line_break);
        assert_eq!(rows(text, Source::Goodreads), expected);
    }
}

#[test]
fn columns_are_found_by_name() {
    let file = "EXCLUSIVE  SHELF , unknown,my-rating,AUTHOR,other,title\nread,x,3,Ann,y,T\n";
    let rows = rows(file, Source::Goodreads);
    let book = book(&rows[0]);
    assert_eq!((book.title.as_str(), book.author.as_str()), ("T", "Ann"));
    assert_eq!(book.rating.map(crate::input::rating::Rating::get), Some(3));
}

#[test]
fn rows_that_end_early_are_read_and_rows_that_are_too_long_fail() {
    let file = "Title,Author,My Rating\nA,Ann\nB,Bob,3,,\nC, D,Ann,4\n,,\n";
    let rows = rows(file, Source::Goodreads);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].notes, ["the row ends early, with 2 of 3 values"]);
    assert_eq!((book(&rows[0]).rating, &rows[1].notes[..]), (None, &[][..]));
    assert_eq!((&rows[2].book, rows[2].title.as_deref()), (&Err(()), Some("C")));
    assert_eq!(
        rows[2].notes,
        ["the row has 4 values, but the first line has 3; is a quotation mark missing?"]
    );
}
