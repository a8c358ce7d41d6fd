//! Changing the key-encryption key.

use actix_web::http::Method;
use plane_kit::{
    error::chain,
    seal::{SealingKey, SealingRing},
};
use serde_json::json;

use crate::{
    harness::{Body, REGION, Stage},
    on_both_databases,
};

on_both_databases!(
    everything_is_sealed_anew_and_the_old_key_is_not_needed,
    a_key_that_is_missing_is_named,
    what_does_not_open_stops_a_rotation_by_name,
);

async fn everything_is_sealed_anew_and_the_old_key_is_not_needed(mut stage: Stage) {
    let account = stage.account.account.id;
    for cloud in ["one", "two"] {
        let path = format!("/sub_accounts/{}/access_keys", stage.environment(cloud).await);
        let second = stage.call(Method::POST, &path, Body::Json(json!({"name": "second"}))).await.ok();
        let rotate = format!("{path}/{}/rotate", second["api_key"].as_str().unwrap());
        stage.call(Method::POST, &rotate, Body::None).await.ok();
    }
    let before = stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
    let (old, new) = (stage.key.clone(), SealingKey::generate());

    // Both nodes read what either of them seals, before and while everything is sealed anew.
    let prepared = stage.node_with(SealingRing::new(old.clone(), [new.clone()]), |_| {}).await.unwrap();
    let changed = stage.node_with(SealingRing::new(new.clone(), [old.clone()]), |_| {}).await.unwrap();
    stage.clock.advance(std::time::Duration::from_secs(1));
    let third = changed.create_environment_for(account, "three", Some("three"), None).await.unwrap();
    let seen = prepared.find_environment(account, "three").await.unwrap().unwrap();
    assert!(seen.api_secret.matches(third.api_secret.expose()));

    let rotation = changed.rotate_key_encryption_key().await.unwrap();
    assert_eq!(rotation.present, new.id());
    let expected = [
        ("access_keys.sealed_secret", 4),
        ("access_keys.next_sealed_secret", 2),
        ("provisioning_keys.sealed_secret", 1),
        ("regions.sealed_region_key", 1),
        ("installation.sealed_value", 1),
    ];
    assert_eq!(rotation.sealed_anew, expected, "the key of the third environment was under the present key already");
    assert_eq!(rotation.earlier, [(old.id().to_owned(), 0)]);
    let again = changed.rotate_key_encryption_key().await.unwrap();
    assert!(again.sealed_anew.iter().all(|(_, count)| *count == 0), "{again:?}");

    stage.clock.advance(std::time::Duration::from_secs(1));
    // A node that was not changed yet goes on, and what it seals is found by the next rotation.
    prepared.create_environment_for(account, "four", Some("four"), None).await.unwrap();
    prepared.add_region("late").await.unwrap();
    let late = changed.rotate_key_encryption_key().await.unwrap();
    let counts: Vec<u64> = late.sealed_anew.iter().map(|(_, count)| *count).collect();
    assert_eq!((counts, &late.earlier), (vec![1, 0, 0, 1, 0], &vec![(old.id().to_owned(), 0)]));

    stage.plane = stage.node_with(new, |_| {}).await.unwrap();
    let after = stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
    let clouds = after["sub_accounts"].as_array().unwrap();
    assert_eq!(clouds[..2], before["sub_accounts"].as_array().unwrap()[..]);
    assert_eq!(clouds.len(), 4);
    let path = format!("/sub_accounts/{}/access_keys", clouds[0]["id"].as_str().unwrap());
    stage.call(Method::POST, &path, Body::Json(json!({"name": "third"}))).await.ok();
    let region = stage.plane.ensure_region(REGION).await.unwrap();
    assert!(region.region_key.matches(stage.region.region_key.expose()));
    assert_eq!(region.trusted_key, stage.region.trusted_key, "regions go on trusting the same signatures");
}

async fn a_key_that_is_missing_is_named(stage: Stage) {
    let stranger = SealingKey::generate();
    let error = stage.node_with(stranger.clone(), |_| {}).await.err().unwrap();
    let text = chain(&error);
    assert!(text.contains(stage.key.id()) && text.contains(stranger.id()), "{text}");
}

async fn what_does_not_open_stops_a_rotation_by_name(stage: Stage) {
    stage.environment("one").await;
    let new = SealingKey::generate();
    let lost = SealingKey::generate().seal(&stage.account.api_secret);
    stage.execute(&format!("UPDATE {{}}provisioning_keys SET sealed_secret = '{lost}'")).await;
    let plane = stage.node_with(SealingRing::new(new.clone(), [stage.key.clone()]), |_| {}).await.unwrap();
    let text = chain(&plane.rotate_key_encryption_key().await.unwrap_err());
    let lost_id = lost.split('.').next().unwrap();
    for part in ["provisioning_keys.sealed_secret", &stage.account.api_key, lost_id] {
        assert!(text.contains(part), "{text} does not name {part}");
    }
    // What was done before stays done: the environment's key opens under the new one alone.
    stage.execute("DELETE FROM {}provisioning_keys").await;
    let rest = plane.rotate_key_encryption_key().await.unwrap();
    assert_eq!(rest.sealed_anew[0].1, 0);
    let alone = stage.node_with(new, |_| {}).await.unwrap();
    assert!(alone.find_environment(stage.account.account.id, "one").await.unwrap().is_some());
}
