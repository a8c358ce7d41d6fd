//! Usage: taken once, weighed, summed, and known to be complete or not.

use std::time::Duration;

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    clock::Clock,
    ids::{BootId, EnvironmentId, NodeId},
    seam::SeamError,
    usage::{IdleNode, Meter, NaturalKey, UsageBatch, UsageRecord, UsageSummary, Window},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Answer, Body, REGION, Stage},
    on_both_databases,
};

on_both_databases!(
    what_is_sent_twice_counts_once,
    what_does_not_hold_is_refused_whole,
    a_missing_window_holds_completeness_back,
    runs_that_end_and_nodes_that_idle,
    actions_count_as_documented,
    credits_follow_the_vectors,
    the_window_rolls,
    a_year_is_billed_by_month,
    large_batches_go_in,
);

const GIB: i64 = 1 << 30;

async fn environment(stage: &Stage, cloud_name: &str) -> EnvironmentId {
    stage.environment(cloud_name).await.parse().unwrap()
}

fn fact(environment: EnvironmentId, meter: Meter, quantity: i64, at: DateTime<Utc>, facts: Value) -> UsageRecord {
    let key = NaturalKey::Row { id: Uuid::new_v4() };
    UsageRecord { key, environment, access_key: None, meter, quantity, at, reason: "url".into(), facts }
}

fn facts(records: Vec<UsageRecord>) -> UsageBatch {
    UsageBatch { records, ..UsageBatch::default() }
}

async fn summary(stage: &Stage, environment: EnvironmentId) -> UsageSummary {
    stage.plane.link_for_region(REGION).usage(environment).await.unwrap()
}

/// A run of a node, and its windows of ten seconds from the stage's beginning on.
#[derive(Clone, Copy)]
struct Run {
    node: NodeId,
    boot: BootId,
    began: DateTime<Utc>,
}

impl Run {
    fn new(stage: &Stage) -> Self {
        Self { node: NodeId(Uuid::new_v4()), boot: BootId(Uuid::new_v4()), began: stage.clock.now() }
    }

    fn window(&self, index: i64, is_last: bool) -> Window {
        let (opened_at, closed_at) = (self.closes(index - 1), self.closes(index));
        Window { node: self.node, boot: self.boot, index, opened_at, closed_at, is_last }
    }

    fn closes(&self, index: i64) -> DateTime<Utc> {
        self.began + TimeDelta::seconds(10 * (index + 1))
    }

    fn sum(&self, environment: EnvironmentId, index: i64, bytes: i64) -> UsageRecord {
        let key = NaturalKey::Window { node: self.node, boot: self.boot, index };
        UsageRecord {
            key,
            reason: "window".into(),
            ..fact(environment, Meter::DeliveredBytes, bytes, self.closes(index), Value::Null)
        }
    }
}

async fn what_is_sent_twice_counts_once(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    let run = Run::new(&stage);
    for (round, (carrier, link)) in stage.links().await.into_iter().enumerate() {
        let round = i64::try_from(round).unwrap();
        let now = stage.clock.now();
        let upload = fact(demo, Meter::Uploads, 1, now, json!({"resource_type": "image"}));
        let batch = UsageBatch {
            // The same fact twice in one batch is one fact.
            records: vec![
                upload.clone(),
                upload.clone(),
                fact(demo, Meter::DeliveryRequests, 3, now, Value::Null),
                run.sum(demo, round, 1_000),
            ],
            windows: vec![run.window(round, false)],
            idle: Vec::new(),
        };
        for _ in 0..3 {
            link.ship(&batch).await.unwrap();
        }
        let overlapping = facts(vec![upload, fact(demo, Meter::DerivedAssets, 1, now, json!({"format": "jpg"}))]);
        link.ship(&overlapping).await.unwrap();
        let times = round + 1;
        let found = link.usage(demo).await.unwrap();
        let counted = (found.uploads, found.derived, found.transformations, found.requests, found.bandwidth_bytes);
        assert_eq!(counted, (times, times, 2 * times, 3 * times, 1_000 * times), "{carrier}");
        assert_eq!(found.complete_until, Some(run.closes(round)), "{carrier}");
        assert_eq!((found.plan.as_str(), found.credits.limit), ("Free", Some(25.0)), "{carrier}");
        let nobody = link.usage(EnvironmentId(Uuid::nil())).await;
        assert!(matches!(nobody, Err(SeamError::Refused(_))), "{carrier}");
    }
}

async fn what_does_not_hold_is_refused_whole(stage: Stage) {
    stage.plane.add_region("us").await.unwrap();
    let demo = environment(&stage, "demo").await;
    let elsewhere = json!({"name": "x", "region": "us"});
    let elsewhere = stage.call(Method::POST, "/sub_accounts", Body::Json(elsewhere)).await.ok();
    let elsewhere: EnvironmentId = elsewhere["id"].as_str().unwrap().parse().unwrap();
    let now = stage.clock.now();
    let good = fact(demo, Meter::Uploads, 1, now, Value::Null);
    let (run, foreign) = (Run::new(&stage), Run::new(&stage));
    let of_us = UsageBatch { windows: vec![foreign.window(0, false)], ..UsageBatch::default() };
    stage.plane.link_for_region("us").ship(&of_us).await.unwrap();
    let backwards = Window { closed_at: run.began - TimeDelta::seconds(60), ..run.window(0, false) };
    let cases = [
        (facts(vec![good.clone(), fact(elsewhere, Meter::Uploads, 1, now, Value::Null)]), elsewhere.to_string()),
        (
            facts(vec![good.clone(), fact(EnvironmentId(Uuid::nil()), Meter::Uploads, 1, now, Value::Null)]),
            "0000".into(),
        ),
        (facts(vec![good.clone(), fact(demo, Meter::DeliveredBytes, -1, now, Value::Null)]), "delivered_bytes".into()),
        (facts(vec![good.clone(), fact(demo, Meter::StoredBytes, i64::MIN, now, Value::Null)]), "stored_bytes".into()),
        (facts(vec![good.clone(), fact(demo, Meter::Uploads, 1, now, json!({"format": "\0"}))]), "characters".into()),
        (UsageBatch { windows: vec![backwards], ..facts(vec![good.clone()]) }, run.node.to_string()),
        (UsageBatch { windows: vec![foreign.window(1, false)], ..facts(vec![good.clone()]) }, foreign.node.to_string()),
    ];
    for (batch, text) in cases {
        for (carrier, link) in stage.links().await {
            match link.ship(&batch).await {
                Err(SeamError::Refused(found)) => assert!(found.contains(&text), "{carrier}: {found}"),
                other => panic!("{carrier}: {other:?} instead of a refusal that names {text}"),
            }
        }
    }
    assert_eq!(summary(&stage, demo).await.uploads, 0, "a batch with a bad record leaves nothing behind");
    let path = "/internal/v1/regions/eu/usage";
    let malformed = stage.call_internal(Method::POST, path, Body::Json(json!({"records": 1}))).await;
    malformed.refused(400, "Malformed batch");
    let huge = json!({"records": [], "windows": [], "idle": [], "padding": "x".repeat(8 * 1024 * 1024)});
    stage.call_internal(Method::POST, path, Body::Json(huge)).await.refused(400, "longer than");
}

async fn a_missing_window_holds_completeness_back(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    let link = stage.plane.link_for_region(REGION);
    let run = Run::new(&stage);
    assert_eq!(summary(&stage, demo).await.complete_until, None);
    let ship = async |index: i64| {
        let batch = UsageBatch {
            records: vec![run.sum(demo, index, 100)],
            windows: vec![run.window(index, false)],
            idle: Vec::new(),
        };
        link.ship(&batch).await.unwrap();
        let found = summary(&stage, demo).await;
        (found.bandwidth_bytes, found.complete_until)
    };
    assert_eq!(ship(0).await, (100, Some(run.closes(0))));
    assert_eq!(ship(2).await, (200, Some(run.closes(0))), "window 1 is missing");
    assert_eq!(ship(3).await, (300, Some(run.closes(0))), "window 1 is still missing");
    let idle = IdleNode { node: run.node, boot: run.boot, complete_until: run.closes(9) };
    link.ship(&UsageBatch { idle: vec![idle], ..UsageBatch::default() }).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(run.closes(0)), "idling does not close a gap");
    assert_eq!(ship(1).await, (400, Some(run.closes(3))), "all are there");
    assert_eq!(ship(1).await, (400, Some(run.closes(3))), "and stay counted once");

    // A run whose first windows have not come in is not complete at all.
    let late = Run::new(&stage);
    link.ship(&UsageBatch { windows: vec![late.window(1, false)], ..UsageBatch::default() }).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(DateTime::UNIX_EPOCH));
    link.ship(&UsageBatch { windows: vec![late.window(0, false)], ..UsageBatch::default() }).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(late.closes(1)));
}

async fn runs_that_end_and_nodes_that_idle(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    let link = stage.plane.link_for_region(REGION);
    let (one, two) = (Run::new(&stage), Run::new(&stage));
    let windows = |windows: Vec<Window>| UsageBatch { windows, ..UsageBatch::default() };
    link.ship(&windows(vec![one.window(0, false), two.window(0, false), two.window(1, false)])).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(one.closes(0)), "the slowest counts");
    let idle = IdleNode { node: one.node, boot: one.boot, complete_until: one.closes(5) };
    link.ship(&UsageBatch { idle: vec![idle], ..UsageBatch::default() }).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(two.closes(1)), "an idle node does not hold back");
    link.ship(&windows(vec![two.window(2, true)])).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(one.closes(5)), "an ended run does not hold back");
    let idle = IdleNode { node: one.node, boot: one.boot, complete_until: one.closes(2) };
    link.ship(&UsageBatch { idle: vec![idle], ..UsageBatch::default() }).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(one.closes(5)), "completeness does not go back");
    link.ship(&windows(vec![one.window(1, true)])).await.unwrap();
    assert_eq!(summary(&stage, demo).await.complete_until, Some(one.closes(5)), "all have ended");
}

async fn actions_count_as_documented(stage: Stage) {
    let now = stage.clock.now();
    let image = || json!({"resource_type": "image"});
    let gif = |frames: u32| json!({"format": "gif", "frames": frames, "animated": true});
    let avif = |width: u32| json!({"format": "avif", "width": width, "height": 1000});
    let plain = || json!({"format": "jpg", "width": 300, "height": 200});
    use Meter::{DeliveredBytes, DeliveryRequests, DerivedAssets, Uploads};
    // The rows of the counting table that are facts by the time they reach the ledger.
    type Made = Vec<(Meter, i64, Value)>;
    let cases: Vec<(&str, Made, i64)> = vec![
        ("1: upload an image", vec![(Uploads, 1, image())], 1),
        ("2: upload a raw file", vec![(Uploads, 1, json!({"resource_type": "raw"}))], 0),
        ("4: upload and overwrite", vec![(Uploads, 1, image()), (Uploads, 1, image())], 2),
        ("5: deliver an original", vec![(DeliveryRequests, 1_000, Value::Null), (DeliveredBytes, 9, Value::Null)], 0),
        (
            "11: three formats",
            vec![(DerivedAssets, 1, avif(1000)), (DerivedAssets, 1, plain()), (DerivedAssets, 1, plain())],
            3,
        ),
        ("13: AVIF of 2.0 MP", vec![(DerivedAssets, 1, avif(2000))], 1),
        ("13: AVIF of 2.1 MP", vec![(DerivedAssets, 1, avif(2100))], 2),
        ("13: AVIF of 6 MP", vec![(DerivedAssets, 1, avif(6000))], 3),
        ("13: AVIF of 6.1 MP", vec![(DerivedAssets, 1, avif(6100))], 4),
        ("16: 20 frames", vec![(DerivedAssets, 1, gif(20))], 2),
        ("17: 21 and 5 frames", vec![(DerivedAssets, 1, gif(21)), (DerivedAssets, 1, gif(5))], 4),
        ("18: 250 frames cut at 100", vec![(DerivedAssets, 1, gif(100))], 10),
        (
            "29: eager two sizes",
            vec![(Uploads, 1, image()), (DerivedAssets, 1, plain()), (DerivedAssets, 1, plain())],
            3,
        ),
    ];
    for (index, (name, records, expected)) in cases.into_iter().enumerate() {
        let demo = environment(&stage, &format!("case{index}")).await;
        let records = records.into_iter().map(|(meter, quantity, made)| fact(demo, meter, quantity, now, made));
        stage.plane.link_for_region(REGION).ship(&facts(records.collect())).await.unwrap();
        assert_eq!(summary(&stage, demo).await.transformations, expected, "{name}");
    }
}

async fn credits_follow_the_vectors(stage: Stage) {
    let now = stage.clock.now();
    let cases = [
        ((36, 317_387_882, 192_041_533), [0.04, 0.30, 0.18, 0.52]),
        ((4_000, 4 * GIB, 2 * GIB), [4.0, 4.0, 2.0, 10.0]),
        ((1, 0, 0), [0.0, 0.0, 0.0, 0.0]),
        ((5, 0, 0), [0.01, 0.0, 0.0, 0.01]),
    ];
    for (index, ((derived, delivered, stored), expected)) in cases.into_iter().enumerate() {
        let demo = environment(&stage, &format!("demo{index}")).await;
        let records = vec![
            fact(demo, Meter::DerivedAssets, derived, now, json!({"format": "jpg"})),
            fact(demo, Meter::DeliveredBytes, delivered, now, Value::Null),
            fact(demo, Meter::StoredBytes, stored + 7, now, Value::Null),
            fact(demo, Meter::StoredBytes, -7, now, Value::Null),
        ];
        stage.plane.link_for_region(REGION).ship(&facts(records)).await.unwrap();
        let credits = summary(&stage, demo).await.credits;
        let found = [credits.transformations, credits.bandwidth, credits.storage, credits.total];
        assert_eq!(found, expected, "{derived} {delivered} {stored}");
    }
}

async fn the_window_rolls(stage: Stage) {
    let day = Duration::from_secs(86_400);
    let demo = environment(&stage, "demo").await;
    let link = stage.plane.link_for_region(REGION);
    let at_day = |number: u32| stage.clock.now() + TimeDelta::days(i64::from(number) - 1);
    let records = vec![
        fact(demo, Meter::DerivedAssets, 100, at_day(1), json!({"format": "jpg"})),
        fact(demo, Meter::DerivedAssets, 50, at_day(30), json!({"format": "jpg"})),
        fact(demo, Meter::StoredBytes, 5 * GIB, at_day(1), Value::Null),
        fact(demo, Meter::StoredBytes, -5 * GIB, at_day(10), Value::Null),
        fact(demo, Meter::DeliveredBytes, GIB, at_day(1), Value::Null),
    ];
    link.ship(&facts(records)).await.unwrap();
    let expected = |number: u32| match number {
        1..=9 => (100, GIB, 5 * GIB),
        10..=29 => (100, GIB, 0),
        30 => (150, GIB, 0),
        31..=59 => (50, 0, 0),
        _ => (0, 0, 0),
    };
    for number in 1..=61 {
        let found = summary(&stage, demo).await;
        let counted = (found.transformations, found.bandwidth_bytes, found.storage_bytes);
        assert_eq!(counted, expected(number), "day {number}");
        assert_eq!(found.taken_at, stage.clock.now());
        stage.clock.advance(day);
    }
}

async fn a_year_is_billed_by_month(stage: Stage) {
    let (one, two) = (environment(&stage, "one").await, environment(&stage, "two").await);
    let start = stage.clock.now();
    // The account was made on 23 November 2026; the rest of the month has eight days.
    let records = vec![
        fact(one, Meter::DerivedAssets, 1_500, start, json!({"format": "jpg", "resource_type": "image"})),
        fact(one, Meter::StoredBytes, 8 * GIB, start + TimeDelta::days(4), json!({"resource_type": "raw"})),
        fact(two, Meter::DeliveredBytes, GIB / 2, start, Value::Null),
        fact(two, Meter::DeliveredBytes, GIB, start + TimeDelta::days(10), Value::Null),
    ];
    stage.plane.link_for_region(REGION).ship(&facts(records)).await.unwrap();
    stage.clock.advance(Duration::from_secs(86_400 * 40));
    stage.call(Method::DELETE, &format!("/sub_accounts/{two}"), Body::None).await.ok();

    let path = "/billing_usage?include_prodenv_breakdown=true&year=2026";
    let bill = stage.call(Method::GET, path, Body::None).await.ok();
    assert_eq!(Answer::members(&bill[0]), ["plan_name", "metric_usage"]);
    let metric = &bill[0]["metric_usage"][0];
    assert_eq!((&metric["metric"], &metric["limit"]), (&json!("credit"), &json!(25.0)));
    let cycles = metric["cycles"].as_array().unwrap();
    assert_eq!(cycles.len(), 2);
    let (november, december) = (&cycles[0], &cycles[1]);
    assert_eq!((&november["from_day"], &november["to_day"]), (&json!("2026-11-01"), &json!("2026-11-30")));
    // 8 GiB for four of eight days, 1500 transformations, half a GiB delivered.
    assert_eq!(november["breakdown"]["storage_raw"], 4.0);
    assert_eq!(november["breakdown"]["transformations_image"], 1.5);
    assert_eq!(november["breakdown"]["bandwidth_image"], 0.5);
    assert_eq!(november["usage"], 6.0);
    assert_eq!(december["usage"], 9.0);
    let by_environment = november["product_environment_breakdown"].as_array().unwrap();
    assert_eq!(Answer::members(&by_environment[0]).last(), Some(&"cloud_name"));
    let delivered: Vec<_> = by_environment.iter().map(|one| (&one["cloud_name"], &one["bandwidth_image"])).collect();
    assert_eq!(delivered, [(&json!("one"), &json!(0.0)), (&json!("two"), &json!(0.5))]);

    let present = stage.call(Method::GET, "/billing_usage", Body::None).await.ok();
    let cycles = present[0]["metric_usage"][0]["cycles"].as_array().unwrap();
    assert_eq!((cycles.len(), &cycles[0]["from_day"], &cycles[0]["usage"]), (1, &json!("2027-01-01"), &json!(8.0)));
    assert!(cycles[0].get("product_environment_breakdown").is_none());
    for year in [2025, 2028] {
        let path = format!("/billing_usage?year={year}");
        assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), json!([]), "{year}");
    }
    stage.call(Method::GET, "/billing_usage?year=soon", Body::None).await.refused(400, "parameter year");
}

async fn large_batches_go_in(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    let now = stage.clock.now();
    let records: Vec<_> =
        (0..2_500).map(|index| fact(demo, Meter::Uploads, 1, now - TimeDelta::hours(index), Value::Null)).collect();
    let batch = facts(records);
    let link = stage.plane.link_for_region(REGION);
    // Two senders of the same batch at once neither count twice nor stop each other for good.
    let (one, two) = tokio::join!(link.ship(&batch), link.ship(&batch));
    assert!(one.is_ok() && two.is_ok());
    let hours_of_window = 29 * 24 + 12 + 1;
    assert_eq!(summary(&stage, demo).await.uploads, hours_of_window);
}
