//! The life of one lock: opens a session, keeps it alive, waits for a key, shows the fencing token, checks
//! it, and gives the lock back.
//!
//! ```text
//! take-a-lock KEY [HOST:PORT]
//! ```
//!
//! It prints `key/EXCLUSIVE/token`, then what the server says of the token while the lock is held
//! (CURRENT) and after its release (STALE). Exit code: 0 done, 1 failed or not granted, 2 wrong usage.

mod session;

use std::process::ExitCode;

use lockstep_proto::v1::acquire_response::Outcome;
use lockstep_proto::v1::{
    AcquireRequest, CheckFenceRequest, Granted, LockMode, LockTarget, LossReason, ReleaseOutcome,
    ReleaseRequest,
};
use session::{Failure, NAMESPACE, Session};

const DEFAULT_ADDRESS: &str = "127.0.0.1:7420";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (key, address) = match arguments.as_slice() {
        [key] => (key.as_str(), DEFAULT_ADDRESS),
        [key, address] => (key.as_str(), address.as_str()),
        _ => {
            eprintln!("usage: take-a-lock KEY [HOST:PORT]");
            return ExitCode::from(2);
        }
    };
    match take_a_lock(key, address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("take-a-lock: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn take_a_lock(key: &str, address: &str) -> Result<(), Failure> {
    let session = Session::open(address).await?;
    // Whichever ends first ends the other: without a lease there is no work, and after the work nothing
    // needs to be kept alive. A session whose lease is over is left to expire.
    tokio::select! {
        failure = session.keep_alive() => Err(failure),
        outcome = async {
            let worked = work_with_lock(&session, key).await;
            let closed = session.close().await;
            worked.and(closed)
        } => outcome,
    }
}

async fn work_with_lock(session: &Session, key: &str) -> Result<(), Failure> {
    let granted = acquire(session, key).await?;
    println!("{key}/EXCLUSIVE/{}", granted.token);
    print_fence(session, key, granted.token).await?;

    // The work goes here. It is dropped at its next `await` when the lease is over, and shows the
    // resource the line printed above with every access.

    release(session, &granted).await?;
    print_fence(session, key, granted.token).await
}

async fn acquire(session: &Session, key: &str) -> Result<Granted, Failure> {
    let request = AcquireRequest {
        session: Some(session.reference()),
        request_id: session.next_request_id(),
        answered: session.answered(),
        targets: vec![LockTarget {
            key: key.to_owned(),
            mode: LockMode::Exclusive.into(),
            ..Default::default()
        }],
        wait_ms: 60_000,
        poll_timeout_ms: 10_000,
        ..Default::default()
    };
    loop {
        let reply = session
            .insist(async || session.locks().acquire(request.clone()).await)
            .await?;
        match reply.outcome {
            Some(Outcome::Granted(granted)) => return Ok(granted),
            // The same request id goes on waiting at the same place.
            Some(Outcome::Queued(_)) => {}
            Some(Outcome::Denied(denied)) => {
                return Err(Failure::new(format!(
                    "not granted: {}",
                    denied.reason().as_str_name()
                )));
            }
            None => {
                return Err(Failure::new(
                    "the server gave an outcome this program does not know",
                ));
            }
        }
    }
}

async fn release(session: &Session, granted: &Granted) -> Result<(), Failure> {
    let request = ReleaseRequest {
        session: Some(session.reference()),
        request_id: session.next_request_id(),
        answered: session.answered(),
        hold_id: granted.hold_id,
        token: granted.token,
        ..Default::default()
    };
    let reply = session
        .insist(async || session.locks().release(request.clone()).await)
        .await?;
    if reply.outcome() == ReleaseOutcome::Lost {
        let reason: LossReason = reply.lost_reason();
        return Err(Failure::new(format!(
            "the lock had been lost: {}",
            reason.as_str_name()
        )));
    }
    Ok(())
}

async fn print_fence(session: &Session, key: &str, token: u64) -> Result<(), Failure> {
    let request = CheckFenceRequest {
        namespace: NAMESPACE.to_owned(),
        key: key.to_owned(),
        token,
    };
    let reply = session
        .insist(async || session.locks().check_fence(request.clone()).await)
        .await?;
    println!(
        "{}",
        reply
            .status()
            .as_str_name()
            .trim_start_matches("FENCE_STATUS_")
    );
    Ok(())
}
