//! The files of covers are removed after their rows.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::mutations::files_in;
use crate::support::{Actor, PASSWORD, TestApp, wait_until};

async fn with_cover(app: &TestApp, actor: &Actor) -> (String, String) {
    let id = actor.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let path = actor.add_cover(&id).await;
    assert_eq!(app.anon().status_of(&path).await, 200);
    (id, path)
}

#[tokio::test]
async fn every_way_to_remove_a_cover_queues_its_files() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let keys = |paths: &[&String]| {
        let mut keys: Vec<_> = paths.iter().map(|path| path[8..40].to_owned()).collect();
        keys.sort();
        keys
    };
    let queued = async || -> Vec<String> {
        let rows = app.database.rows("SELECT key FROM removed_covers ORDER BY key").await;
        rows.iter().map(|row| row.try_get_by_index(0).expect("a key")).collect()
    };
    let (replaced_id, replaced) = with_cover(&app, &alice).await;
    let current = alice.add_cover(&replaced_id).await;
    assert_eq!(queued().await, keys(&[&replaced]));

    let (removed_id, removed) = with_cover(&app, &alice).await;
    alice.remove_cover(&removed_id).await.assert_ok();
    let (deleted_id, deleted) = with_cover(&app, &alice).await;
    alice.delete(&deleted_id).await.assert_ok();
    assert_eq!(queued().await, keys(&[&replaced, &removed, &deleted]));
    let mut all = vec![&replaced, &removed, &deleted];

    // With the account, and by a statement of another program.
    let (_, with_account) = with_cover(&app, &alice).await;
    alice.delete_account(PASSWORD).await.assert_ok();
    all.extend([&current, &with_account]);
    assert_eq!(queued().await, keys(&all));
    let (_, with_user) = with_cover(&app, &bob).await;
    app.database.execute("DELETE FROM users").await;
    all.push(&with_user);
    assert_eq!(queued().await, keys(&all));
    assert_eq!(app.db_count("book_covers").await, 0);
}

#[tokio::test]
async fn a_removed_cover_is_not_found_soon_after() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let second = app.second_instance().await;
    let (id, removed) = with_cover(&app, &alice).await;
    let (kept_id, kept) = with_cover(&app, &alice).await;
    // Both instances remove the files that one of them has queued.
    let _listening = [app.listen(), second.listen()];
    alice.remove_cover(&id).await.assert_ok();
    let gone = async |path: &str| {
        app.anon().status_of(path).await == 404 && second.anon().status_of(path).await == 404
    };
    wait_until("the removed cover is gone", async || gone(&removed).await).await;
    let replacement = alice.add_cover(&kept_id).await;
    wait_until("the replaced cover is gone", async || gone(&kept).await).await;
    assert_eq!(app.anon().status_of(&replacement).await, 200);
    alice.delete(&kept_id).await.assert_ok();
    wait_until("the cover of the deleted book is gone", async || gone(&replacement).await).await;
    wait_until("the queue is empty", async || app.db_count("removed_covers").await == 0).await;
    assert!(files_in(app.database.covers_folder()).is_empty());
}

#[tokio::test]
async fn files_without_a_row_are_removed_when_they_are_older_than_an_hour() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let (_, kept) = with_cover(&app, &alice).await;
    let (_, young) = with_cover(&app, &alice).await;
    let (_, old) = with_cover(&app, &alice).await;
    // As a crash leaves them: their rows were not written.
    for path in [&young, &old] {
        app.database
            .execute(&format!("DELETE FROM book_covers WHERE key = '{}'", &path[8..40]))
            .await;
    }
    app.database.execute("DELETE FROM removed_covers").await;
    let now =
        SystemTime::UNIX_EPOCH + Duration::from_millis(app.clock.now().as_millis().unsigned_abs());
    for file in files_in(app.database.covers_folder()) {
        let is_young = file.to_string_lossy().contains(&young[8..40]);
        let age = Duration::from_secs(if is_young { 3_500 } else { 3_700 });
        File::options().write(true).open(&file).unwrap().set_modified(now - age).unwrap();
    }
    let _listening = app.listen();
    wait_until("the old files are removed", async || app.anon().status_of(&old).await == 404).await;
    assert_eq!(app.anon().status_of(&young).await, 200);
    assert_eq!(app.anon().status_of(&kept).await, 200);
    assert_eq!(files_in(app.database.covers_folder()).len(), 6);
}
