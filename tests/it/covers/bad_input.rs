//! Files that are made to use memory or time: an error with a code, or only the image itself is decoded.

use image_webp::{ColorType, WebPEncoder};
use serde_json::json;

use crate::support::{TestApp, jpeg};

/// A chunk of a PNG image with its length and its checksum.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a short chunk").to_be_bytes();
    let checked = [name, data].concat();
    let checksum = crc32fast::hash(&checked).to_be_bytes();
    [&length[..], &checked, &checksum].concat()
}

/// A PNG image of 8 bits of gray with this compressed data.
fn png(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n", &*chunk(b"IHDR", &header), &*chunk(b"IDAT", data), &*chunk(b"IEND", b"")]
        .concat()
}

/// Compressed data of 300 MB of zeros (RFC 1951, section 3.2.6), without its end.
fn zeros() -> Vec<u8> {
    // The last block with fixed codes, a zero, and then "repeat it 258 times", which has 13 bits.
    let bits = "1100".to_owned() + "0110000" + &"1100010100000".repeat(16);
    let bits: Vec<u8> = bits.bytes().map(|bit| bit - b'0').collect();
    let (bytes, _) = bits.as_chunks::<8>();
    let byte = |bits: &[u8; 8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = bytes.iter().map(byte).collect();
    // Eight repetitions have 13 bytes.
    [&[0x78, 0x01][..], &bytes[..2], &bytes[2..15].repeat(150_000)].concat()
}

fn gif(frames: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 1, 1, &[90, 90, 90]).expect("a header");
    for _ in 0..frames {
        let frame = gif::Frame::from_indexed_pixels(1, 1, vec![0], None);
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}

/// The file with the bytes at an offset replaced.
fn patched(mut file: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
    file
}

#[tokio::test]
async fn images_made_to_use_memory_or_time_are_refused_with_a_code() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let book = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let photo = jpeg(16, 16);
    let frame = memchr::memmem::find(&photo, &[0xff, 0xc0]).expect("a frame");
    let scan = memchr::memmem::find(&photo, &[0xff, 0xda]).expect("a scan");
    let (scans, end) = photo.split_at(photo.len() - 2);
    let mut webp = Vec::new();
    WebPEncoder::new(&mut webp).encode(&[90; 4], 1, 1, ColorType::Rgba8).expect("an image");
    let largest_webp: u32 = 0x3ffe | (0x3ffe << 14) | (1 << 28);
    let whole_png = png(10, 10, &zeros());
    for (what, file, code) in [
        ("NUL bytes", vec![0; 1 << 20], "UNSUPPORTED_FILE"),
        ("a header of PNG", png(65_535, 65_535, b""), "FILE_TOO_LARGE"),
        ("a header of GIF", patched(gif(1), 6, &[0xff; 4]), "FILE_TOO_LARGE"),
        ("a header of JPEG", patched(photo.clone(), frame + 5, &[0xff; 4]), "FILE_TOO_LARGE"),
        ("a header of WebP", patched(webp, 21, &largest_webp.to_le_bytes()), "FILE_TOO_LARGE"),
        ("many scans", [scans, &scans[scan..].repeat(1_000), end].concat(), "UNSUPPORTED_FILE"),
        ("a part of PNG", whole_png[..whole_png.len() / 2].to_vec(), "UNSUPPORTED_FILE"),
        ("a part of GIF", gif(1_000)[..10_000].to_vec(), "UNSUPPORTED_FILE"),
    ] {
        let refused = alice.set_cover(&book, &file).await;
        assert!(refused.text.contains(code), "{what}: {}", refused.text);
        refused.assert_user_errors(&[(code, "file")]);
    }
    assert_eq!(alice.book(&book).await["version"], 1);
    for (what, file, width) in [
        ("a decompression bomb", whole_png, 10),
        ("many frames", gif(10_000), 1),
        ("an image", photo, 16),
    ] {
        let payload = alice.set_cover(&book, &file).await.payload();
        assert_eq!(payload["book"]["cover"]["width"], width, "{what}: {payload}");
    }
}
