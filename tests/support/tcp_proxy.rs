use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A TCP proxy whose connections can go silent, as when a firewall forgets them.
pub struct TcpProxy {
    pub address: SocketAddr,
    /// Connections with a smaller number forward nothing.
    frozen_before: Arc<AtomicU64>,
    next: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl TcpProxy {
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (frozen_before, next) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let (frozen, numbers) = (Arc::clone(&frozen_before), Arc::clone(&next));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                let number = numbers.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let is_frozen = move |frozen: &AtomicU64| number < frozen.load(Ordering::SeqCst);
                for (from, to) in [(from_client, to_server), (from_server, to_client)] {
                    let frozen = Arc::clone(&frozen);
                    connections
                        .spawn(async move { forward(from, to, || is_frozen(&frozen)).await });
                }
            }
        });
        Self { address, frozen_before, next, _tasks: tasks }
    }

    /// Makes all existing connections silent: their data is acknowledged and dropped. New ones work.
    pub fn freeze_connections(&self) {
        self.frozen_before.store(self.next.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_frozen: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if !is_frozen() && to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    if is_frozen() {
        // Not even the end of the connection is forwarded.
        std::future::pending::<()>().await;
    }
}
