//! Files of books as other sites export them, made from true titles, with all the oddities of such files.

use std::fmt::Write;
use std::sync::LazyLock;

/// Title, author, additional authors, publisher, year of the first edition, pages.
type Sample = [&'static str; 6];

/// One book a line.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let lines = include_str!("sample_files/titles.txt").lines();
    lines.map(|line| line.split('|').collect::<Vec<_>>().try_into().expect("six values")).collect()
});

const GOODREADS_HEADER: &str = "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,Private Notes,Read Count,Owned Copies";

/// The columns that the older form has besides.
const OLDER_COLUMNS: &str = "Recommended For,Recommended By,Original Purchase Date,Original Purchase Location,Condition,Condition Description,BCID";

const STORYGRAPH_HEADER: &str = "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,Moods,Pace,Character- or Plot-Driven?,Strong Character Development?,Loveable Characters?,Diverse Characters?,Flawed Characters?,Star Rating,Review,Content Warnings,Content Warning Description,Tags,Owned?";

/// The title of a row: every row of a file has another one. The first editions have the title as it is.
pub fn sample_title(row: usize) -> String {
    let [title, ..] = sample(row);
    match row / SAMPLES.len() {
        0 => title.to_owned(),
        volume => format!("{title} (Edition {})", volume + 1),
    }
}

/// The ISBN-13 of a row. Rows whose number has the remainder 7 divided by 10 have none.
pub fn sample_isbn(row: usize) -> Option<String> {
    (row % 10 != 7).then(|| with_check_digit_13(&format!("978{:09}", 140_000_000 + row)))
}

/// The file of 24 columns. Its line breaks are CR LF.
pub fn goodreads_file(rows: usize) -> String {
    goodreads(rows, "", |_| String::new())
}

/// The older file of 31 columns.
pub fn older_goodreads_file(rows: usize) -> String {
    goodreads(rows, OLDER_COLUMNS, |row| match row % 3 {
        0 => ",,,,,,".to_owned(),
        _ => format!("\"a, friend\",,2015/04/{:02},\"Shop \"\"No. {row}\"\"\",,,", row % 28 + 1),
    })
}

fn goodreads(rows: usize, more_columns: &str, more: impl Fn(usize) -> String) -> String {
    let separator = if more_columns.is_empty() { "" } else { "," };
    let mut file = format!("{GOODREADS_HEADER}{separator}{more_columns}\r\n");
    for row in 0..rows {
        let [_, author, additional, publisher, year, pages] = sample(row);
        // Goodreads has two spaces in some names.
        let author = if row % 11 == 0 { author.replacen(' ', "  ", 1) } else { author.to_owned() };
        let isbn_13 = sample_isbn(row).unwrap_or_default();
        let isbn_10 = if isbn_13.is_empty() { String::new() } else { to_isbn_10(&isbn_13) };
        let exclusive =
            ["read", "to-read", "read", "currently-reading", "read", "abandoned"][row % 6];
        let shelves = match row % 5 {
            0 => String::new(),
            1 if exclusive != "read" => format!("{exclusive}, favorites"),
            2 => "science-fiction, to-buy".to_owned(),
            _ => "classics".to_owned(),
        };
        let is_read = exclusive == "read";
        let review = match row % 7 {
            0 => "Loved it.<br/><br/>Would read again &amp; again, \"truly\".",
            3 => "First line\nsecond line, with a comma",
            _ => "",
        };
        let date_read = match (is_read, row % 9) {
            (false, _) => String::new(),
            (true, 4) => format!("{}/{:02}", 2012 + row % 12, row % 12 + 1),
            (true, _) => date(row),
        };
        let fields = [
            quoted_if_needed(&(10_000 + row).to_string()),
            quoted_if_needed(&sample_title(row)),
            quoted_if_needed(&author),
            quoted_if_needed(&last_first(&author)),
            quoted_if_needed(additional),
            format!("\"=\"\"{isbn_10}\"\"\""),
            format!("\"=\"\"{isbn_13}\"\"\""),
            if is_read { (row % 6).to_string() } else { "0".to_owned() },
            format!("{}.{:02}", 3 + row % 2, row % 100),
            quoted_if_needed(publisher),
            ["Paperback", "Hardcover", "Kindle Edition", ""][row % 4].to_owned(),
            if row % 13 == 0 { String::new() } else { pages.to_owned() },
            if row % 17 == 0 { String::new() } else { (1980 + row % 40).to_string() },
            year.to_owned(),
            date_read,
            date(row + 3),
            quoted_if_needed(&shelves),
            quoted_if_needed(&shelves.replace(',', " (#1),")),
            exclusive.to_owned(),
            quoted_if_needed(review),
            String::new(),
            if row % 19 == 0 { "\"lent, to Ann\"".to_owned() } else { String::new() },
            if is_read { (1 + row % 3).to_string() } else { "0".to_owned() },
            (row % 2).to_string(),
        ];
        let _ = write!(file, "{}{separator}{}\r\n", fields.join(","), more(row));
    }
    file
}

/// The file of StoryGraph. Its line breaks are LF.
pub fn storygraph_file(rows: usize) -> String {
    let mut file = format!("{STORYGRAPH_HEADER}\n");
    for row in 0..rows {
        let [_, author, additional, ..] = sample(row);
        let authors = [author, additional].map(str::to_owned);
        let authors: Vec<_> = authors.into_iter().filter(|name| !name.is_empty()).collect();
        let status = ["read", "to-read", "currently-reading", "did-not-finish", "paused"][row % 5];
        let is_read = status == "read";
        let uid = sample_isbn(row).unwrap_or_else(|| format!("B{row:09}"));
        let (start, end) = (day(row, row % 14 + 1), day(row, row % 14 + 15));
        let (finished, ranges) = match (is_read, row % 4) {
            (false, _) => (String::new(), String::new()),
            (true, 0) => (end.clone(), format!("2011/01/02-2011/03/04, {start}-{end}")),
            (true, 1) => (end.clone(), end),
            (true, _) => (end.clone(), format!("{start}-{end}")),
        };
        let rating = if is_read {
            format!("{}.{}", row % 5, [0, 25, 5, 75][row % 4])
        } else {
            String::new()
        };
        let review = if row % 8 == 0 { "<div>Slow at first.<br>Then \"great\".</div>" } else { "" };
        let fields = [
            quoted_if_needed(&sample_title(row)),
            quoted_if_needed(&authors.join(", ")),
            String::new(),
            uid,
            "paperback".to_owned(),
            status.to_owned(),
            date(row + 3),
            finished,
            quoted_if_needed(&ranges),
            if is_read { "1".to_owned() } else { "0".to_owned() },
            "\"adventurous, tense\"".to_owned(),
            "medium".to_owned(),
            "Plot".to_owned(),
            "Yes".to_owned(),
            "No".to_owned(),
            String::new(),
            String::new(),
            rating,
            quoted_if_needed(review),
            String::new(),
            String::new(),
            if row % 3 == 0 { "\"book club, borrowed\"".to_owned() } else { String::new() },
            "No".to_owned(),
        ];
        let _ = writeln!(file, "{}", fields.join(","));
    }
    file
}

/// A day of the years 2012 to 2023.
fn date(row: usize) -> String {
    day(row, row % 28 + 1)
}

fn day(row: usize, day: usize) -> String {
    format!("{}/{:02}/{day:02}", 2012 + row % 12, row / 12 % 12 + 1)
}

fn last_first(author: &str) -> String {
    let author = author.split_whitespace().collect::<Vec<_>>().join(" ");
    match author.rsplit_once(' ') {
        Some((first, last)) => format!("{last}, {first}"),
        None => author,
    }
}

fn quoted_if_needed(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn with_check_digit_13(digits: &str) -> String {
    let weighted = digits.bytes().zip([1, 3].into_iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn to_isbn_10(isbn_13: &str) -> String {
    let digits = &isbn_13[3..12];
    let weighted = digits.bytes().zip((2..=10).rev());
    let sum: u32 = weighted.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    match (11 - sum % 11) % 11 {
        10 => format!("{digits}X"),
        check => format!("{digits}{check}"),
    }
}

fn sample(row: usize) -> Sample {
    SAMPLES[row % SAMPLES.len()]
}
