//! A list of tags in one cell: separated by commas; a tag with a comma or a quotation mark is quoted as in CSV.

use std::borrow::Cow;

/// `fantasy, "to buy, soon"`
pub(super) fn join<'a>(tags: impl Iterator<Item = &'a str>) -> String {
    let mut list = String::new();
    for tag in tags {
        if !list.is_empty() {
            list.push_str(", ");
        }
        match tag.contains([',', '"']) {
            true => {
                list.push('"');
                list.push_str(&tag.replace('"', "\"\""));
                list.push('"');
            }
            false => list.push_str(tag),
        }
    }
    list
}

/// The tags of a list. Line breaks separate them too.
pub(super) fn split(list: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        if let Some(quoted) = rest.strip_prefix('"')
            && let Some((tag, after)) = split_quoted(quoted)
        {
            rest = after;
            return Some(Cow::Owned(tag));
        }
        let end = rest.find([',', '\n', '\r']).unwrap_or(rest.len());
        let tag = rest[..end].trim_end();
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(Cow::Borrowed(tag))
    })
}

/// The text up to a closing quotation mark, and what follows the next separator. `None` if no quotation mark that
/// stands before a separator closes it.
fn split_quoted(text: &str) -> Option<(String, &str)> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find('"')?;
        let after = &text[end + 1..];
        if after.starts_with('"') {
            from = end + 2;
            continue;
        }
        let after = after.trim_start_matches([' ', '\t']);
        let rest = match after.chars().next() {
            None => after,
            Some(',' | '\n' | '\r') => &after[1..],
            Some(_) => return None,
        };
        return Some((text[..end].replace("\"\"", "\""), rest));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(list: &str) -> Vec<String> {
        split(list).map(Cow::into_owned).collect()
    }

    #[test]
    fn lists_written_by_hand_are_understood() {
        assert_eq!(tags("fantasy, to buy,sf"), ["fantasy", "to buy", "sf"]);
        assert_eq!(tags("a\nb\r\nc"), ["a", "b", "c"]);
        assert_eq!(tags("\"a, b\" ,c"), ["a, b", "c"]);
        assert_eq!(tags("\"big\" books, x"), ["\"big\" books", "x"]);
        assert_eq!(tags("\"open, x"), ["\"open", "x"]);
        assert_eq!(tags(" "), Vec::<String>::new());
        assert_eq!(tags("a,,b"), ["a", "", "b"]);
    }

    proptest! {
        #[test]
        fn lists_are_lossless(given in prop::collection::vec("[a-c,\"';=+@ -]{1,5}|\\PC{1,5}", 0..6)) {
            let given: Vec<_> = given.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()).collect();
            prop_assert_eq!(tags(&join(given.iter().copied())), given);
        }
    }
}
