//! Many callers change one name at the same time. Whoever wins, what is stored is what is counted.

use std::time::Duration;

use safelight_tests::harness::{client::Tenant, eventually_or, pictures, planes::Planes, server::Dev};

/// How often everybody runs at the name.
const ROUNDS: u32 = 12;
/// Further answers that a usage report may need to settle in.
const SETTLE: Duration = Duration::from_secs(10);

/// Uploads, destroys and deliveries of one name run at each other; at the end the name is destroyed and nothing may be left.
async fn run_at_one_name(tenant: Tenant) {
    let before = tenant.settled_usage().await;
    let picture = pictures::small_jpeg(7);
    for round in 0..ROUNDS {
        let name = "contested";
        tenant.upload(picture.clone()).public_id(name).send().await.ok();
        let upload = async {
            let answer = tenant.upload(picture.clone()).public_id(name).send().await;
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
        };
        let destroy = async {
            let answer = tenant.destroy(name).await.ok();
            let result = answer["result"].as_str().unwrap_or_default().to_owned();
            assert!(result == "ok" || result == "not found", "round {round}: {result}");
        };
        let deliver = async {
            let width = 20 + round;
            let answer = tenant.fetch(&format!("image/upload/w_{width}/{name}.jpg")).await;
            assert!(matches!(answer.status, 200 | 404 | 503), "round {round}: {}", answer.message());
        };
        let again = async {
            tenant.destroy(name).await.ok();
        };
        futures::join!(upload, destroy, deliver, again);
        tenant.destroy(name).await.ok();
        assert_eq!(tenant.get(&format!("resources/image/upload/{name}")).await.status, 404);
    }
    let mut after = tenant.settled_usage().await;
    // Usage of a delivery that was still being written down when its asset went is settled a window later.
    eventually_or("storage as it was before", SETTLE, async || {
        after = tenant.settled_usage().await;
        (after.storage == before.storage).then_some(())
    })
    .await;
    assert_eq!(after.storage, before.storage, "what was stored and taken away must cancel out");
    assert_eq!((after.resources, after.derived_resources), (before.resources, before.derived_resources));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let server = Dev::start().await;
    run_at_one_name(server.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let planes = Planes::start().await;
    let environment = planes.provisioning(&planes.account).create_environment("contested").await;
    run_at_one_name(planes.tenant(&environment)).await;
}
