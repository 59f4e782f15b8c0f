//! What X-Ray's SDKs ask about sampling: the rules, and what to do under each.
//!
//! Answers say: take everything. Follows
//! <https://docs.aws.amazon.com/xray/latest/api/API_GetSamplingRules.html> and
//! <https://docs.aws.amazon.com/xray/latest/api/API_GetSamplingTargets.html>.

use crate::decoded::DecodeError;
use crate::json_value::{Bounded, Text, decode_error};
use serde::{Deserialize, Serialize};

/// Most rules of which one question may ask.
pub const RULES_MAX: usize = 100;

/// Seconds after which an SDK asks again.
const INTERVAL_SECONDS: u32 = 10;

/// The rules: one, which matches every request and takes it.
pub const RULES: &str = r#"{"NextToken":null,"SamplingRuleRecords":[{"CreatedAt":0,"ModifiedAt":0,"SamplingRule":{"RuleName":"Default","RuleARN":null,"Priority":10000,"FixedRate":1.0,"ReservoirSize":1,"ServiceName":"*","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","ResourceARN":"*","Version":1,"Attributes":{}}}]}"#;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Question<'a> {
    #[serde(borrow)]
    sampling_statistics_documents: Bounded<Statistics<'a>, RULES_MAX>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Statistics<'a> {
    #[serde(borrow)]
    rule_name: Text<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    last_rule_modification: u32,
    sampling_target_documents: Vec<Target<'a>>,
    unprocessed_statistics: [(); 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    rule_name: &'a str,
    fixed_rate: f64,
    reservoir_quota: Option<u32>,
    #[serde(rename = "ReservoirQuotaTTL")]
    reservoir_quota_ttl: Option<u32>,
    interval: u32,
}

/// The targets of the rules that a question names.
pub fn targets(question: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let question: Question<'_> =
        serde_json::from_slice(question).map_err(|error| decode_error(&error))?;
    let documents = question.sampling_statistics_documents.0.iter().map(|statistics| Target {
        rule_name: &statistics.rule_name.0,
        fixed_rate: 1.0,
        reservoir_quota: None,
        reservoir_quota_ttl: None,
        interval: INTERVAL_SECONDS,
    });
    let answer = Answer {
        last_rule_modification: 0,
        sampling_target_documents: documents.collect(),
        unprocessed_statistics: [],
    };
    serde_json::to_vec(&answer).map_err(|error| decode_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_asked_for_has_a_target() {
        let check = |question: &str, expect: &str| {
            let answer = targets(question.as_bytes()).expect("answers");
            assert_eq!(String::from_utf8(answer).as_deref(), Ok(expect));
        };
        let empty =
            r#"{"LastRuleModification":0,"SamplingTargetDocuments":[],"UnprocessedStatistics":[]}"#;
        check("{}", empty);
        check(r#"{"SamplingStatisticsDocuments":null}"#, empty);
        check(
            r#"{"SamplingStatisticsDocuments":[{"RuleName":"Default","ClientID":"x","RequestCount":1,"Timestamp":1.5}]}"#,
            r#"{"LastRuleModification":0,"SamplingTargetDocuments":[{"RuleName":"Default","FixedRate":1.0,"ReservoirQuota":null,"ReservoirQuotaTTL":null,"Interval":10}],"UnprocessedStatistics":[]}"#,
        );
        for broken in ["", "7", r#"{"SamplingStatisticsDocuments":[{"RuleName":7}]}"#] {
            assert!(targets(broken.as_bytes()).is_err(), "{broken}");
        }
        let many = vec!["{}"; RULES_MAX + 1].join(",");
        assert!(
            targets(format!(r#"{{"SamplingStatisticsDocuments":[{many}]}}"#).as_bytes()).is_err()
        );
        assert!(serde_json::from_str::<serde_json::Value>(RULES).is_ok());
    }
}
