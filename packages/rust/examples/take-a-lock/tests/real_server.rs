//! The program and the stubs against the real server.

mod server;

use std::process::{Command, Output};

use lockstep_proto::v1::attach_call::Request;
use lockstep_proto::v1::attach_reply::Reply;
use lockstep_proto::v1::session_service_client::SessionServiceClient;
use lockstep_proto::v1::{
    AttachCall, AttachRequest, KeepAliveRequest, OpenSessionRequest, SessionRef,
};
use server::Server;

// [LOCK-2]
#[test]
fn each_run_gets_a_higher_token() {
    let server = Server::start("token");
    let first = token(&take_a_lock(&["orders/42", &server.address]));
    let second = token(&take_a_lock(&["orders/42", &server.address]));
    assert!(second > first, "token {second} after token {first}");
}

#[test]
fn the_servers_reason_is_printed() {
    let server = Server::start("reason");
    let end = take_a_lock(&[&"k".repeat(513), &server.address]);
    let stderr = String::from_utf8_lossy(&end.stderr);
    assert!(stderr.contains("ERROR_REASON_INVALID_FIELD"), "{stderr}");
    assert_eq!(end.status.code(), Some(1));
}

#[test]
fn wrong_usage_and_a_missing_server_have_their_exit_codes() {
    assert_eq!(take_a_lock(&[]).status.code(), Some(2));
    // Nothing can listen on port 0.
    assert_eq!(
        take_a_lock(&["orders/42", "127.0.0.1:0"]).status.code(),
        Some(1)
    );
}

// [SES-71]
#[tokio::test]
async fn attach_carries_the_same_messages_both_ways() {
    let server = Server::start("attach");
    let mut sessions = SessionServiceClient::connect(format!("http://{}", server.address))
        .await
        .expect("a connection");
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).expect("random bytes");
    let request = OpenSessionRequest {
        namespace: "default".to_owned(),
        secret: secret.clone(),
        ..Default::default()
    };
    let session_id = sessions
        .open_session(request)
        .await
        .expect("a session")
        .into_inner()
        .session_id;
    let keep_alive = KeepAliveRequest {
        seq: 11,
        ..Default::default()
    };
    let frame = AttachRequest {
        open: Some(SessionRef {
            namespace: "default".to_owned(),
            session_id,
            secret,
        }),
        calls: vec![AttachCall {
            call_id: 1,
            request: Some(Request::KeepAlive(keep_alive)),
            ..Default::default()
        }],
    };
    // The request side stays open until the reply is here, as in a real client.
    let frames = tokio_stream::StreamExt::chain(
        tokio_stream::once(frame),
        tokio_stream::pending::<AttachRequest>(),
    );
    let mut replies = sessions
        .attach(frames)
        .await
        .expect("a stream")
        .into_inner();
    loop {
        let frame = replies
            .message()
            .await
            .expect("a frame")
            .expect("the stream goes on");
        if let Some(reply) = frame.replies.into_iter().next() {
            assert_eq!(reply.call_id, 1);
            match reply.reply {
                Some(Reply::KeepAlive(reply)) => assert_eq!(reply.seq, 11),
                other => panic!("the keep-alive was answered with {other:?}"),
            }
            break;
        }
    }
}

fn take_a_lock(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_take-a-lock"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// Expects a run that took the lock `orders/42`, and returns its fencing token.
fn token(end: &Output) -> u64 {
    let stdout = String::from_utf8_lossy(&end.stdout);
    let stderr = String::from_utf8_lossy(&end.stderr);
    assert!(end.status.success(), "{stdout}{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    let [sequencer, "CURRENT", "STALE"] = lines.as_slice() else {
        panic!("{stdout}{stderr}");
    };
    let token = sequencer
        .strip_prefix("orders/42/EXCLUSIVE/")
        .expect("a sequencer");
    token.parse().expect("a token")
}
