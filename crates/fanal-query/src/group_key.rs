//! What an aggregate groups by, as text: `service`, `name`, `kind`, `status`, `scope`, or an attribute with its level:
//! `resource.KEY`, `span.KEY`, `scope.KEY`.

use crate::error::{QueryError, shown};
use fanal_storage::GroupKey;

/// Reads a key.
pub fn parse_group_key(text: &str) -> Result<GroupKey, QueryError> {
    let key = match text {
        "service" => Some(GroupKey::Service),
        "name" => Some(GroupKey::Name),
        "kind" => Some(GroupKey::Kind),
        "status" => Some(GroupKey::Status),
        "scope" => Some(GroupKey::ScopeName),
        _ => match text.split_once('.') {
            Some(("resource", key)) => Some(GroupKey::ResourceAttribute(key.to_owned())),
            Some(("span", key)) => Some(GroupKey::SpanAttribute(key.to_owned())),
            Some(("scope", key)) => Some(GroupKey::ScopeAttribute(key.to_owned())),
            _ => None,
        },
    };
    key.ok_or_else(|| {
        QueryError::invalid(format!(
            "{} is nothing to group by; write service, name, kind, status, scope, or an attribute as resource.KEY, \
             span.KEY or scope.KEY",
            shown(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let check = |text: &str, expect: Option<GroupKey>| {
            assert_eq!(parse_group_key(text).ok(), expect, "{text}");
        };
        check("service", Some(GroupKey::Service));
        check("name", Some(GroupKey::Name));
        check("scope", Some(GroupKey::ScopeName));
        check("resource.service.name", Some(GroupKey::ResourceAttribute("service.name".into())));
        check("span.http.route", Some(GroupKey::SpanAttribute("http.route".into())));
        check("scope.a", Some(GroupKey::ScopeAttribute("a".into())));
        check("span.", Some(GroupKey::SpanAttribute(String::new())));
        check("event.a", None);
        check("http.route", None);
        check("", None);
    }
}
