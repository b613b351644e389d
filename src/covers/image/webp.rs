//! Decodes WebP images. An animation is its first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::limits::{ImageError, check_memory, check_size};
use super::orientation::Orientation;
use super::pixels::{Channels, Pixels, Reducer};

/// The bytes that the decoder takes for each pixel: four, and three or four for the result. With loss, the planes take
/// one and a half, and alpha one.
const BYTES_PER_PIXEL: u64 = 7;
/// The same, for an animation: it keeps the frame and the canvas.
const ANIMATION_BYTES_PER_PIXEL: u64 = 14;

/// Maximum length of data without loss: those of an image, or of the alpha of one with loss. The decoder makes a table
/// of 4 KiB for each prefix code, which takes 15 bytes of the file or more; so the tables take at most about 100 MB.
const MAX_LOSSLESS_BYTES: usize = 384 << 10;

impl From<DecodingError> for ImageError {
    fn from(_: DecodingError) -> Self {
        Self::Unsupported
    }
}

pub(super) fn decode(file: &[u8]) -> Result<(Pixels, Orientation), ImageError> {
    let file = whole(file).ok_or(ImageError::Unsupported)?;
    let mut decoder = WebPDecoder::new(Cursor::new(file))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if !all_frames(file, |_, data| fits(data, width, height)) {
        return Err(ImageError::Unsupported);
    }
    let is_small = |name: &[u8; 4], data: &[u8]| {
        data.len() <= MAX_LOSSLESS_BYTES || !matches!(name, b"VP8L" | b"ALPH")
    };
    if !all_frames(file, is_small) {
        return Err(ImageError::TooLarge);
    }
    let bytes_per_pixel =
        if decoder.is_animated() { ANIMATION_BYTES_PER_PIXEL } else { BYTES_PER_PIXEL };
    check_memory(u64::from(width) * u64::from(height) * bytes_per_pixel)?;
    decoder.set_memory_limit(file.len());
    let orientation = decoder.exif_metadata()?.as_deref().map(Orientation::from_exif);

    let mut pixels = vec![0; decoder.output_buffer_size().ok_or(ImageError::TooLarge)?];
    if decoder.is_animated() {
        decoder.read_frame(&mut pixels)?;
    } else {
        decoder.read_image(&mut pixels)?;
    }
    let row_pixels = width as usize;
    let reduced = if decoder.has_alpha() {
        let mut reducer = Reducer::new(width, height, Channels::PremultipliedRgba);
        let (pixels, _) = pixels.as_chunks::<4>();
        for (y, row) in (0..).zip(pixels.chunks_exact(row_pixels)) {
            reducer.add_row(y, row.iter().copied());
        }
        reducer
    } else {
        let mut reducer = Reducer::new(width, height, Channels::Rgb);
        let (pixels, _) = pixels.as_chunks::<3>();
        for (y, row) in (0..).zip(pixels.chunks_exact(row_pixels)) {
            reducer.add_row(y, row.iter().map(|&[red, green, blue]| [red, green, blue, 255]));
        }
        reducer
    };
    drop(pixels);
    Ok((reduced.finish(), orientation.unwrap_or_default()))
}

/// The file without what follows its last chunk. `None` if it is shorter than its header says: the decoder does not
/// notice if chunks are missing.
fn whole(file: &[u8]) -> Option<&[u8]> {
    let size = file.get(4..8)?.try_into().ok().map(u32::from_le_bytes)?;
    let end = usize::try_from(size).ok()?.checked_add(8)?;
    file.get(..end)
}

/// Whether a condition holds for all chunks, those of the frames of an animation included.
fn all_frames(file: &[u8], mut condition: impl FnMut(&[u8; 4], &[u8]) -> bool) -> bool {
    chunks(file.get(12..).unwrap_or_default()).all(|(name, data)| match name {
        b"ANMF" => {
            chunks(data.get(16..).unwrap_or_default()).all(|(name, data)| condition(name, data))
        }
        _ => condition(name, data),
    })
}

/// The names and data of chunks.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let data = after.get(..length).unwrap_or(after);
        rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some((name, data))
    })
}

/// Whether the data of a chunk is no frame with loss (RFC 6386, section 9.1), or one that is not larger than the image.
/// The decoder compares the sizes only after it has made the planes of a frame.
fn fits(data: &[u8], width: u32, height: u32) -> bool {
    match data {
        [_, _, _, 0x9d, 0x01, 0x2a, a, b, c, d, ..] => {
            let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            side(*a, *b) <= width && side(*c, *d) <= height
        }
        _ => true,
    }
}
