//! Figures of permission decisions: beside the request that they belong to, and beside an installation of another size.

use std::time::Instant;

use chrono::DateTime;
use plane_kit::{
    ids::uuid_at,
    operations::{Operation, operations},
    policy::{
        Effect, Place, Policies, PolicyBook, PolicyLine, Principal, RoleLink, key_subject, rule::KeyRules,
        rules_subject,
    },
};
use safelight_tests::harness::{pictures, process::cpu_seconds, server::Dev};

use super::{ROUNDS, median, spread};

/// Decisions in a round of cached ones.
const CACHED: u32 = 200_000;
/// Decisions in a round of those that are taken anew.
const FRESH: i64 = 300;
/// Requests in a round.
const REQUESTS: u32 = 500;
const RULES: [&str; 3] = ["@all:read", "@upload in clients/acme", "deny GET /usage"];

/// A book of some keys with three rules each, and roles that none of them has.
fn book(keys: usize, roles: usize) -> PolicyBook {
    let rules = KeyRules::parse(RULES).expect("these are rules");
    let mut lines = vec![PolicyLine::new("role:all", "*", "*", Effect::Allow)];
    lines.extend((0..roles).map(|role| PolicyLine::new(&format!("role:{role}"), "read", "@assets", Effect::Allow)));
    let mut links = Vec::new();
    for key in 0..keys {
        let subject = key_subject(&key.to_string());
        lines.extend(rules.lines(&rules_subject(&subject)));
        links.push(RoleLink { member: subject, role: "role:all".to_owned() });
    }
    PolicyBook::new(&lines, &links)
}

fn principal(book: &PolicyBook, version: i64) -> Principal<'_> {
    Principal { owner: uuid_at(DateTime::UNIX_EPOCH), version, subject: "key:0", book }
}

/// Seconds that one decision takes that was taken before.
async fn cached(policies: &Policies, book: &PolicyBook, operation: &Operation) -> f64 {
    let asked = principal(book, 0);
    let started = Instant::now();
    for _ in 0..CACHED {
        let permitted = policies.permits(&asked, operation, Place::In("")).await;
        assert!(std::hint::black_box(permitted).expect("a decision"));
    }
    started.elapsed().as_secs_f64() / f64::from(CACHED)
}

/// Seconds that one decision takes, its enforcer included, when nothing is remembered.
async fn fresh(book: &PolicyBook, operation: &Operation, versions: std::ops::Range<i64>) -> f64 {
    let policies = Policies::default();
    let count = versions.end - versions.start;
    let started = Instant::now();
    for version in versions {
        let permitted = policies.permits(&principal(book, version), operation, Place::In("")).await;
        assert!(permitted.expect("a decision"));
    }
    started.elapsed().as_secs_f64() / count as f64
}

/// Figure 6: what a permission decision costs.
pub async fn decision() {
    let server = Dev::start_with(&["--seed", "none"], &[("SAFELIGHT_HTTP__WORKERS", "1")]).await;
    let tenant = server.tenant();
    tenant.upload(pictures::small_jpeg(1)).public_id("one").send().await.ok();
    let operation = operations().find("read_resource").expect("it is in the table");
    let (small, large) = (book(1, 0), book(10_000, 1_000));
    let policies = Policies::default();
    let (mut decisions, mut requests, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let (mut of_one, mut of_many, mut growth) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS as i64 {
        let used = cpu_seconds(server.ready.pid);
        for _ in 0..REQUESTS {
            tenant.get("resources/image/upload/one").await.ok();
        }
        let request = (cpu_seconds(server.ready.pid) - used) / f64::from(REQUESTS);
        let decision = cached(&policies, &small, operation).await;
        decisions.push(decision * 1e6);
        requests.push(request * 1e6);
        shares.push(decision / request);
        let versions = 1 + round * FRESH..1 + (round + 1) * FRESH;
        let one = fresh(&small, operation, versions.clone()).await;
        let many = fresh(&large, operation, versions).await;
        of_one.push(one * 1e6);
        of_many.push(many * 1e6);
        growth.push(many / one);
    }
    println!("\n6. a permission decision of a key with three rules");
    println!(
        "   remembered {:.2} µs, beside {:.0} µs of processor time of GET resources/image/upload/one",
        median(decisions),
        median(requests)
    );
    println!("   ratio {:.4} ({}), wanted at most 0.01", median(shares.clone()), spread(&shares));
    println!(
        "   taken anew {:.0} µs among 1 key, {:.0} µs among 10,000 keys and 1,000 roles",
        median(of_one),
        median(of_many)
    );
    println!("   ratio {:.3} ({}), wanted at most 1.2", median(growth.clone()), spread(&growth));
}
