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
}

/// The answer to a batch.
pub fn batch_answer(encoding: Encoding, outcomes: &[Option<String>]) -> Vec<u8> {
    match encoding {
        Encoding::Json => json_answer(outcomes),
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
                answer.push_str(&json!({ "status": 400, "error": error }).to_string());
            }
        }
    }
    answer.push(']');
    answer.into_bytes()
}

const ACCEPTED: &str = r#"{"status":202}"#;

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
