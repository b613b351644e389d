//! Our own files: what is exported is read as it was.

use proptest::prelude::*;

use super::{book, refused, rows, tags, written};
use crate::book_files::{BookFileFormat, FileBook, Source};
use crate::clock::Timestamp;
use crate::input::author::Author;
use crate::input::calendar_date::CalendarDate;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::read_count::ReadCount;
use crate::input::reading_status::ReadingStatus;
use crate::input::tags::Tags;
use crate::input::title::Title;

/// Texts with everything that has a meaning in CSV, in JSON, in HTML or in a spreadsheet.
const TEXT: &str = "['=+@\t\r\n-]{0,3}[a-c\"',;&<>|\\\\= \t\r\n\u{2028}-]{0,12}\\PC{0,12}";

fn date() -> impl Strategy<Value = Option<CalendarDate>> {
    prop::option::of((0..10_000_u32, 1..13_u32, 1..29_u32).prop_map(|(year, month, day)| {
        CalendarDate::parse(&format!("{year:04}-{month:02}-{day:02}")).expect("a day")
    }))
}

fn isbn() -> impl Strategy<Value = Option<Isbn>> {
    prop::option::of((0..10_000_000_u32).prop_map(|number| {
        let digits = format!("978000000{number:07}");
        let texts = (0..10).map(|check| format!("{}{check}", &digits[..12]));
        texts.into_iter().find_map(|text| Isbn::parse(&text).ok().flatten()).expect("a digit")
    }))
}

prop_compose! {
    fn texts()(
        title in TEXT.prop_filter_map("blank", |text| Title::parse(&text).ok()),
        author in TEXT.prop_filter_map("blank", |text| Author::parse(&text).ok()),
        publisher in prop::option::of(TEXT),
        notes in prop::option::of(TEXT),
        tags in prop::collection::vec(TEXT, 0..5),
    ) -> (Title, Author, Option<Publisher>, Option<Notes>, Option<Tags>) {
        let publisher = publisher.and_then(|text| Publisher::parse(&text).ok().flatten());
        let notes = notes.and_then(|text| Notes::parse(&text).ok().flatten());
        let tags: Vec<_> = tags.iter().map(|tag| tag.chars().take(50).collect::<String>()).collect();
        let tags: Vec<_> = tags.into_iter().filter(|tag| Tags::parse(&[tag]).is_ok()).collect();
        (title, author, publisher, notes, Tags::parse(&tags).expect("tags"))
    }
}

prop_compose! {
    fn any_book()(
        (title, author, publisher, notes, tags) in texts(),
        isbn in isbn(),
        rating in prop::option::of(1..=5),
        status in prop::option::of(prop::sample::select(ReadingStatus::ALL.to_vec())),
        dates in (date(), date()),
        read_count in prop::option::of(0..=i32::MAX),
        published_year in prop::option::of(-5_000..=2_200),
        page_count in prop::option::of(1..=100_000),
        added_at in prop::option::of(0..=253_402_300_799_999_i64),
    ) -> FileBook {
        let (started_on, finished_on) = match dates {
            (Some(start), Some(end)) => (Some(start.min(end)), Some(start.max(end))),
            other => other,
        };
        FileBook {
            title,
            author,
            isbn,
            rating: rating.map(|number| Rating::parse(number).expect("a rating")),
            notes,
            status,
            started_on,
            finished_on,
            read_count: read_count.map(|number| ReadCount::parse(number).expect("a count")),
            publisher,
            published_year: published_year.map(|year| PublishedYear::parse(year).expect("a year")),
            page_count: page_count.map(|count| PageCount::parse(count).expect("a count")),
            tags,
            added_at: added_at.map(Timestamp::from_millis),
        }
    }
}

proptest! {
    #[test]
    fn our_files_are_lossless(books in prop::collection::vec(any_book(), 0..4)) {
        for (format, source) in [
            (BookFileFormat::Csv, Source::BookshelfCsv),
            (BookFileFormat::Json, Source::BookshelfJson),
        ] {
            let file = written(format, &books);
            let rows = rows(file.clone(), source);
            let read: Vec<_> = rows.iter().map(|row| book(row).clone()).collect();
            prop_assert_eq!(&read, &books);
            prop_assert!(rows.iter().all(|row| row.notes.is_empty()), "{:?}", rows);
            prop_assert_eq!(written(format, &read), file);
        }
    }

    #[test]
    fn no_cell_is_executed_by_a_spreadsheet(book in any_book()) {
        for format in [BookFileFormat::Csv, BookFileFormat::Goodreads] {
            let file = written(format, std::slice::from_ref(&book));
            for cell in cells(&file) {
                let is_number = cell.parse::<i32>().is_ok();
                // Goodreads writes its ISBNs as formulas, which consist of digits.
                let digits = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
                let is_isbn = digits.is_some_and(|isbn| isbn.chars().all(|c| c.is_ascii_digit() || c == 'X'));
                let is_executed = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
                prop_assert!(!is_executed || is_number || is_isbn, "{cell:?}");
            }
        }
    }

    #[test]
    fn the_form_of_goodreads_is_read_as_goodreads(given in any_book()) {
        let rows = rows(written(BookFileFormat::Goodreads, std::slice::from_ref(&given)), Source::Goodreads);
        prop_assert_eq!(rows.len(), 1);
        let read = book(&rows[0]);
        prop_assert_eq!(&read.isbn, &given.isbn);
        prop_assert_eq!(read.rating, given.rating);
        prop_assert_eq!(read.finished_on, given.finished_on);
        prop_assert_eq!(read.published_year, given.published_year);
        prop_assert_eq!(read.page_count, given.page_count);
        prop_assert_eq!(read.status, given.status.or(Some(ReadingStatus::WantToRead)));
    }
}

/// All cells of a CSV file.
fn cells(file: &[u8]) -> Vec<String> {
    let text = crate::book_files::encoding::EncodedText::new(file.to_vec().into());
    let mut records = crate::book_files::csv_records::CsvRecords::new(text.reader(), b',');
    let mut cells = Vec::new();
    while records.read(|_, cell| cells.push(cell.to_owned())).expect("closed").is_some() {}
    cells
}

fn example() -> FileBook {
    FileBook {
        title: Title::parse("=1+1").expect("a title"),
        author: Author::parse("Ann, \"Bo\"").expect("an author"),
        isbn: Isbn::parse("0374159122").expect("an ISBN"),
        rating: Rating::parse(4).ok(),
        notes: Notes::parse("One\n-two").expect("notes"),
        status: Some(ReadingStatus::DidNotFinish),
        started_on: CalendarDate::parse("2026-01-02"),
        finished_on: None,
        read_count: ReadCount::parse(0).ok(),
        publisher: Publisher::parse("@home").expect("a publisher"),
        published_year: PublishedYear::parse(-800).ok(),
        page_count: PageCount::parse(9).ok(),
        tags: Tags::parse(&["-a", "b, c", "d\"e"]).expect("tags"),
        added_at: Some(Timestamp::from_millis(1_774_602_900_007)),
    }
}

#[test]
fn the_files_are_as_documented() {
    let text = |format| String::from_utf8(written(format, &[example()])).expect("UTF-8");
    assert_eq!(
        text(BookFileFormat::Csv),
        "Title,Author,ISBN,Rating,Status,Started On,Finished On,Read Count,Publisher,Published Year,Page Count,Tags,Notes,Created At\n\
         '=1+1,\"Ann, \"\"Bo\"\"\",9780374159122,4,DID_NOT_FINISH,2026-01-02,,0,'@home,-800,9,\"'-a, \"\"b, c\"\", \"\"d\"\"\"\"e\"\"\",\"One\n-two\",2026-03-27T09:15:00.007Z\n"
    );
    assert_eq!(
        text(BookFileFormat::Json),
        "{\"format\":\"bookshelf\",\"version\":1,\"books\":[\n\
         {\"title\":\"=1+1\",\"author\":\"Ann, \\\"Bo\\\"\",\"isbn\":\"9780374159122\",\"rating\":4,\"status\":\"DID_NOT_FINISH\",\"startedOn\":\"2026-01-02\",\"finishedOn\":null,\"readCount\":0,\"publisher\":\"@home\",\"publishedYear\":-800,\"pageCount\":9,\"tags\":[\"-a\",\"b, c\",\"d\\\"e\"],\"notes\":\"One\\n-two\",\"createdAt\":\"2026-03-27T09:15:00.007Z\"}\n\
         ]}\n"
    );
    let goodreads = text(BookFileFormat::Goodreads);
    assert_eq!(
        goodreads.split_once('\n').expect("a header").1,
        "1,'=1+1,\"Ann, \"\"Bo\"\"\",,,\"=\"\"0374159122\"\"\",\"=\"\"9780374159122\"\"\",4,,'@home,,9,-800,,,2026/03/27,\"'-a, b-c, d\"\"e\",,did-not-finish,,,One<br/>-two,0,0\n"
    );
}

#[test]
fn a_file_written_by_hand_is_understood() {
    let csv =
        "author,title,tags,status,created at,price\nAnn,T,\"x, y\",want to read,2020-05-06,3\n";
    let rows_of_csv = rows(csv, Source::BookshelfCsv);
    let read = book(&rows_of_csv[0]);
    assert_eq!((read.status, tags(read)), (Some(ReadingStatus::WantToRead), vec!["x", "y"]));
    let json = "\n{ \"note\": {\"a\": [1]},\n\"books\" : [ {\"title\":\"T\",\n\"author\":\"Ann\",\"rating\":\"4.5\",\"x\":{}} ,\n[1],{\"title\":7,\"author\":null,\"tags\":\"a\",\"status\":{}}],\"more\":1 }";
    let rows_of_json = rows(json, Source::BookshelfJson);
    assert_eq!(rows_of_json.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 5, 5]);
    assert_eq!(rows_of_json[0].notes, ["rating 4.5 rounded to 5"]);
    assert_eq!(rows_of_json[1].book, Err(()));
    assert_eq!(rows_of_json[1].notes, ["the element is not an object with the values of a book"]);
    assert_eq!(book(&rows_of_json[2]).title.as_str(), "7");
    assert_eq!(
        rows_of_json[2].notes,
        [
            "status is neither text nor a number; imported without it",
            "tags is not a list of texts; imported without it",
            "author is missing; imported as \"Unknown\"",
        ]
    );
}

#[test]
fn json_of_another_shape_is_refused() {
    for (json, expected) in [
        ("[1]", "Found JSON that is not an object."),
        ("{}", "Found a JSON object without a list \"books\"."),
        ("{\"books\":{}}", "Found JSON with \"books\" that is not a list."),
        ("{\"books\":[{}", "line 1: the file ends early."),
        ("{\"books\":[{\"title\":\"x", "line 1: the file ends early."),
        ("{\"books\":[\n{},\n{]]}", "line 3: it is not valid JSON."),
        ("{\"books\":[{} {}]}", "line 1: \",\" is missing."),
        ("{\"books\":[]} x", "line 1: there is text after the end of the object."),
        ("{\"books\":[]", "line 1: the file ends early."),
    ] {
        let message = refused(json);
        assert!(message.ends_with(expected), "{json}: {message}");
    }
    assert_eq!(rows("{\"books\":[]}", Source::BookshelfJson), []);
}
