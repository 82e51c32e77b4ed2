//! The house rules of the workspace that cargo itself can check.

use std::path::Path;
use std::process::Command;

#[test]
fn clippy_finds_nothing() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args([
            "clippy",
            "--quiet",
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
        ])
        .args(["--", "-D", "warnings"])
        .current_dir(workspace)
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "cargo clippy in packages/rust (if it is missing: `rustup component add clippy`):\n{}",
        String::from_utf8_lossy(&output.stderr),
    );
}
