//! Files that nobody draws are told what is wrong with them, or are shown as far as they go; they cost little, and the server goes on.

use std::time::Duration;

use safelight_tests::harness::{
    eventually,
    hostile::{self, Case, Fate},
    pictures,
    process::cpu_seconds,
    server::Dev,
};

/// What a job may take that has next to no pixels, in milliseconds. It is two seconds where nothing else is said.
const OF_A_JOB: &str = "600";
/// Processor seconds that a request may cost: two such jobs, as one asks the pixels before it cuts them, and the start of a worker after each.
const MOST_SECONDS: f64 = 2.0;

/// What is asked of a file that was taken: what streams, what keeps the picture, what looks at its samples, and its frames.
const TRANSFORMATIONS: [&str; 5] = [
    "c_limit,f_jpg,h_100,w_100",
    "a_15,c_fill,f_png,g_auto,h_50,w_70",
    "e_trim/e_improve/f_webp,w_40",
    "c_scale,f_gif,w_30",
    "f_avif,q_auto,w_60",
];

/// What is not as it should be, and whether the file was taken.
async fn complaints(server: &Dev, case: &Case) -> Vec<String> {
    let Case { name, bytes, fate } = case;
    let tenant = server.tenant();
    let mut complaints = Vec::new();
    let mut cost = Cost { server, before: cpu_seconds(server.ready.pid), most: 0.0 };
    let answer = tenant.upload(bytes.clone()).public_id("hostile").send().await;
    match (answer.status, fate) {
        (200, Fate::Refused(_)) => complaints.push(format!("{name}: taken")),
        (200, _) => {}
        (400, Fate::Refused(says))
            if answer.message().to_lowercase().contains(says) && !answer.message().is_empty() => {}
        (400, Fate::Told) if !answer.message().is_empty() => {}
        (status, _) => complaints.push(format!("{name}: {status} with `{}`", answer.message())),
    }
    cost.look();
    if answer.status == 200 {
        for transformation in TRANSFORMATIONS {
            let answer = tenant.fetch(&format!("image/upload/{transformation}/hostile")).await;
            cost.look();
            let error = answer.header("x-cld-error");
            match answer.status {
                200 => {}
                400 if *fate != Fate::Shown && !error.is_empty() => {}
                status => complaints.push(format!("{name}: {transformation}: {status} with `{error}`")),
            }
        }
        tenant.destroy("hostile").await.ok();
    }
    if cost.most > MOST_SECONDS {
        complaints.push(format!("{name}: {:.1} processor seconds", cost.most));
    }
    complaints
}

/// What the dearest request has cost.
struct Cost<'a> {
    server: &'a Dev,
    before: f64,
    most: f64,
}

impl Cost<'_> {
    fn look(&mut self) {
        let now = cpu_seconds(self.server.ready.pid);
        self.most = self.most.max(now - self.before);
        self.before = now;
    }
}

#[tokio::test]
async fn hostile_pictures_are_told_and_cost_little() {
    let settings = [("SAFELIGHT_RENDER__JOB_PROCESSOR_MS", OF_A_JOB), ("SAFELIGHT_RENDER__WORKERS", "1")];
    let mut server = Dev::start_with(&[], &settings).await;
    let tenant = server.tenant();
    tenant.upload(pictures::small_jpeg(3)).public_id("good").send().await.ok();
    let mut all = Vec::new();
    for case in hostile::cases() {
        all.extend(complaints(&server, &case).await);
    }
    assert!(all.is_empty(), "{} complaints:\n{}", all.len(), all.join("\n"));
    tenant.fetch("image/upload/c_scale,w_50/good.jpg").await.delivered();
    assert_eq!(server.metric("safelight_http_requests_total", &["status=\"5xx\""]).await, 0.0);
    let costly = eventually("what was costly is counted", Duration::from_secs(10), async || {
        let ended = server.metric("safelight_render_workers_ended_total", &["reason=\"costly\""]).await;
        (ended > 0.0).then_some(ended)
    });
    costly.await;
    let crashed = server.metric("safelight_render_workers_ended_total", &["reason=\"crashed\""]).await;
    assert_eq!(crashed, 0.0, "a worker was lost otherwise");
    assert_eq!(server.starts(), 1);
    assert!(server.process().is_running(), "the server died");
}
