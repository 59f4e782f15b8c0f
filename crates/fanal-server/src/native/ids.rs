//! Ids in addresses, in the spellings that people paste.

use crate::refusal::Refusal;
use fanal_model::TraceId;

/// A trace id: 1 to 32 hex digits in any letter case, with or without dashes as in a UUID.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, Refusal> {
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    let id = TraceId::parse_hex(&digits).map_err(|error| {
        Refusal::parameter("id", format!("trace {error}; copy it from a trace's page or a log"))
    })?;
    if id.is_zero() {
        return Err(Refusal::parameter("id", "trace id is zero, which no trace has"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_trace_id() {
        let check = |text: &str, expect: Option<&str>| {
            let read = trace_id(text).ok().map(|id| id.to_string());
            assert_eq!(read.as_deref(), expect, "{text}");
        };
        let full = Some("0af7651916cd43dd8448eb211c80319c");
        check("0af7651916cd43dd8448eb211c80319c", full);
        check("0AF76519-16CD-43DD-8448-EB211C80319C", full);
        check("1-0af7", Some("00000000000000000000000000010af7"));
        check("abc", Some("00000000000000000000000000000abc"));
        check("0", None);
        check("-", None);
        check("trace", None);
        check("0af7651916cd43dd8448eb211c80319c0", None);
    }
}
