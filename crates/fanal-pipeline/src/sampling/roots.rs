//! Counts the traces that begin in a batch, by service and operation.
//!
//! Every batch passes here while adaptive sampling is on, so it works on codes: only the distinct pairs among root spans
//! are looked up as texts.

use fanal_base::cast;
use fanal_model::SpanBatch;
use fanal_model::resource::service_name_of;

/// Services, operations and how many root spans a batch has of them. One service may come several times, where
/// several resources have its name.
pub(crate) fn root_spans(batch: &SpanBatch) -> impl Iterator<Item = (&str, &str, u64)> {
    let roots = batch.parent_span_ids.iter().enumerate().filter(|(_, parent)| parent.is_zero());
    let pair = |row: usize| (batch.resources.codes[row], batch.names.codes[row]);
    let mut pairs: Vec<(u32, u32)> = roots.map(|(row, _)| pair(row)).collect();
    pairs.sort_unstable();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = pairs.get(at..)?;
        let &(resource, name) = rest.first()?;
        let count = rest.iter().take_while(|pair| **pair == (resource, name)).count();
        at += count;
        let service = service_name_of(batch.resources.table.get(resource));
        Some((service, batch.names.table.get_str(name), cast::wide(count)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::testing::batch;

    #[test]
    fn roots_are_counted_by_service_and_operation() {
        let check = |spans: &[(&str, &str, bool)], expect: &[(&str, &str, u64)]| {
            let batch = batch(spans);
            assert_eq!(root_spans(&batch).collect::<Vec<_>>(), expect);
        };
        check(&[], &[]);
        check(&[("shop", "pay", false)], &[]);
        check(
            &[
                ("shop", "pay", true),
                ("cart", "add", true),
                ("shop", "get", true),
                ("shop", "pay", false),
                ("cart", "pay", true),
                ("shop", "pay", true),
            ],
            &[("shop", "pay", 2), ("shop", "get", 1), ("cart", "pay", 1), ("cart", "add", 1)],
        );
    }
}
