//! Plain text of the HTML in reviews.

use std::borrow::Cow;

/// Tags that end a line.
const LINE_TAGS: [&str; 13] =
    ["br", "p", "div", "li", "ul", "ol", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4"];

/// Tags that only change how text looks, or hide it.
const INLINE_TAGS: [&str; 19] = [
    "a", "b", "i", "u", "s", "em", "strong", "strike", "del", "ins", "sup", "sub", "small", "code",
    "span", "font", "img", "spoiler", "cite",
];

/// The longest tag that is recognized, in bytes: a link has an address.
const MAX_TAG_BYTES: usize = 2_000;

/// The longest name of an entity in HTML is `CounterClockwiseContourIntegral`.
const MAX_ENTITY_BYTES: usize = 34;

/// The text of a review: tags of HTML become line breaks or are removed, and entities are decoded. What only looks like
/// a tag, such as `<3`, stays.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, from_tag) = rest.split_at(start);
        push_decoded(&mut text, before);
        match Tag::parse(from_tag) {
            Some(tag) => {
                // `<p>` begins a paragraph, `<br>` and `</p>` end a line.
                if tag.ends_line && (tag.is_break || !(text.is_empty() || text.ends_with('\n'))) {
                    text.push('\n');
                }
                rest = &from_tag[tag.bytes..];
            }
            None => {
                text.push('<');
                rest = &from_tag[1..];
            }
        }
    }
    push_decoded(&mut text, rest);
    text
}

struct Tag {
    bytes: usize,
    ends_line: bool,
    is_break: bool,
}

impl Tag {
    /// A tag at the start of a text.
    fn parse(text: &str) -> Option<Self> {
        let window = &text.as_bytes()[..text.len().min(MAX_TAG_BYTES)];
        let name_start = if window.get(1) == Some(&b'/') { 2 } else { 1 };
        let name = window.get(name_start..)?;
        let name = &name[..name.iter().position(|byte| !byte.is_ascii_alphanumeric())?];
        let is_one_of =
            |tags: &[&str]| tags.iter().any(|tag| tag.as_bytes().eq_ignore_ascii_case(name));
        let ends_line = is_one_of(&LINE_TAGS);
        if !ends_line && !is_one_of(&INLINE_TAGS) {
            return None;
        }
        let end = window.iter().position(|byte| *byte == b'>')?;
        Some(Self { bytes: end + 1, ends_line, is_break: name.eq_ignore_ascii_case(b"br") })
    }
}

/// Decodes the entities of a text.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    push_decoded(&mut decoded, text);
    Cow::Owned(decoded)
}

fn push_decoded(decoded: &mut String, text: &str) {
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        // Only a short part is looked at, so that the time does not depend on the distance of the next semicolon.
        let window = &rest.as_bytes()[..rest.len().min(MAX_ENTITY_BYTES)];
        let end = window.iter().position(|byte| *byte == b';').map_or(1, |end| end + 1);
        html_escape::decode_html_entities_to_string(&rest[..end], decoded);
        rest = &rest[end..];
    }
    decoded.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_line_breaks_or_nothing() {
        for (html, text) in [
            ("one<br/>two<br>three<BR />four", "one\ntwo\nthree\nfour"),
            ("one<br/><br/>two", "one\n\ntwo"),
            ("<p>one</p><p>two</p>", "one\ntwo\n"),
            ("<div>one</div><div>two</div>", "one\ntwo\n"),
            ("an <i>old</i> <a href=\"https://example.com/?a=1\">link</a>", "an old link"),
            ("I <3 it, a < b and 1<2>0", "I <3 it, a < b and 1<2>0"),
            ("<unknown>x</unknown>", "<unknown>x</unknown>"),
            ("<b", "<b"),
            ("<", "<"),
            ("</", "</"),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        for (html, text) in [
            ("Q&amp;A &lt;b&gt; &quot;x&quot; &#39;y&#x27;", "Q&A <b> \"x\" 'y'"),
            ("caf&eacute; &hellip;&nbsp;!", "café …\u{A0}!"),
            ("&amp;amp;", "&amp;"),
            ("AT&T & Co; &unknown; &#0; &", "AT&T & Co; &unknown; &#0; &"),
            ("é&é;é", "é&é;é"),
        ] {
            assert_eq!(decode(html), text, "{html}");
        }
    }

    #[test]
    fn the_time_is_linear() {
        for piece in ["&", "<", "<a ", "&amp", "<br"] {
            let html = piece.repeat(1 << 18);
            assert!(to_text(&html).len() <= html.len());
        }
    }
}
