//! Starts the real server for tests.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A server on a port of its own with an empty data folder; it ends with this value. With
/// `LOCKSTEP_TEST_ADDRESS` set, that server is used instead.
pub struct Server {
    /// HOST:PORT.
    pub address: String,
    started: Option<(Child, PathBuf)>,
}

impl Server {
    /// `name` keeps the data folders of tests apart.
    pub fn start(name: &str) -> Self {
        if let Ok(address) = std::env::var("LOCKSTEP_TEST_ADDRESS") {
            return Self {
                address,
                started: None,
            };
        }
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../..");
        let main = repository.join("packages/cli/dist/main.js");
        assert!(
            main.exists(),
            "The server is not built: run `pnpm build` at the root of the repository first"
        );
        let data =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&data);
        let mut child = Command::new(node(&repository))
            .arg(main)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--log-level",
                "warn",
                "--data",
            ])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(stdout).lines();
        // The first line comes when the server is ready.
        let ready = lines.next().and_then(Result::ok).unwrap_or_default();
        let address = address_in(&ready);
        // So that a full pipe never stops it.
        thread::spawn(move || lines.for_each(drop));
        Self {
            address,
            started: Some((child, data)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((child, data)) = &mut self.started {
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_dir_all(data);
        }
    }
}

/// Takes HOST:PORT from `{"address":"HOST:PORT", ...}`.
fn address_in(ready: &str) -> String {
    let rest = ready.split_once("\"address\":\"").map(|(_, rest)| rest);
    let address = rest
        .and_then(|rest| rest.split_once('"'))
        .map(|(address, _)| address);
    match address {
        Some(address) => address.to_owned(),
        None => panic!("The server's first line names no address: {ready:?}"),
    }
}

/// Prefers the pinned Node, which is there when that of the machine is too old.
fn node(repository: &Path) -> PathBuf {
    let pinned = repository.join(".toolchain/bin/node");
    if pinned.exists() {
        pinned
    } else {
        PathBuf::from("node")
    }
}
