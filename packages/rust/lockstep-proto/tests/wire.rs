//! What the TypeScript implementation wrote reads the same here, so that a common mistake of two languages
//! shows.

use lockstep_proto::v1::acquire_response::Outcome;
use lockstep_proto::v1::{
    AcquireRequest, AcquireResponse, ConvertResponse, Granted, IdRange, KeepAliveRequest, LockMode,
    LockTarget, OnLoss, OnLossAction, Reentrancy, ReplyHeader, SessionRef, convert_response,
};
use prost::Message;

const LARGEST: u64 = i64::MAX as u64;

#[test]
fn a_grant_written_in_typescript_reads_the_same() {
    let written = "0a100a026331100318ffffffffffffffff7f120c080710ffffffffffffffff7f";
    let want = AcquireResponse {
        header: Some(ReplyHeader {
            cluster_id: "c1".to_owned(),
            epoch: 3,
            revision: LARGEST,
        }),
        outcome: Some(Outcome::Granted(Granted {
            hold_id: 7,
            token: LARGEST,
            count: 0,
        })),
    };
    assert_eq!(
        AcquireResponse::decode(bytes(written).as_slice()),
        Ok(want.clone())
    );
    assert_eq!(want.encode_to_vec(), bytes(written));
}

#[test]
fn a_keep_alive_written_in_typescript_reads_the_same() {
    let written = format!(
        "0a2d0a0764656661756c7410051a20{}100218ac02220408011004220408061006",
        "ff".repeat(32)
    );
    let want = KeepAliveRequest {
        session: Some(SessionRef {
            namespace: "default".to_owned(),
            session_id: 5,
            secret: vec![255; 32],
        }),
        seq: 2,
        seen_revision: 300,
        answered: vec![IdRange { first: 1, last: 4 }, IdRange { first: 6, last: 6 }],
    };
    assert_eq!(
        KeepAliveRequest::decode(bytes(&written).as_slice()),
        Ok(want.clone())
    );
    assert_eq!(want.encode_to_vec(), bytes(&written));
}

#[test]
fn an_acquire_of_several_keys_written_in_typescript_reads_the_same() {
    let written = "100322050a0161100222080a0162100418ac022a047461736b308827480250e0d4035a05080210e8076201ff\
                   6a090a047465616d12017870ffffffffffffffffff01";
    let want = AcquireRequest {
        request_id: 3,
        targets: vec![
            LockTarget {
                key: "a".to_owned(),
                mode: LockMode::Shared.into(),
                permits: 0,
            },
            LockTarget {
                key: "b".to_owned(),
                mode: LockMode::Permits.into(),
                permits: 300,
            },
        ],
        owner: "task".to_owned(),
        wait_ms: 5_000,
        reentrancy: Reentrancy::Count.into(),
        max_hold_ms: 60_000,
        on_loss: Some(OnLoss {
            action: OnLossAction::Delay.into(),
            delay_ms: 1_000,
        }),
        value: vec![255],
        metadata: [("team".to_owned(), "x".to_owned())].into(),
        deadlock_priority: -1,
        ..Default::default()
    };
    assert_eq!(
        AcquireRequest::decode(bytes(written).as_slice()),
        Ok(want.clone())
    );
    assert_eq!(want.encode_to_vec(), bytes(written));
}

#[test]
fn a_conversion_written_in_typescript_reads_the_same() {
    let written = "0a100a026331100318ffffffffffffffff7f120e080710ffffffffffffffff7f1802";
    let want = ConvertResponse {
        header: Some(ReplyHeader {
            cluster_id: "c1".to_owned(),
            epoch: 3,
            revision: LARGEST,
        }),
        outcome: Some(convert_response::Outcome::Granted(Granted {
            hold_id: 7,
            token: LARGEST,
            count: 2,
        })),
    };
    assert_eq!(
        ConvertResponse::decode(bytes(written).as_slice()),
        Ok(want.clone())
    );
    assert_eq!(want.encode_to_vec(), bytes(written));
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hex digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}
