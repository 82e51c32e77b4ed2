//! Takes a lock, checks its fence and gives it back, in the time to live of one session.

use lockstep_proto::v1::acquire_response::Outcome;
use lockstep_proto::v1::lock_service_client::LockServiceClient;
use lockstep_proto::v1::session_service_client::SessionServiceClient;
use lockstep_proto::v1::{
    AcquireRequest, CheckFenceRequest, CloseSessionRequest, LockMode, LockTarget,
    OpenSessionRequest, ReleaseRequest, SessionRef,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::var("LOCKSTEP_ADDRESS").unwrap_or("127.0.0.1:7420".to_owned());
    let mut sessions = SessionServiceClient::connect(format!("http://{address}")).await?;
    let mut locks = LockServiceClient::connect(format!("http://{address}")).await?;
    let namespace = "default".to_owned();
    let key = "orders/42".to_owned();

    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret)?;
    let open = OpenSessionRequest {
        namespace: namespace.clone(),
        secret: secret.clone(),
        ..Default::default()
    };
    let session_id = sessions.open_session(open).await?.into_inner().session_id;
    let session = Some(SessionRef {
        namespace: namespace.clone(),
        session_id,
        secret,
    });

    let acquire = AcquireRequest {
        session: session.clone(),
        request_id: 1,
        targets: vec![LockTarget {
            key: key.clone(),
            mode: LockMode::Exclusive.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let Some(Outcome::Granted(granted)) = locks.acquire(acquire).await?.into_inner().outcome else {
        return Err("not granted: somebody else holds it".into());
    };
    println!("{key}/EXCLUSIVE/{}", granted.token);

    let check = CheckFenceRequest {
        namespace,
        key,
        token: granted.token,
    };
    let fence = locks.check_fence(check).await?.into_inner();
    println!("{}", fence.status().as_str_name());

    let release = ReleaseRequest {
        session: session.clone(),
        request_id: 2,
        hold_id: granted.hold_id,
        token: granted.token,
        ..Default::default()
    };
    let released = locks.release(release).await?.into_inner();
    println!("{}", released.outcome().as_str_name());
    let close = CloseSessionRequest {
        session,
        request_id: 3,
        ..Default::default()
    };
    sessions.close_session(close).await?;
    Ok(())
}
