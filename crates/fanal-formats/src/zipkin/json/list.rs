//! The list of spans, read item by item without holding it.

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Runs `each` on the items of the list that `text` is.
pub(super) fn each_item<'a>(
    text: &'a str,
    each: impl FnMut(&'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_seq(Items(each))?;
    deserializer.end()
}

struct Items<F>(F);

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Items<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            (self.0)(item);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_one_by_one() {
        let check = |text: &str, expect: Result<&[&str], ()>| {
            let mut found = Vec::new();
            let outcome = each_item(text, |raw| found.push(raw.get())).map_err(|_| ());
            assert_eq!(outcome.map(|()| &*found), expect, "{text}");
        };
        check(" [] ", Ok(&[]));
        check(r#"[{"a":[1]} , 2]"#, Ok(&[r#"{"a":[1]}"#, "2"]));
        check("[1,", Err(()));
        check("[1] 2", Err(()));
        check("{}", Err(()));
        check("", Err(()));
    }
}
