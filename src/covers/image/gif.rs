//! Decodes GIF images. An animation is its first frame.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::limits::{ImageError, MAX_PIXELS, check_size};
use super::orientation::Orientation;
use super::pixels::{Channels, Pixels, Reducer};

impl From<DecodingError> for ImageError {
    fn from(_: DecodingError) -> Self {
        Self::Unsupported
    }
}

pub(super) fn decode(file: &[u8]) -> Result<(Pixels, Orientation), ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // Each pixel of a frame is one byte.
    options.set_memory_limit(
        NonZeroU64::new(MAX_PIXELS).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(file)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    check_size(width, height)?;
    if !is_whole(file) {
        return Err(ImageError::Unsupported);
    }
    let global_palette = decoder.global_palette().map(<[u8]>::to_vec);

    let frame = decoder.read_next_frame()?.ok_or(ImageError::Unsupported)?;
    let palette = frame.palette.as_ref().or(global_palette.as_ref());
    let (palette, _) = palette.ok_or(ImageError::Unsupported)?.as_chunks::<3>();
    let color = |index: u8| match palette.get(usize::from(index)) {
        _ if frame.transparent == Some(index) => [0; 4],
        Some(&[red, green, blue]) => [red, green, blue, 255],
        // As browsers do.
        None => [0; 4],
    };
    let mut reducer = Reducer::new(width, height, Channels::PremultipliedRgba);
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let row_len = usize::from(frame.width).max(1);
    for (y, row) in (top..).zip(frame.buffer.chunks_exact(row_len)) {
        reducer.add(y, left, 1, row.iter().map(|&index| color(index)));
    }
    // Drops the frame.
    drop(decoder);
    Ok((reducer.finish(), Orientation::default()))
}

/// Whether the file has all blocks up to its end (appendix B of the specification). Decoding the other frames would take long.
fn is_whole(file: &[u8]) -> bool {
    last_block(file).is_some()
}

fn last_block(file: &[u8]) -> Option<()> {
    let flags = *file.get(10)?;
    let mut rest = file.get(13..)?.get(palette_bytes(flags)..)?;
    loop {
        let (block, after) = rest.split_first()?;
        rest = match block {
            // An extension with its label.
            0x21 => after.get(1..)?,
            // An image with its palette and the size of its codes.
            0x2c => after.get(9..)?.get(palette_bytes(*after.get(8)?)..)?.get(1..)?,
            0x3b => return Some(()),
            _ => return None,
        };
        loop {
            let (&length, data) = rest.split_first()?;
            rest = data.get(usize::from(length)..)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// The bytes of the palette that follows a descriptor with these flags.
fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}
