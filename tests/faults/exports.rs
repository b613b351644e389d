//! Exports that break off.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::{PostgresCluster, ServerProcess, TcpProxy};

const BOOKS: usize = 800;

/// A client must not take a part of the file for the whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_breaks_off_when_the_database_is_lost() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let proxy = TcpProxy::start(cluster.address()).await;
    let server = ServerProcess::start_on(&cluster.url_at(proxy.address), &[]);
    let alice = server.alice().await;
    let notes = "x".repeat(20_000);
    let rows: String = (0..BOOKS).map(|number| format!("Book {number},A,{notes}\n")).collect();
    let job = alice.import_to_end(format!("Title,Author,Notes\n{rows}"), json!({})).await;
    assert_eq!(job["created"], BOOKS, "{job}");

    let download = async |is_cut: bool| {
        let export = alice
            .ask("mutation { exportBooks(format: CSV) { url userErrors { code } } }")
            .await
            .payload();
        let url = export["url"].as_str().expect("an address");
        let (_, path) = url.split_once("/exports/").expect("a path");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(64 << 10).expect("a small buffer");
        let mut stream =
            socket.connect(server.address.parse().unwrap()).await.expect("a connection");
        let request =
            format!("GET /exports/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut bytes = vec![0; 64 << 10];
        stream.read_exact(&mut bytes).await.expect("the beginning of the file");
        if is_cut {
            proxy.cut();
        }
        // A reset also ends the connection.
        let _: std::io::Result<usize> = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).expect("UTF-8")
    };
    let whole = download(false).await;
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &whole[..200]);
    assert!(whole.ends_with("\r\n0\r\n\r\n"));
    let part = download(true).await;
    assert!(part.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &part[..200]);
    assert!(part.len() < whole.len() && !part.ends_with("\r\n0\r\n\r\n"), "{}", part.len());
    assert!(server.log().contains("the database is unavailable"), "{}", server.log());
}
