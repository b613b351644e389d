//! Readiness, and its failure before a stop.

use std::time::{Duration, Instant};

use crate::support::{ServerProcess, TestApp, wait_until};

#[tokio::test]
async fn readiness_checks_the_database_once_per_second() {
    let app = TestApp::start().await;
    app.take_statements();
    for _ in 0..1_000 {
        assert_eq!(app.anon().get("/health/ready").await.status, 200);
    }
    assert_eq!(app.take_statements(), ["SELECT 1"]);
    app.advance_secs(1);
    let checks = (0..100).map(|_| async { app.anon().get("/health/ready").await.status });
    let statuses = futures_util::future::join_all(checks).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(app.take_statements(), ["SELECT 1"]);
}

#[tokio::test]
async fn requests_are_served_while_readiness_fails_before_a_stop() {
    let mut server = ServerProcess::start(&[("LIMIT_LAME_DUCK", "2s")]);
    let alice = server.alice().await;
    assert!(server.is_ready().await);
    let anon = server.anon();
    let started = Instant::now();
    let requests = async {
        wait_until("not ready", async || {
            anon.try_get("/health/ready").await.is_ok_and(|response| response.status == 503)
        })
        .await;
        assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
        while started.elapsed() < Duration::from_millis(1_500) {
            // On new connections too.
            alice.clone().reconnected().ask("{ viewer { id } }").await.assert_ok();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ((status, took), ()) = tokio::join!(server.stop("TERM"), requests);
    assert!(status.success(), "{}", server.log());
    assert!(took >= Duration::from_millis(1_900) && took < Duration::from_secs(10), "{took:?}");
    assert!(alice.reconnected().try_get("/health/live").await.is_err());
}
