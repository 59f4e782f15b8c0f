//! Answers to senders of events.
//!
//! Used by the receiver, which chooses status and content type. Invariant: a batch is answered with as many items as it
//! has, in its order.

use serde_json::json;

/// Encoding of a request, which is that of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON, which is also what unknown content types are taken for.
    Json,
    /// `MessagePack`.
    Msgpack,
}

/// The answer to a batch.
pub fn batch_answer(encoding: Encoding, outcomes: &[Option<String>]) -> Vec<u8> {
    match encoding {
        Encoding::Json => json_answer(outcomes),
        Encoding::Msgpack => msgpack_answer(outcomes),
    }
}

fn json_answer(outcomes: &[Option<String>]) -> Vec<u8> {
    let mut answer = String::with_capacity(2 + outcomes.len() * ACCEPTED.len());
    answer.push('[');
    for (index, outcome) in outcomes.iter().enumerate() {
        if index > 0 {
            answer.push(',');
        }
        match outcome {
            None => answer.push_str(ACCEPTED),
            Some(error) => {
                answer.push_str(r#"{"status":400,"error":"#);
                answer.push_str(&json!(error).to_string());
                answer.push('}');
            }
        }
    }
    answer.push(']');
    answer.into_bytes()
}

const ACCEPTED: &str = r#"{"status":202}"#;

/// A list of maps, written by hand: it has two keys.
fn msgpack_answer(outcomes: &[Option<String>]) -> Vec<u8> {
    let mut out = vec![0xdd];
    out.extend_from_slice(&fanal_base::cast::narrow(outcomes.len()).to_be_bytes());
    for outcome in outcomes {
        match outcome {
            None => push_status(1, 202, &mut out),
            Some(error) => {
                push_status(2, 400, &mut out);
                out.extend_from_slice(b"\xa5error\xdb");
                out.extend_from_slice(&fanal_base::cast::narrow(error.len()).to_be_bytes());
                out.extend_from_slice(error.as_bytes());
            }
        }
    }
    out
}

/// The head of a map of one or two keys, and the first.
fn push_status(keys: u8, status: u16, out: &mut Vec<u8>) {
    out.push(0x80 | keys);
    out.extend_from_slice(b"\xa6status\xcd");
    out.extend_from_slice(&status.to_be_bytes());
}

/// The answer to a request that failed, always in JSON.
pub fn error_answer(message: &str) -> Vec<u8> {
    json!({ "error": message }).to_string().into_bytes()
}

/// The answer to `GET /1/auth`: every key may send events, and nothing else that Honeycomb has.
pub fn auth() -> Vec<u8> {
    let access = json!({
        "events": true,
        "markers": false,
        "triggers": false,
        "boards": false,
        "queries": false,
        "columns": false,
        "createDatasets": true,
        "slos": false,
        "recipients": false,
    });
    let name = json!({ "slug": "fanal", "name": "Fanal" });
    json!({
        "id": "fanal",
        "type": "ingest",
        "api_key_access": access,
        "team": name,
        "environment": name,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msgpack::{Reader, any_value};

    fn check(outcomes: &[Option<String>], expect: &str) {
        assert_eq!(batch_answer(Encoding::Json, outcomes), expect.as_bytes());
        let written = batch_answer(Encoding::Msgpack, outcomes);
        let mut reader = Reader::new(&written);
        let Ok(Some(crate::draft::DraftValue::Array(nested))) = any_value(&mut reader) else {
            panic!("{written:x?}")
        };
        assert!(reader.is_at_end());
        let value = fanal_model::nested::decode(&nested).expect("a list");
        assert_eq!(value.to_text(), expect);
    }

    #[test]
    fn both_encodings_say_the_same() {
        check(&[], "[]");
        let refused = |words: &str| Some(words.to_owned());
        check(&[None, None], r#"[{"status":202},{"status":202}]"#);
        check(
            &[refused("no \"trace\""), None],
            r#"[{"status":400,"error":"no \"trace\""},{"status":202}]"#,
        );
        let many = vec![None; 70_000];
        let written = batch_answer(Encoding::Msgpack, &many);
        assert_eq!(Reader::new(&written).array(), Ok(70_000));
    }
}
