//! The limits of an image, and the errors beyond them.

/// The most bytes of a file.
pub(super) const MAX_FILE_BYTES: usize = 10 << 20;
/// The most pixels of an image.
pub(super) const MAX_PIXELS: u64 = 40_000_000;
/// The most pixels of a side. Formats allow more, but no cover has them.
pub(super) const MAX_SIDE: u32 = 32_767;
/// The most bytes that a decoder may take for one image.
pub(super) const MAX_DECODER_BYTES: u64 = 96_000_000;
/// Why an image was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageError {
    /// The file is not a whole image of a supported format.
    #[error("the file is not a JPEG, PNG, WebP or GIF image, or it is damaged")]
    Unsupported,
    /// The file has more than 10 MiB, or the image more than 40 megapixels or a side of more than 32,767 pixels, or it
    /// cannot be decoded in the memory that is available for it.
    #[error("the file is larger than 10 MB, or the image larger than 40 megapixels")]
    TooLarge,
    /// Too many images wait to be processed.
    #[error("too many images are waiting to be processed")]
    Overloaded,
}

/// Checks the size in the header of an image, before its pixels are decoded.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), ImageError> {
    if width == 0 || height == 0 {
        return Err(ImageError::Unsupported);
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || width.max(height) > MAX_SIDE {
        return Err(ImageError::TooLarge);
    }
    Ok(())
}

/// Checks the memory that a decoder needs.
pub(super) fn check_memory(bytes: u64) -> Result<(), ImageError> {
    if bytes > MAX_DECODER_BYTES { Err(ImageError::TooLarge) } else { Ok(()) }
}
