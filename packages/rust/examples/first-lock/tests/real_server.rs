//! The program, as README.md prints it, against the real server.

#[path = "../../take-a-lock/tests/server/mod.rs"]
mod server;

use std::process::Command;

use server::Server;

#[test]
fn the_first_lock_of_the_readme_is_taken_and_released() {
    let server = Server::start("first-lock");
    let end = Command::new(env!("CARGO_BIN_EXE_first-lock"))
        .env("LOCKSTEP_ADDRESS", &server.address)
        .output()
        .expect("the program starts");
    let stdout = String::from_utf8_lossy(&end.stdout);
    let stderr = String::from_utf8_lossy(&end.stderr);
    assert!(end.status.success(), "{stdout}{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    let [
        sequencer,
        "FENCE_STATUS_CURRENT",
        "RELEASE_OUTCOME_RELEASED",
    ] = lines.as_slice()
    else {
        panic!("{stdout}{stderr}");
    };
    assert!(sequencer.starts_with("orders/42/EXCLUSIVE/"), "{sequencer}");
}
