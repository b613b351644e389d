//! The encoding of a file: UTF-8, UTF-16 or Windows-1252, decoded while it is read.

use std::io::{BufRead, BufReader, Read};

use bytes::{Buf, Bytes};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::unsupported_file::{MAX_DECODED_BYTES, UnsupportedFile};

/// UTF-8 text. Reading from memory does not fail.
pub(super) type TextReader = Box<dyn BufRead + Send + Sync>;

/// The content of a file without its byte order mark, and its encoding.
#[derive(Clone, Debug)]
pub(super) struct EncodedText {
    content: Bytes,
    /// `None` if the content is valid UTF-8.
    encoding: Option<&'static Encoding>,
}

impl EncodedText {
    /// Finds the encoding: by the byte order mark, else by the content.
    pub(super) fn new(mut content: Bytes) -> Self {
        if let Some((encoding, mark)) = Encoding::for_bom(&content) {
            content.advance(mark);
            let is_valid = encoding == UTF_8 && std::str::from_utf8(&content).is_ok();
            return Self { content, encoding: (!is_valid).then_some(encoding) };
        }
        let encoding = guess(&content);
        Self { content, encoding }
    }

    /// Reads the text from its start.
    pub(super) fn reader(&self) -> TextReader {
        let content = self.content.clone().reader();
        match self.encoding {
            None => Box::new(content),
            Some(encoding) => {
                let mut decoder = DecodeReaderBytesBuilder::new();
                decoder.encoding(Some(encoding)).bom_sniffing(false);
                Box::new(BufReader::with_capacity(64 << 10, decoder.build(content)))
            }
        }
    }

    /// The text as a whole, in UTF-8. An error if it is longer than [`MAX_DECODED_BYTES`].
    pub(super) fn into_utf8(self) -> Result<Bytes, UnsupportedFile> {
        if self.encoding.is_none() {
            return Ok(self.content);
        }
        let mut text = Vec::new();
        let mut reader = self.reader().take(MAX_DECODED_BYTES as u64 + 1);
        // Reading from memory does not fail.
        let _ = reader.read_to_end(&mut text);
        match text.len() > MAX_DECODED_BYTES {
            true => Err(UnsupportedFile::TooManyDecodedBytes),
            false => Ok(text.into()),
        }
    }

    /// Whether the text begins with a brace or a bracket.
    pub(super) fn starts_as_json(&self) -> bool {
        let mut reader = self.reader();
        loop {
            let text = reader.fill_buf().unwrap_or_default();
            let blank = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            match text.get(blank) {
                Some(byte) => return matches!(byte, b'{' | b'['),
                None if text.is_empty() => return false,
                None => reader.consume(blank),
            }
        }
    }

    /// The first bytes as they are in the file.
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }
}

/// The encoding of a text without a byte order mark; `None` if it is valid UTF-8.
fn guess(content: &[u8]) -> Option<&'static Encoding> {
    // A header in UTF-16 has a NUL in each of its characters.
    match content {
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => return Some(UTF_16LE),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => return Some(UTF_16BE),
        _ => {}
    }
    if std::str::from_utf8(content).is_ok() {
        return None;
    }
    // A damaged file in UTF-8 is still mostly UTF-8. Text in Windows-1252 almost never looks like it.
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in content.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    Some(if valid > invalid { UTF_8 } else { WINDOWS_1252 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(content: &[u8]) -> String {
        let text = EncodedText::new(Bytes::copy_from_slice(content));
        let mut read = String::new();
        text.reader().read_to_string(&mut read).expect("UTF-8");
        assert_eq!(text.into_utf8().expect("short"), read);
        read
    }

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn all_encodings_are_recognized() {
        let text = "Title,Author\r\nСолярис,“Lem” 😀\r\n";
        assert_eq!(decoded(text.as_bytes()), text);
        assert_eq!(decoded(format!("\u{FEFF}{text}").as_bytes()), text);
        for (to_bytes, mark) in
            [(u16::to_le_bytes as fn(u16) -> _, b"\xFF\xFE"), (u16::to_be_bytes, b"\xFE\xFF")]
        {
            assert_eq!(decoded(&utf_16(text, to_bytes)), text);
            assert_eq!(decoded(&[&mark[..], &utf_16(text, to_bytes)].concat()), text);
        }
        assert_eq!(decoded(b"Title\nCaf\xE9 \x80 \x93x\x94\n"), "Title\nCafé € “x”\n");
    }

    #[test]
    fn one_damaged_character_does_not_change_the_encoding_of_the_others() {
        let mut content = "Title\nÉtrange é à ü\n".as_bytes().to_vec();
        content.truncate(content.len() - 2);
        assert_eq!(decoded(&content), "Title\nÉtrange é à \u{FFFD}");
        assert_eq!(decoded(b"\xEF\xBB\xBFa\xFFb"), "a\u{FFFD}b");
        assert_eq!(decoded(&[0; 9]), "\0".repeat(9));
        assert_eq!(decoded(b""), "");
    }
}
