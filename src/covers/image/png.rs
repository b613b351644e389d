//! Decodes PNG images row by row. An animation is its default image.

use std::io::Cursor;

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Limits, Transformations};

use super::limits::{ImageError, check_size};
use super::orientation::Orientation;
use super::pixels::{Channels, Pixels, Reducer};

/// The most bytes for rows and metadata.
const MAX_BYTES: usize = 16 << 20;

/// The first column and row of each pass of an interlaced image, and the distances between its columns and rows (PNG
/// specification, section 8.2).
const PASSES: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

impl From<DecodingError> for ImageError {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::LimitsExceeded => Self::TooLarge,
            _ => Self::Unsupported,
        }
    }
}

pub(super) fn decode(file: &[u8]) -> Result<(Pixels, Orientation), ImageError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(file), options);
    decoder.set_limits(Limits { bytes: MAX_BYTES });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info()?.size();
    check_size(width, height)?;
    if !is_whole(file) {
        return Err(ImageError::Unsupported);
    }
    let mut reader = decoder.read_info()?;
    let orientation =
        reader.info().exif_metadata.as_deref().map(Orientation::from_exif).unwrap_or_default();
    let color = reader.output_color_type().0;
    let channels = match color {
        ColorType::GrayscaleAlpha | ColorType::Rgba => Channels::PremultipliedRgba,
        _ => Channels::Rgb,
    };
    let mut reducer = Reducer::new(width, height, channels);
    let passes = if reader.info().interlaced { &PASSES[..] } else { &[(0, 0, 1, 1)] };
    // A pass without columns has no rows.
    let rows =
        passes.iter().filter(|pass| pass.0 < width).flat_map(|&(start, top, step, distance)| {
            (top..height).step_by(distance as usize).map(move |y| (y, start, step))
        });
    for (y, start, step) in rows {
        let row = reader.next_interlaced_row()?.ok_or(ImageError::Unsupported)?;
        let data = row.data();
        match color {
            ColorType::Grayscale => {
                reducer.add(y, start, step, data.iter().map(|&gray| [gray, gray, gray, 255]));
            }
            ColorType::GrayscaleAlpha => {
                let (pixels, _) = data.as_chunks::<2>();
                let pixels = pixels.iter().map(|&[gray, alpha]| [gray, gray, gray, alpha]);
                reducer.add(y, start, step, pixels);
            }
            ColorType::Rgb => {
                let (pixels, _) = data.as_chunks::<3>();
                let pixels = pixels.iter().map(|&[red, green, blue]| [red, green, blue, 255]);
                reducer.add(y, start, step, pixels);
            }
            ColorType::Rgba => {
                let (pixels, _) = data.as_chunks::<4>();
                reducer.add(y, start, step, pixels.iter().copied());
            }
            // The transformation replaces it.
            ColorType::Indexed => return Err(ImageError::Unsupported),
        }
    }
    Ok((reducer.finish(), orientation))
}

/// Whether the file has all chunks up to the last one, and those with pixels are not damaged. The decoder stops after
/// the last row, and would take long to skip what a bomb has behind it.
fn is_whole(file: &[u8]) -> bool {
    let mut rest = file.get(8..).unwrap_or_default();
    loop {
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return false };
        let length = u32::from_be_bytes(*length) as usize;
        // The type and the data, and then the checksum of both.
        let Some((chunk, after)) = after.split_at_checked(length.saturating_add(4)) else {
            return false;
        };
        let Some((checksum, after)) = after.split_first_chunk::<4>() else { return false };
        let is_critical = chunk[0].is_ascii_uppercase();
        if is_critical && crc32fast::hash(chunk) != u32::from_be_bytes(*checksum) {
            return false;
        }
        if chunk.starts_with(b"IEND") {
            return true;
        }
        rest = after;
    }
}
