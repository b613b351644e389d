//! Clients that are slow, many, or gone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::{ServerProcess, User, code, until};

const GET: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connect(server: &ServerProcess) -> TcpStream {
    TcpStream::connect(&server.address).await.expect("a connection")
}

/// Connects from another address of this machine.
async fn connect_from(server: &ServerProcess, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{address}:0").parse().expect("an address")).expect("an address");
    let server: SocketAddr = server.address.parse().expect("an address");
    socket.connect(server).await.expect("a connection")
}

/// All that comes until the server closes, and how long that took.
async fn rest(stream: &mut TcpStream) -> (String, Duration) {
    let (started, mut bytes) = (Instant::now(), Vec::new());
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await;
    // A reset is an end as well.
    let _ = read.expect("the server closes");
    (String::from_utf8_lossy(&bytes).into_owned(), started.elapsed())
}

/// One answer without a body that goes on.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 64 << 10];
    let read = timeout(Duration::from_secs(10), stream.read(&mut bytes)).await.expect("an answer");
    String::from_utf8_lossy(&bytes[..read.expect("an answer")]).into_owned()
}

/// The status, the headers and the body of an answer.
fn parts(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_head_has_its_time_however_its_bytes_come() {
    let server = ServerProcess::start(&[
        ("LIMIT_HEADER_READ_TIMEOUT", "1s"),
        ("LIMIT_KEEP_ALIVE_TIMEOUT", "20s"),
    ]);
    let expected = Duration::from_millis(900)..Duration::from_secs(8);

    let mut silent = connect(&server).await;
    let (_, took) = rest(&mut silent).await;
    assert!(expected.contains(&took), "{took:?}");

    let mut dripping = connect(&server).await;
    let started = Instant::now();
    dripping.write_all(b"GET /health/live HTTP/1.1\r\nX-Slow: ").await.expect("a start");
    while dripping.write_all(b"x").await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "it may drip for ever");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(expected.contains(&started.elapsed()), "{:?}", started.elapsed());

    // The second request of a connection as well.
    let mut second = connect(&server).await;
    second.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&answer(&mut second).await).0, 200);
    second.write_all(b"GET /health").await.expect("half a request");
    let (_, took) = rest(&mut second).await;
    assert!(expected.contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_idle_connection_may_be_used_again_for_a_while() {
    let server = ServerProcess::start(&[
        ("LIMIT_HEADER_READ_TIMEOUT", "1s"),
        ("LIMIT_KEEP_ALIVE_TIMEOUT", "3s"),
    ]);
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(GET.as_bytes()).await.expect("a request");
        assert_eq!(parts(&answer(&mut stream).await).0, 200);
        // Longer than a head may take.
        sleep(Duration::from_secs(2)).await;
    }
    stream.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&answer(&mut stream).await).0, 200);
    let (_, took) = rest(&mut stream).await;
    assert!((Duration::from_millis(2_900)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_body_has_its_time() {
    let server = ServerProcess::start(&[("LIMIT_BODY_TIMEOUT", "1s")]);
    let mut stream = connect(&server).await;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{\"query\":";
    stream.write_all(head.as_bytes()).await.expect("a start");
    let (answer, took) = rest(&mut stream).await;
    let (status, _, body) = parts(&answer);
    assert_eq!((status, code(&body).as_deref()), (400, Some("BAD_REQUEST")));
    assert!((Duration::from_millis(900)..Duration::from_secs(20)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_head_has_its_size() {
    let server = ServerProcess::start(&[("LIMIT_HEADER_BYTES", "10000")]);
    for (padding, status) in [(8_000, 200), (20_000, 431)] {
        let mut stream = connect(&server).await;
        let head = GET.trim_end();
        let request = format!("{head}\r\nX-Padding: {}\r\n\r\n", "x".repeat(padding));
        stream.write_all(request.as_bytes()).await.expect("a request");
        assert_eq!(parts(&answer(&mut stream).await).0, status);
    }
}

/// Somebody with 2 MB of books, and the request for all of them.
async fn much_to_read(server: &ServerProcess) -> (User, String) {
    let alice = User::register(server, "alice").await;
    let notes = "x".repeat(20_000);
    for number in 0..100 {
        let answer = alice.add(&number.to_string(), &notes).await.expect("an answer");
        assert_eq!(code(&answer), None);
    }
    let body = json!({ "query": "{ books(first: 100) { nodes { notes } } }" }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        alice.token(),
        body.len()
    );
    (alice, request)
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off() {
    let server = ServerProcess::start(&[("LIMIT_WRITE_TIMEOUT", "1s")]);
    let (alice, request) = much_to_read(&server).await;
    let before = server.sockets();
    let mut stream = connect(&server).await;
    until("accepted", async || server.sockets() > before).await;
    // One answer after the other: more than the system keeps for anybody.
    stream.write_all(request.repeat(10).as_bytes()).await.expect("ten requests");
    let took = until("cut off", async || server.sockets() <= before).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
    let (answers, _) = rest(&mut stream).await;
    assert!(answers.starts_with("HTTP/1.1 200"), "{}", &answers[..answers.len().min(100)]);
    assert!(answers.len() < 19_000_000, "{}", answers.len());
    assert_eq!(alice.code_of_list().await, None);
}

#[tokio::test]
async fn whoever_reads_slowly_but_steadily_gets_all_of_it() {
    let server =
        ServerProcess::start(&[("LIMIT_WRITE_TIMEOUT", "2s"), ("LIMIT_KEEP_ALIVE_TIMEOUT", "1s")]);
    let (_, request) = much_to_read(&server).await;
    let stream = TcpSocket::new_v4().expect("a socket");
    stream.set_recv_buffer_size(256 << 10).expect("a small buffer");
    let mut stream = stream.connect(server.address.parse().unwrap()).await.expect("a connection");
    stream.write_all(request.repeat(6).as_bytes()).await.expect("six requests");
    // Half a megabyte a second, so that each answer takes longer than any of the time limits.
    let (mut read, mut buffer) = (0, vec![0; 64 << 10]);
    while read < 6 * 2_000_000 {
        let mut piece = 0;
        while piece < buffer.len() && read + piece < 6 * 2_000_000 {
            let bytes = stream.read(&mut buffer[piece..]).await.expect("an answer that goes on");
            assert!(bytes > 0, "it ended after {} bytes", read + piece);
            piece += bytes;
        }
        read += piece;
        sleep(Duration::from_millis(120)).await;
    }
}

#[tokio::test]
async fn five_hundred_slow_clients_are_in_nobodys_way_and_go() {
    let settings = [("LIMIT_HEADER_READ_TIMEOUT", "3s"), ("LIMIT_CONNECTIONS_PER_CLIENT", "1000")];
    let server = ServerProcess::start(&settings);
    let alice = User::register(&server, "alice").await;
    let before = server.sockets();
    let slow = join_all((0..500).map(|_| async {
        let mut stream = connect(&server).await;
        stream.write_all(b"POST /graphql HTTP/1.1\r\nX: ").await.expect("half a head");
        stream
    }))
    .await;
    until("all of them", async || server.sockets() >= before + 500).await;
    for _ in 0..20 {
        assert_eq!(alice.code_of_list().await, None);
    }
    until("none of them", async || server.sockets() <= before + 1).await;
    drop(slow);
}

#[tokio::test]
async fn connections_have_an_end_in_all_and_for_each() {
    let settings = [("LIMIT_MAX_CONNECTIONS", "10"), ("LIMIT_CONNECTIONS_PER_CLIENT", "6")];
    let server = ServerProcess::start(&settings);
    let base = server.sockets();
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(connect_from(&server, "127.0.0.2").await);
    }
    until("six", async || server.sockets() >= base + 6).await;
    let (status, head, body) = parts(&rest(&mut connect_from(&server, "127.0.0.2").await).await.0);
    assert_eq!((status, code(&body).as_deref()), (429, Some("RATE_LIMITED")));
    assert!(head.contains("retry-after: 1"), "{head}");
    for _ in 0..4 {
        open.push(connect_from(&server, "127.0.0.3").await);
    }
    until("ten", async || server.sockets() >= base + 10).await;
    let (refused, took) = rest(&mut connect_from(&server, "127.0.0.4").await).await;
    let (status, head, body) = parts(&refused);
    assert_eq!((status, code(&body).as_deref()), (503, Some("SERVICE_UNAVAILABLE")));
    assert!(head.contains("retry-after: 1"), "{head}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(open);
    until("none", async || server.sockets() <= base).await;
    let mut again = connect_from(&server, "127.0.0.2").await;
    again.write_all(GET.as_bytes()).await.expect("a request");
    assert_eq!(parts(&answer(&mut again).await).0, 200);
}

#[tokio::test]
async fn a_trusted_proxy_may_have_more() {
    let settings = [("LIMIT_CONNECTIONS_PER_CLIENT", "2"), ("TRUSTED_PROXIES", "127.0.0.2")];
    let server = ServerProcess::start(&settings);
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut stream = connect_from(&server, "127.0.0.2").await;
        stream.write_all(GET.as_bytes()).await.expect("a request");
        assert_eq!(parts(&answer(&mut stream).await).0, 200);
        open.push(stream);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_logins_is_told_so_and_lists_go_on() {
    let settings = [("LIMIT_PASSWORD_QUEUE", "8"), ("BCRYPT_COST", "12")];
    let server = ServerProcess::start(&settings);
    let alice = User::register(&server, "alice").await;
    let login = "mutation { login(input: { email: \"alice@example.org\", password: \"wrong-one\" })
        { userErrors { code } } }";
    let storm = tokio::spawn({
        let alice = alice.clone();
        async move { join_all((0..40).map(|_| alice.send(login, json!({})))).await }
    });
    let mut lists = 0;
    while !storm.is_finished() {
        assert_eq!(alice.code_of_list().await, None);
        lists += 1;
    }
    let mut refused = 0;
    for response in storm.await.expect("an end") {
        let response = response.expect("an answer");
        let (status, wait) =
            (response.status().as_u16(), response.headers().get("retry-after").cloned());
        let body = response.json().await.expect("JSON");
        match code(&body).as_deref() {
            None => {
                assert_eq!(body["data"]["login"]["userErrors"][0]["code"], "INVALID_CREDENTIALS");
            }
            Some("SERVICE_UNAVAILABLE") => {
                assert_eq!((status, wait.expect("a wait").to_str().unwrap()), (503, "1"));
                refused += 1;
            }
            Some(other) => panic!("{other}"),
        }
    }
    assert!(refused >= 20, "{refused} of 40 were refused");
    assert!(lists >= 10, "{lists} lists meanwhile");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_idle_connections() {
    let mut server = ServerProcess::start(&[("LIMIT_SHUTDOWN_TIMEOUT", "2s")]);
    let mut idle = connect(&server).await;
    idle.write_all(GET.as_bytes()).await.expect("a request");
    answer(&mut idle).await;
    let (status, took) = server.stop();
    assert!(status.success());
    assert!(took < Duration::from_secs(2), "{took:?}");

    let mut server = ServerProcess::start(&[("LIMIT_SHUTDOWN_TIMEOUT", "1s")]);
    let mut half = connect(&server).await;
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    half.write_all(head.as_bytes()).await.expect("half a request");
    sleep(Duration::from_millis(200)).await;
    let (status, took) = server.stop();
    assert!(status.success());
    assert!((Duration::from_millis(900)..Duration::from_secs(10)).contains(&took), "{took:?}");
}
