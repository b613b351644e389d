use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A TCP proxy whose connections can go silent, as when a firewall forgets them, or be cut, as when a network fails.
pub struct TcpProxy {
    pub address: SocketAddr,
    /// Connections with a smaller number forward nothing.
    frozen_before: Arc<AtomicU64>,
    next: Arc<AtomicU64>,
    is_cut: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl TcpProxy {
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (frozen_before, next) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let (frozen, numbers) = (Arc::clone(&frozen_before), Arc::clone(&next));
        let is_cut = watch::Sender::new(false);
        let cut = is_cut.subscribe();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                if *cut.borrow() {
                    continue;
                }
                let number = numbers.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let is_frozen = move |frozen: &AtomicU64| number < frozen.load(Ordering::SeqCst);
                for (from, to) in [(from_client, to_server), (from_server, to_client)] {
                    let (frozen, mut cut) = (Arc::clone(&frozen), cut.clone());
                    connections.spawn(async move {
                        tokio::select! {
                            () = forward(from, to, || is_frozen(&frozen)) => {}
                            _ = cut.wait_for(|cut| *cut) => {}
                        }
                    });
                }
            }
        });
        Self { address, frozen_before, next, is_cut, _tasks: tasks }
    }

    /// Closes all connections, and every new one at once, until `restore`.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub fn restore(&self) {
        self.is_cut.send_replace(false);
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
