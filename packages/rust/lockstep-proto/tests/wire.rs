//! What the TypeScript implementation wrote reads the same here, so that a common mistake of two languages
//! shows.

use lockstep_proto::v1::acquire_response::Outcome;
use lockstep_proto::v1::{
    AcquireResponse, Granted, IdRange, KeepAliveRequest, ReplyHeader, SessionRef,
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

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hex digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}
