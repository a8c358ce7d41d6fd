//! What `safelight user invite` prints is a link that the running server accepts, once.

use safelight_tests::harness::server::{Dev, command};
use serde_json::{Value, json};

/// Runs `user invite` beside the server.
fn invite(server: &Dev, arguments: &[&str]) -> std::process::Output {
    command(server.folder())
        .args(["user", "invite", "--account", &server.ready.account_id])
        .arg("--data")
        .arg(&server.ready.data_dir)
        .args(arguments)
        .output()
        .expect("the program ends")
}

#[tokio::test]
async fn an_invited_person_accepts_by_the_printed_link() {
    let server = Dev::start().await;
    let ada = ["--email", "ada@example.com", "--name", "Ada", "--role", "admin", "--json"];
    let done = invite(&server, &ada);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed: Value = serde_json::from_slice(&done.stdout).expect("a line of JSON");
    let url = printed["invitation_url"].as_str().expect("a link");
    assert!(url.starts_with(&server.ready.api_url), "{url}");
    let client = reqwest::Client::new();
    let read = client.get(url).send().await.expect("an answer");
    assert_eq!(read.status(), 200);
    for expected in [200, 404] {
        let body = json!({"password": "correct horse battery"});
        let answer = client.post(url).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), expected);
    }
    let token = url.rsplit('/').next().expect("a token");
    assert!(!String::from_utf8_lossy(&done.stderr).contains(token), "a token is not logged");
    let king = invite(&server, &["--email", "bob@example.com", "--name", "Bob", "--role", "king"]);
    assert!(!king.status.success());
    assert!(String::from_utf8_lossy(&king.stderr).contains("parameter role"));
}
