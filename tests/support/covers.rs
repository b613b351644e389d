use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Builder;
use axum::http::{Request, Response};
use jpeg_encoder::{ColorType, Encoder};
use serde_json::{Value, json};

use super::{Actor, TestResponse};

/// A JPEG image of this size, in one colour.
#[must_use]
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    encoded(width, height, |_| 90)
}

/// A JPEG image of this size that cannot be compressed well.
#[must_use]
pub fn noisy_jpeg(width: u16, height: u16) -> Vec<u8> {
    encoded(width, height, |index| {
        index.wrapping_mul(index).wrapping_mul(31).wrapping_add(index / 7).to_le_bytes()[0]
    })
}

fn encoded(width: u16, height: u16, byte: impl Fn(u32) -> u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..3 * u32::from(width) * u32::from(height)).map(byte).collect();
    let mut file = Vec::new();
    Encoder::new(&mut file, 80).encode(&pixels, width, height, ColorType::Rgb).expect("an image");
    file
}

/// The path of an absolute URL.
#[must_use]
pub fn path_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").expect("an absolute URL");
    &rest[rest.find('/').expect("a path")..]
}

impl Actor {
    /// Sends an operation with a file as the variable `file` (GraphQL multipart request specification).
    pub async fn upload(&self, query: &str, mut variables: Value, file: &[u8]) -> TestResponse {
        variables["file"] = Value::Null;
        let operations = json!({ "query": query, "variables": variables }).to_string();
        let map = json!({ "0": ["variables.file"] }).to_string();
        let mut body = Vec::new();
        for (headers, content) in [
            ("name=\"operations\"", operations.as_bytes()),
            ("name=\"map\"", map.as_bytes()),
            ("name=\"0\"; filename=\"cover.txt\"\r\nContent-Type: text/plain", file),
        ] {
            let start = format!("--boundary\r\nContent-Disposition: form-data; {headers}\r\n\r\n");
            body.extend_from_slice(start.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--boundary--\r\n");
        let preflighted = self.clone().with_header("apollo-require-preflight", "true");
        preflighted.post("multipart/form-data; boundary=boundary", body).await
    }

    /// Sets the cover of a book.
    pub async fn set_cover(&self, book: &str, file: &[u8]) -> TestResponse {
        let mutation = "mutation($id: ID!, $file: Upload!) {
            setBookCover(id: $id, file: $file) {
                book { id version updatedAt cover { url width height } }
                userErrors { code message field }
            }
        }";
        self.upload(mutation, json!({ "id": book }), file).await
    }

    /// Sets a valid cover and returns its path.
    pub async fn add_cover(&self, book: &str) -> String {
        let payload = self.set_cover(book, &jpeg(60, 90)).await.payload();
        path_of(payload["book"]["cover"]["url"].as_str().expect("a cover")).to_owned()
    }

    pub async fn remove_cover(&self, book: &str) -> TestResponse {
        let mutation = "mutation($id: ID!) {
            removeBookCover(id: $id) {
                book { id version updatedAt cover { url } } userErrors { code message field }
            }
        }";
        self.run(mutation, json!({ "id": book })).await
    }

    /// Requests a file without any credentials. The response is not received yet.
    pub async fn open(&self, request: Builder) -> Response<Body> {
        let mut anonymous = self.clone();
        anonymous.access_token.clear();
        anonymous.call(request, Body::empty()).await.expect("a response")
    }

    /// Requests a file without any credentials.
    pub async fn download(&self, request: Builder) -> Response<Bytes> {
        let (parts, body) = self.open(request).await.into_parts();
        Response::from_parts(parts, to_bytes(body, usize::MAX).await.expect("a complete body"))
    }

    /// The status of `GET` for a path, without any credentials.
    pub async fn status_of(&self, path: &str) -> u16 {
        self.download(Request::get(path)).await.status().as_u16()
    }
}
