use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use lockstep_proto::error_detail;
use lockstep_proto::v1::lock_service_client::LockServiceClient;
use lockstep_proto::v1::session_service_client::SessionServiceClient;
use lockstep_proto::v1::{
    CloseSessionRequest, IdRange, KeepAliveRequest, OpenSessionRequest, SessionRef,
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

pub const NAMESPACE: &str = "default";
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A session. Its requests go one after the other, while `keep_alive` runs beside them.
pub struct Session {
    sessions: SessionServiceClient<Channel>,
    locks: LockServiceClient<Channel>,
    reference: SessionRef,
    epoch: u64,
    ttl: Duration,
    opened_at: Instant,
    /// The newest request id. The requests before it have their final replies.
    newest: Cell<u64>,
}

impl Session {
    pub async fn open(address: &str) -> Result<Self, Failure> {
        let mut secret = vec![0; 32];
        getrandom::fill(&mut secret).map_err(Failure::new)?;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(Failure::new)?;
        // A connection each: a keep-alive must never queue behind calls that wait.
        let mut sessions = SessionServiceClient::new(endpoint.connect_lazy());
        let locks = LockServiceClient::new(endpoint.connect_lazy());
        let opened_at = Instant::now();
        let request = OpenSessionRequest {
            namespace: NAMESPACE.to_owned(),
            secret: secret.clone(),
            display_name: "take-a-lock (Rust)".to_owned(),
            ..Default::default()
        };
        let opened = timeout(OPEN_TIMEOUT, sessions.open_session(request))
            .await
            .map_err(|_| Failure::new(format!("{address} does not answer")))??
            .into_inner();
        Ok(Self {
            sessions,
            locks,
            epoch: opened.header.unwrap_or_default().epoch,
            ttl: Duration::from_millis(opened.ttl_ms.unsigned_abs()),
            reference: SessionRef {
                namespace: NAMESPACE.to_owned(),
                session_id: opened.session_id,
                secret,
            },
            opened_at,
            newest: Cell::new(0),
        })
    }

    /// Renews the session every third of its time to live, and returns when that has not worked in time:
    /// then whatever the session held must be taken as lost. Time counts from when the last acknowledged
    /// attempt was sent: the server counts from its receipt, which is later.
    pub async fn keep_alive(&self) -> Failure {
        let lease = (self.ttl * 99 / 100).saturating_sub(Duration::from_millis(10));
        let mut deadline = self.opened_at + lease;
        let mut pause = self.ttl / 3;
        for seq in 1.. {
            if timeout_at(deadline, sleep(pause)).await.is_err() {
                break;
            }
            let sent = Instant::now();
            let request = KeepAliveRequest {
                session: Some(self.reference()),
                seq,
                answered: self.answered(),
                ..Default::default()
            };
            let give_up = deadline.min(sent + self.ttl / 3);
            let mut sessions = self.sessions.clone();
            match timeout_at(give_up, sessions.keep_alive(request)).await {
                Ok(Err(status)) if is_answer(&status) => return status.into(),
                Ok(Err(_)) | Err(_) => pause = RETRY_PAUSE,
                Ok(Ok(reply)) => {
                    let reply = reply.into_inner();
                    if reply.session_revision > 0
                        || reply.header.unwrap_or_default().epoch != self.epoch
                    {
                        // A hold was taken, or the server started again. GetSession would tell what
                        // is still held; this program just stops.
                        return Failure::new("the server took the lock away or was restarted");
                    }
                    deadline = sent + lease;
                    pause = self.ttl / 3;
                }
            }
        }
        Failure::new("the session was not renewed in time")
    }

    pub async fn close(&self) -> Result<(), Failure> {
        let request = CloseSessionRequest {
            session: Some(self.reference()),
            request_id: self.next_request_id(),
            answered: self.answered(),
            ..Default::default()
        };
        self.insist(async || self.sessions.clone().close_session(request.clone()).await)
            .await?;
        Ok(())
    }

    /// Repeats a call, with its request id, until the server has answered it.
    pub async fn insist<Reply>(
        &self,
        call: impl AsyncFn() -> Result<Response<Reply>, Status>,
    ) -> Result<Reply, Failure> {
        loop {
            match call().await {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(status) if is_answer(&status) => return Err(status.into()),
                Err(_) => sleep(RETRY_PAUSE).await,
            }
        }
    }

    pub fn locks(&self) -> LockServiceClient<Channel> {
        self.locks.clone()
    }

    pub fn reference(&self) -> SessionRef {
        self.reference.clone()
    }

    pub fn next_request_id(&self) -> u64 {
        self.newest.set(self.newest.get() + 1);
        self.newest.get()
    }

    /// Tells the server which outcomes it may forget.
    pub fn answered(&self) -> Vec<IdRange> {
        match self.newest.get() {
            0 | 1 => Vec::new(),
            newest => vec![IdRange {
                first: 1,
                last: newest - 1,
            }],
        }
    }
}

/// Tells a refusal from a fault on the way and from a server that asks to be called again.
fn is_answer(status: &Status) -> bool {
    error_detail(status).is_some() && status.code() != Code::Unavailable
}

/// Why the program ends.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl From<Status> for Failure {
    /// Names the reason of a refusal, which is stable, before its text, which is not.
    fn from(status: Status) -> Self {
        match error_detail(&status) {
            Some(detail) => Self(format!(
                "{} {:?}: {}",
                detail.reason().as_str_name(),
                detail.metadata,
                status.message()
            )),
            None => Self(format!("{}: {}", status.code(), status.message())),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
