//! The orientation of an image, as cameras write it into its Exif metadata.

use super::pixels::Pixels;

/// How an image has to be turned or mirrored: tag 274 of Exif (TIFF 6.0, page 36), from 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u8);

const TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;

impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// Reads the orientation from the TIFF structure of Exif metadata. The default if there is none, or it is not
    /// valid: browsers show such an image as it is, too.
    pub(super) fn from_exif(tiff: &[u8]) -> Self {
        find(tiff).filter(|value| (1..=8).contains(value)).map(Self).unwrap_or_default()
    }

    /// Whether width and height are exchanged.
    fn transposes(self) -> bool {
        self.0 >= 5
    }

    /// Turns and mirrors the image.
    pub(super) fn apply(self, pixels: Pixels) -> Pixels {
        if self.0 == 1 {
            return pixels;
        }
        let (right, bottom) = (pixels.width() - 1, pixels.height() - 1);
        let (width, height) = match self.transposes() {
            true => (pixels.height(), pixels.width()),
            false => (pixels.width(), pixels.height()),
        };
        // Where the pixel at (x, y) of the result was.
        Pixels::from_fn(width, height, pixels.channels(), |x, y| {
            let (x, y) = match self.0 {
                2 => (right - x, y),
                3 => (right - x, bottom - y),
                4 => (x, bottom - y),
                5 => (y, x),
                6 => (y, bottom - x),
                7 => (right - y, bottom - x),
                8 => (right - y, x),
                _ => (x, y),
            };
            pixels.at(x, y)
        })
    }
}

/// The value of the tag in the first directory (TIFF 6.0, page 13).
fn find(tiff: &[u8]) -> Option<u8> {
    // Some programs write the header of the JPEG segment in other formats too.
    let tiff = tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff);
    let big_endian = match tiff.get(..4)? {
        b"MM\0\x2a" => true,
        b"II\x2a\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let offset = tiff.get(4..8)?.try_into().ok()?;
    let offset = if big_endian { u32::from_be_bytes(offset) } else { u32::from_le_bytes(offset) };
    let directory = usize::try_from(offset).ok()?;
    let entries = usize::from(u16_at(directory)?);
    let entry = (0..entries)
        .map(|number| directory.saturating_add(2 + 12 * number))
        .find(|&entry| u16_at(entry) == Some(TAG))?;
    (u16_at(entry + 2)? == TYPE_SHORT).then_some(())?;
    u8::try_from(u16_at(entry + 8)?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::pixels::Channels;
    use super::*;

    /// Exif metadata with this orientation.
    pub(in super::super) fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
        let mut tiff = Vec::new();
        let u16_bytes =
            |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let u32_bytes =
            |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        tiff.extend(if big_endian { b"MM\0\x2a" } else { b"II\x2a\0" });
        tiff.extend(u32_bytes(8));
        tiff.extend(u16_bytes(2));
        for (tag, value) in [(0x0100, 3), (TAG, u16::from(orientation))] {
            tiff.extend(u16_bytes(tag));
            tiff.extend(u16_bytes(TYPE_SHORT));
            tiff.extend(u32_bytes(1));
            tiff.extend(u16_bytes(value));
            tiff.extend([0, 0]);
        }
        tiff.extend(u32_bytes(0));
        tiff
    }

    #[test]
    fn the_orientation_is_read_in_both_byte_orders() {
        for value in 1..=8 {
            for big_endian in [true, false] {
                assert_eq!(Orientation::from_exif(&exif(value, big_endian)), Orientation(value));
            }
        }
        assert_eq!(
            Orientation::from_exif(&[b"Exif\0\0", &exif(6, true)[..]].concat()),
            Orientation(6)
        );
    }

    #[test]
    fn metadata_that_is_not_valid_means_no_orientation() {
        let valid = exif(6, true);
        for length in 0..valid.len() - 8 {
            Orientation::from_exif(&valid[..length]);
        }
        for wrong in [
            &exif(0, true)[..],
            &exif(9, false),
            &exif(200, true),
            b"",
            b"MM\0\x2a\xff\xff\xff\xff",
        ] {
            assert_eq!(Orientation::from_exif(wrong), Orientation::default());
        }
    }

    #[test]
    fn every_orientation_puts_the_first_row_and_column_where_tiff_says() {
        // The image ab / cd / ef, and how it is shown for each value.
        let shown = [
            "ab/cd/ef", "ba/dc/fe", "fe/dc/ba", "ef/cd/ab", "ace/bdf", "eca/fdb", "fdb/eca",
            "bdf/ace",
        ];
        for (value, shown) in (1..=8).zip(shown) {
            let letters = b"abcdef";
            let pixels = Pixels::from_fn(2, 3, Channels::Rgb, |x, y| {
                [letters[(y * 2 + x) as usize], 0, 0, 255]
            });
            let turned = Orientation(value).apply(pixels);
            let rows: Vec<String> = (0..turned.height())
                .map(|y| (0..turned.width()).map(|x| char::from(turned.at(x, y)[0])).collect())
                .collect();
            assert_eq!(rows.join("/"), shown, "{value}");
        }
    }
}
