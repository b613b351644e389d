//! Clients that are slow, too many, or disconnected.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::LIST;
use crate::support::{Actor, GRAPHQL_RESPONSE, ServerProcess, wait_until};

const GET: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connect(server: &ServerProcess) -> TcpStream {
    TcpStream::connect(&server.address).await.expect("a connection")
}

/// Connects from another local address.
async fn connect_from(server: &ServerProcess, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{address}:0").parse().expect("an address")).expect("an address");
    let server: SocketAddr = server.address.parse().expect("an address");
    socket.connect(server).await.expect("a connection")
}

/// Reads until the server closes the connection. Returns the text and the time it took.
async fn read_to_end(stream: &mut TcpStream) -> (String, Duration) {
    let (started, mut bytes) = (Instant::now(), Vec::new());
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await;
    // A reset also closes the connection.
    let _ = read.expect("the server closes");
    (String::from_utf8_lossy(&bytes).into_owned(), started.elapsed())
}

/// Reads one response; its body must arrive with its head.
async fn read_response(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 64 << 10];
    let read = timeout(Duration::from_secs(10), stream.read(&mut bytes)).await.expect("a response");
    String::from_utf8_lossy(&bytes[..read.expect("a response")]).into_owned()
}

/// Splits a response into status, headers in lower case, and JSON body.
fn parts(response: &str) -> (u16, String, Value) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{response:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

/// The code of the only error of a JSON body.
fn code(body: &Value) -> Option<&str> {
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
    body["errors"][0]["extensions"]["code"].as_str()
}

#[tokio::test]
async fn the_header_read_timeout_covers_the_whole_request_head() {
    let server = ServerProcess::start(&[
        ("LIMIT_HEADER_READ_TIMEOUT", "1s"),
        ("LIMIT_KEEP_ALIVE_TIMEOUT", "20s"),
    ]);
    let expected = Duration::from_millis(900)..Duration::from_secs(8);

    let mut silent = connect(&server).await;
    let (_, took) = read_to_end(&mut silent).await;
    assert!(expected.contains(&took), "{took:?}");

    let mut dripping = connect(&server).await;
    let started = Instant::now();
    dripping.write_all(b"GET /health/live HTTP/1.1\r\nX-Slow: ").await.expect("a start");
    while dripping.write_all(b"x").await.is_ok() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the server never closes the connection"
        );
        sleep(Duration::from_millis(50)).await;
    }
    assert!(expected.contains(&started.elapsed()), "{:?}", started.elapsed());

    // The timeout also applies to later requests of a connection.
    let mut second = connect(&server).await;
    second.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&read_response(&mut second).await).0, 200);
    second.write_all(b"GET /health").await.expect("half a request");
    let (_, took) = read_to_end(&mut second).await;
    assert!(expected.contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_idle_connection_is_reusable_until_the_keep_alive_timeout() {
    let server = ServerProcess::start(&[
        ("LIMIT_HEADER_READ_TIMEOUT", "1s"),
        ("LIMIT_KEEP_ALIVE_TIMEOUT", "3s"),
    ]);
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(GET.as_bytes()).await.expect("a request");
        assert_eq!(parts(&read_response(&mut stream).await).0, 200);
        // Longer than the header read timeout.
        sleep(Duration::from_secs(2)).await;
    }
    stream.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&read_response(&mut stream).await).0, 200);
    let (_, took) = read_to_end(&mut stream).await;
    assert!((Duration::from_millis(2_900)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_body_over_the_body_timeout_is_rejected() {
    let server = ServerProcess::start(&[("LIMIT_BODY_TIMEOUT", "1s")]);
    let mut stream = connect(&server).await;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{\"query\":";
    stream.write_all(head.as_bytes()).await.expect("a start");
    let (response, took) = read_to_end(&mut stream).await;
    let (status, _, body) = parts(&response);
    assert_eq!((status, code(&body)), (400, Some("BAD_REQUEST")));
    assert!((Duration::from_millis(900)..Duration::from_secs(20)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_request_head_over_the_size_limit_is_rejected() {
    let server = ServerProcess::start(&[("LIMIT_HEADER_BYTES", "10000")]);
    for (padding, status) in [(8_000, 200), (20_000, 431)] {
        let mut stream = connect(&server).await;
        let head = GET.trim_end();
        let request = format!("{head}\r\nX-Padding: {}\r\n\r\n", "x".repeat(padding));
        stream.write_all(request.as_bytes()).await.expect("a request");
        assert_eq!(parts(&read_response(&mut stream).await).0, status);
    }
}

/// Registers a user with 2 MB of books. Also returns a request for all of them.
async fn register_with_large_books(server: &ServerProcess) -> (Actor, String) {
    let alice = server.alice().await;
    let notes = "x".repeat(20_000);
    for number in 0..100 {
        let book = json!({ "title": number.to_string(), "author": "A", "notes": notes });
        alice.add_book(book).await;
    }
    let body = json!({ "query": "{ books(first: 100) { nodes { notes } } }" }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        alice.access_token,
        body.len()
    );
    (alice, request)
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let server = ServerProcess::start(&[("LIMIT_WRITE_TIMEOUT", "1s")]);
    let (alice, request) = register_with_large_books(&server).await;
    let before = server.sockets();
    let mut stream = connect(&server).await;
    wait_until("accepted", async || server.sockets() > before).await;
    // The responses exceed what the socket buffers can hold.
    stream.write_all(request.repeat(10).as_bytes()).await.expect("ten requests");
    let took = wait_until("disconnected", async || server.sockets() <= before).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
    let (responses, _) = read_to_end(&mut stream).await;
    assert!(responses.starts_with("HTTP/1.1 200"), "{}", &responses[..responses.len().min(100)]);
    assert!(responses.len() < 19_000_000, "{}", responses.len());
    alice.ask(LIST).await.assert_ok();
}

#[tokio::test]
async fn a_slow_but_steady_client_receives_every_response() {
    let server =
        ServerProcess::start(&[("LIMIT_WRITE_TIMEOUT", "2s"), ("LIMIT_KEEP_ALIVE_TIMEOUT", "1s")]);
    let (_, request) = register_with_large_books(&server).await;
    let stream = TcpSocket::new_v4().expect("a socket");
    stream.set_recv_buffer_size(256 << 10).expect("a small buffer");
    let mut stream = stream.connect(server.address.parse().unwrap()).await.expect("a connection");
    stream.write_all(request.repeat(6).as_bytes()).await.expect("six requests");
    // Half a megabyte per second: each response takes longer than any of the timeouts.
    let (mut read, mut buffer) = (0, vec![0; 64 << 10]);
    while read < 6 * 2_000_000 {
        let mut piece = 0;
        while piece < buffer.len() && read + piece < 6 * 2_000_000 {
            let bytes = stream.read(&mut buffer[piece..]).await.expect("more of the response");
            assert!(bytes > 0, "the response ended after {} bytes", read + piece);
            piece += bytes;
        }
        read += piece;
        sleep(Duration::from_millis(120)).await;
    }
}

#[tokio::test]
async fn slow_clients_do_not_delay_others_and_time_out() {
    let settings = [("LIMIT_HEADER_READ_TIMEOUT", "3s"), ("LIMIT_CONNECTIONS_PER_CLIENT", "1000")];
    let server = ServerProcess::start(&settings);
    let alice = server.alice().await;
    let before = server.sockets();
    let slow = join_all((0..500).map(|_| async {
        let mut stream = connect(&server).await;
        stream.write_all(b"POST /graphql HTTP/1.1\r\nX: ").await.expect("half a head");
        stream
    }))
    .await;
    wait_until("all are connected", async || server.sockets() >= before + 500).await;
    for _ in 0..20 {
        alice.ask(LIST).await.assert_ok();
    }
    wait_until("all are disconnected", async || server.sockets() <= before + 1).await;
    drop(slow);
}

#[tokio::test]
async fn connections_are_limited_in_total_and_per_client() {
    let settings = [("LIMIT_MAX_CONNECTIONS", "10"), ("LIMIT_CONNECTIONS_PER_CLIENT", "6")];
    let server = ServerProcess::start(&settings);
    let base = server.sockets();
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(connect_from(&server, "127.0.0.2").await);
    }
    wait_until("six connections", async || server.sockets() >= base + 6).await;
    let (status, head, body) =
        parts(&read_to_end(&mut connect_from(&server, "127.0.0.2").await).await.0);
    assert_eq!((status, code(&body)), (429, Some("RATE_LIMITED")));
    assert!(head.contains("retry-after: 1"), "{head}");
    for _ in 0..4 {
        open.push(connect_from(&server, "127.0.0.3").await);
    }
    wait_until("ten connections", async || server.sockets() >= base + 10).await;
    let (rejected, took) = read_to_end(&mut connect_from(&server, "127.0.0.4").await).await;
    let (status, head, body) = parts(&rejected);
    assert_eq!((status, code(&body)), (503, Some("SERVICE_UNAVAILABLE")));
    assert!(head.contains("retry-after: 1"), "{head}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(open);
    wait_until("all are closed", async || server.sockets() <= base).await;
    let mut stream = connect_from(&server, "127.0.0.2").await;
    stream.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&read_response(&mut stream).await).0, 200);
}

#[tokio::test]
async fn a_trusted_proxy_is_exempt_from_the_per_client_limit() {
    let settings = [("LIMIT_CONNECTIONS_PER_CLIENT", "2"), ("TRUSTED_PROXIES", "127.0.0.2")];
    let server = ServerProcess::start(&settings);
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut stream = connect_from(&server, "127.0.0.2").await;
        stream.write_all(GET.as_bytes()).await.expect("a request");
        assert_eq!(parts(&read_response(&mut stream).await).0, 200);
        open.push(stream);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_flood_is_rejected_and_does_not_block_lists() {
    // Hashing has the lowest priority, so it takes long if other programs use the machine.
    let settings =
        [("LIMIT_PASSWORD_QUEUE", "8"), ("BCRYPT_COST", "12"), ("LIMIT_OPERATION_TIMEOUT", "60s")];
    let server = ServerProcess::start(&settings);
    let alice = server.alice().await;
    let login = alice.clone().with_header("accept", GRAPHQL_RESPONSE);
    let flood = tokio::spawn(async move {
        join_all((0..40).map(|_| login.login("alice@example.org", "wrong-one"))).await
    });
    let mut lists = 0;
    while !flood.is_finished() {
        alice.ask(LIST).await.assert_ok();
        lists += 1;
    }
    let mut rejected = 0;
    for response in flood.await.expect("40 responses") {
        if response.is_ok() {
            response.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
        } else {
            response.assert_error_with_status(503, "SERVICE_UNAVAILABLE");
            assert_eq!(response.header("retry-after"), Some("1"));
            rejected += 1;
        }
    }
    assert!(rejected >= 20, "{rejected} of 40 were rejected");
    assert!(lists >= 10, "{lists} lists during the flood");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_idle_connections() {
    let mut server = ServerProcess::start(&[("LIMIT_SHUTDOWN_TIMEOUT", "2s")]);
    let mut idle = connect(&server).await;
    idle.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&read_response(&mut idle).await).0, 200);
    let (status, took) = server.stop("TERM").await;
    assert!(status.success());
    assert!(took < Duration::from_secs(2), "{took:?}");

    let mut server = ServerProcess::start(&[("LIMIT_SHUTDOWN_TIMEOUT", "1s")]);
    let mut half = connect(&server).await;
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    half.write_all(head.as_bytes()).await.expect("half a request");
    sleep(Duration::from_millis(200)).await;
    let (status, took) = server.stop("TERM").await;
    assert!(status.success());
    assert!((Duration::from_millis(900)..Duration::from_secs(10)).contains(&took), "{took:?}");
}
