use prost::Message;

use crate::v1::ErrorDetail;

const TYPE_NAME: &str = "lockstep.v1.ErrorDetail";

/// Returns what a server says of a refusal, or `None` when the status is none.
///
/// A status without a detail is a fault on the way, whatever its code: the outcome of the call is unknown,
/// and repeating it with the same request id is safe. With a detail, the server has answered.
#[must_use]
pub fn error_detail(status: &tonic::Status) -> Option<ErrorDetail> {
    let status = RpcStatus::decode(status.details()).ok()?;
    let ours = |detail: &&prost_types::Any| detail.type_url.rsplit('/').next() == Some(TYPE_NAME);
    let detail = status.details.iter().find(ours)?;
    ErrorDetail::decode(detail.value.as_slice()).ok()
}

/// `google.rpc.Status`, the form in which gRPC carries details.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;
    use crate::v1::ErrorReason;

    #[test]
    fn a_refusal_tells_its_reason_and_facts() {
        // The ErrorDetail was written by the TypeScript implementation. What is somebody else's is passed
        // over.
        let ours = "0801120c0a056669656c6412036b6579120e0a0472756c6512066c656e677468";
        let detail = error_detail(&status(&[
            ("type.googleapis.com/google.rpc.RetryInfo", vec![1, 2, 3]),
            ("type.googleapis.com/lockstep.v1.ErrorDetail", bytes(ours)),
        ]))
        .expect("a detail");
        assert_eq!(detail.reason(), ErrorReason::InvalidField);
        assert_eq!(detail.metadata["field"], "key");
        assert_eq!(detail.metadata["rule"], "length");
    }

    #[test]
    fn a_fault_on_the_way_has_no_detail() {
        assert_eq!(error_detail(&Status::aborted("cut")), None);
        assert_eq!(error_detail(&status(&[])), None);
        let garbage = Status::with_details(Code::Aborted, "cut", vec![0xff; 8].into());
        assert_eq!(error_detail(&garbage), None);
    }

    fn status(details: &[(&str, Vec<u8>)]) -> Status {
        let any = |(type_url, value): &(&str, Vec<u8>)| prost_types::Any {
            type_url: (*type_url).to_owned(),
            value: value.clone(),
        };
        let carried = RpcStatus {
            code: 3,
            message: "refused".to_owned(),
            details: details.iter().map(any).collect(),
        };
        Status::with_details(
            Code::InvalidArgument,
            "refused",
            carried.encode_to_vec().into(),
        )
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hex digits");
        (0..hex.len()).step_by(2).map(digit).collect()
    }
}
