//! What the regions see of a change, in which order, and when.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::http::Method;
use plane_kit::{
    policy::Effect,
    seal::SealingKey,
    seam::{
        SeamError,
        snapshot::{Limits, Standing, TenantSnapshot},
    },
    settings::FolderMode,
};
use serde_json::json;

use crate::{
    harness::{Body, REGION, Stage},
    on_both_databases,
};

on_both_databases!(
    a_snapshot_holds_all_that_a_region_needs,
    every_change_is_a_higher_version_and_number,
    a_suspended_account_switches_its_environments_off,
    both_carriers_follow_alike,
    a_change_waits_for_the_connected_region,
    another_node_is_followed_too,
    changes_at_once_get_numbers_without_gaps,
    regions_see_only_their_own,
);

const AT_ONCE: Duration = Duration::ZERO;

async fn all(stage: &Stage) -> Vec<(i64, TenantSnapshot)> {
    let page = stage.plane.link_for_region(REGION).snapshots(0, AT_ONCE).await.unwrap();
    page.items.iter().map(|item| (item.seq, stage.read(item))).collect()
}

/// The number and the newest snapshot of the stage's one environment.
async fn only(stage: &Stage) -> (i64, TenantSnapshot) {
    let mut found = all(stage).await;
    assert_eq!(found.len(), 1);
    found.remove(0)
}

async fn a_snapshot_holds_all_that_a_region_needs(stage: Stage) {
    let account = stage.account.account.id;
    let made = stage.plane.create_environment_for(account, "Demo", Some("demo"), None).await.unwrap();
    let (seq, snapshot) = only(&stage).await;
    assert_eq!((seq, snapshot.version), (1, 1));
    assert_eq!((snapshot.environment, snapshot.account), (made.id, account));
    assert_eq!((snapshot.cloud_name.as_str(), snapshot.standing), ("demo", Standing::Active));
    assert_eq!((&snapshot.limits, snapshot.folder_mode), (&Limits::default(), FolderMode::Dynamic));
    let region_key = SealingKey::parse(stage.region.region_key.expose()).unwrap();
    let [key] = snapshot.keys.as_slice() else { panic!("one key") };
    assert!(key.enabled && key.api_key == made.api_key);
    assert!(region_key.open(&key.sealed_secret).unwrap().matches(made.api_secret.expose()));
    assert!(stage.key.open(&key.sealed_secret).is_err(), "a region gets nothing under the installation's own key");
    let [line] = snapshot.policies.as_slice() else { panic!("one line") };
    assert_eq!((line.action.as_str(), line.object.as_str(), line.effect), ("*", "*", Effect::Allow));
    let [link] = snapshot.roles.as_slice() else { panic!("one link") };
    assert_eq!((&link.member, &link.role), (&format!("key:{}", made.api_key), &line.subject));
}

async fn every_change_is_a_higher_version_and_number(stage: Stage) {
    let path = format!("/sub_accounts/{}", stage.environment("demo").await);
    let keys = format!("{path}/access_keys");
    let made = stage.call(Method::POST, &keys, Body::Json(json!({"name": "second"}))).await.ok();
    let (seq, snapshot) = only(&stage).await;
    assert_eq!((seq, snapshot.version, snapshot.keys.len(), snapshot.roles.len()), (2, 2, 2, 2));

    let key = format!("{keys}/{}", made["api_key"].as_str().unwrap());
    stage.call(Method::PUT, &key, Body::Json(json!({"enabled": false}))).await.ok();
    let (seq, snapshot) = only(&stage).await;
    assert_eq!((seq, snapshot.version), (3, 3));
    let second = snapshot.keys.iter().find(|key| key.api_key == made["api_key"]).unwrap();
    assert!(!second.enabled, "a disabled key is told as such, so that it is refused by name");

    // A refused change is no change.
    stage.call(Method::PUT, &key, Body::Json(json!({"name": "Root"}))).await.refused(409, "exists");
    stage.call(Method::PUT, &path, Body::Json(json!({"cloud_name": "docs"}))).await.refused(400, "reserved");
    assert_eq!(only(&stage).await.0, 3);

    stage.call(Method::DELETE, &key, Body::None).await.ok();
    stage.call(Method::PUT, &path, Body::Json(json!({"enabled": false, "cloud_name": "renamed"}))).await.ok();
    let (seq, snapshot) = only(&stage).await;
    assert_eq!((seq, snapshot.version, snapshot.keys.len()), (5, 5, 1));
    assert_eq!((snapshot.standing, snapshot.cloud_name.as_str()), (Standing::Disabled, "renamed"));

    stage.call(Method::DELETE, &path, Body::None).await.ok();
    let (seq, snapshot) = only(&stage).await;
    assert_eq!((seq, snapshot.version, snapshot.standing), (6, 6, Standing::Deleted));
    assert!(snapshot.keys.is_empty() && snapshot.roles.is_empty());
}

async fn a_suspended_account_switches_its_environments_off(stage: Stage) {
    stage.environment("one").await;
    let two = stage.environment("two").await;
    stage.call(Method::PUT, &format!("/sub_accounts/{two}"), Body::Json(json!({"enabled": false}))).await.ok();
    let standings = |found: Vec<(i64, TenantSnapshot)>| {
        let mut found: Vec<_> = found.into_iter().map(|(_, one)| (one.cloud_name, one.standing, one.version)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    };
    let account = stage.account.account.id;
    stage.plane.set_account_enabled(account, false).await.unwrap();
    let expected = [("one".to_owned(), Standing::Disabled, 2), ("two".to_owned(), Standing::Disabled, 3)];
    assert_eq!(standings(all(&stage).await), expected);
    stage.plane.set_account_enabled(account, true).await.unwrap();
    let expected = [("one".to_owned(), Standing::Active, 3), ("two".to_owned(), Standing::Disabled, 4)];
    assert_eq!(standings(all(&stage).await), expected);
}

async fn both_carriers_follow_alike(stage: Stage) {
    let mut after = 0;
    for (index, (carrier, link)) in stage.links().await.into_iter().enumerate() {
        let empty = link.snapshots(after, AT_ONCE).await.unwrap();
        assert_eq!((empty.items.len(), empty.head), (0, after), "{carrier}");
        let waited = Instant::now();
        link.snapshots(after, Duration::from_millis(300)).await.unwrap();
        assert!(waited.elapsed() >= Duration::from_millis(300), "{carrier} does not wait");

        let follower = Arc::clone(&link);
        let poll = actix_web::rt::spawn(async move {
            let page = follower.snapshots(after, Duration::from_secs(20)).await.unwrap();
            // The next question acknowledges; without it the change below would wait its whole second.
            let head = page.head;
            actix_web::rt::spawn(async move { follower.snapshots(head, Duration::from_secs(2)).await });
            (page, Instant::now())
        });
        let changed = Instant::now();
        stage.environment(&format!("demo{index}")).await;
        let (page, woken) = poll.await.unwrap();
        assert!(woken - changed < Duration::from_secs(5), "{carrier} was not woken");
        assert_eq!((page.items.len(), page.head), (1, after + 1), "{carrier}");
        assert_eq!(stage.read(&page.items[0]).cloud_name, format!("demo{index}"), "{carrier}");
        after = page.head;
        let refused = link.snapshots(-1, AT_ONCE).await;
        assert!(matches!(refused, Err(SeamError::Refused(_))), "{carrier}");
    }
    let nowhere = stage.plane.link_for_region("moon").snapshots(0, AT_ONCE).await;
    assert!(matches!(nowhere, Err(SeamError::Refused(_))));
}

async fn a_change_waits_for_the_connected_region(stage: Stage) {
    let link = stage.plane.link_for_region(REGION);
    let started = Instant::now();
    stage.environment("nobody-follows").await;
    assert!(started.elapsed() < Duration::from_millis(900), "nobody is waited for while no region is connected");

    // Connected, but it does not acknowledge: the change is answered after a second, and holds.
    link.snapshots(1, AT_ONCE).await.unwrap();
    let started = Instant::now();
    stage.environment("slow").await;
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(950) && waited < Duration::from_secs(4), "{waited:?}");

    // Connected and acknowledging: the change is answered as soon as the region has asked for what follows it.
    let follower = Arc::clone(&link);
    let applied = actix_web::rt::spawn(async move {
        let page = follower.snapshots(2, Duration::from_secs(20)).await.unwrap();
        // How long this region takes to apply a snapshot; the change must not be answered before.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let applied = Instant::now();
        let _ = follower.snapshots(page.head, AT_ONCE).await;
        applied
    });
    stage.environment("fast").await;
    let answered = Instant::now();
    let applied = applied.await.unwrap();
    assert!(answered >= applied, "the change was answered before the region had applied it");

    // A region that has been silent for long is not waited for.
    stage.clock.advance(Duration::from_secs(60));
    let started = Instant::now();
    stage.environment("gone").await;
    assert!(started.elapsed() < Duration::from_millis(900));
}

async fn another_node_is_followed_too(stage: Stage) {
    let second = stage.second_node().await.link_for_region(REGION);
    let follower = Arc::clone(&second);
    let poll = actix_web::rt::spawn(async move {
        let page = follower.snapshots(0, Duration::from_secs(20)).await.unwrap();
        let applied = Instant::now();
        follower.snapshots(page.head, AT_ONCE).await.unwrap();
        (page, applied)
    });
    let started = Instant::now();
    stage.environment("demo").await;
    let answered = Instant::now();
    let (page, applied) = poll.await.unwrap();
    assert_eq!(stage.read(&page.items[0]).cloud_name, "demo");
    assert!(applied <= answered, "the change was made on one node and followed on another");
    assert!(answered - started < Duration::from_secs(3));
}

async fn changes_at_once_get_numbers_without_gaps(stage: Stage) {
    let account = stage.account.account.id;
    let nodes = [stage.plane.clone(), stage.second_node().await];
    let tasks: Vec<_> = (0..20)
        .map(|index| {
            let plane = nodes[index % 2].clone();
            actix_web::rt::spawn(async move {
                let name = format!("cloud{index}");
                plane.create_environment_for(account, &name, Some(&name), None).await.unwrap();
            })
        })
        .collect();
    // A follower that reads while they are written never sees a number whose predecessor is still to come.
    let link = stage.plane.link_for_region(REGION);
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while seen.len() < 20 && Instant::now() < deadline {
        let after = seen.last().copied().unwrap_or(0);
        let page = link.snapshots(after, Duration::from_secs(1)).await.unwrap();
        seen.extend(page.items.iter().map(|item| item.seq));
    }
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    for task in tasks {
        task.await.unwrap();
    }
}

async fn regions_see_only_their_own(stage: Stage) {
    stage.plane.add_region("us").await.unwrap();
    stage.environment("here").await;
    let there = json!({"name": "there", "cloud_name": "there", "region": "us"});
    stage.call(Method::POST, "/sub_accounts", Body::Json(there)).await.ok();
    let page = stage.plane.link_for_region("us").snapshots(0, AT_ONCE).await.unwrap();
    assert_eq!((page.items.len(), page.head), (1, 1));
    assert_eq!(only(&stage).await.1.cloud_name, "here");
}
