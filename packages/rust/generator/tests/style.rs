//! The house rules of the workspace that cargo itself can check.

use std::path::Path;
use std::process::Command;

#[test]
fn the_workspace_is_formatted() {
    expect_clean("cargo fmt --all", &["fmt", "--all", "--check"]);
}

#[test]
fn clippy_finds_nothing() {
    expect_clean(
        "cargo clippy",
        &[
            "clippy",
            "--quiet",
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    );
}

fn expect_clean(repair: &str, arguments: &[&str]) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(workspace)
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "Run `{repair}` in packages/rust (a missing component: `rustup component add rustfmt clippy`).\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
