//! What Jaeger's clients say of their losses: over UDP the only sign of them.
//!
//! Told each report by the datagram receivers. Invariant: at most [`CLIENTS_MAX`] clients are remembered. What a client
//! tells first is where counting begins: it may have run for long before.

use fanal_formats::jaeger::ClientReport;
use std::collections::HashMap;

/// Most clients that are remembered; with one more, all are forgotten and counted from anew.
const CLIENTS_MAX: usize = 4096;

/// Longest name of a client that is remembered, in bytes. Clients use UUIDs.
const NAME_BYTES_MAX: usize = 64;

/// What was lost since a client's report before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Losses {
    /// Batches that were sent and did not arrive.
    pub(super) missing_batches: u64,
    /// Spans that the client dropped, by cause.
    pub(super) dropped_spans: [(&'static str, u64); 3],
}

/// The last report of a client, without its name.
#[derive(Debug, Clone, Copy)]
struct Last {
    sequence_number: i64,
    dropped_spans: [i64; 3],
}

/// The clients met.
#[derive(Debug, Default)]
pub(super) struct Clients {
    last: HashMap<Box<[u8]>, Last>,
}

impl Clients {
    /// What was lost since the client's last report; nothing where it does not say who it is, is met first, or where the
    /// report is older than the last.
    pub(super) fn losses(&mut self, report: &ClientReport<'_>) -> Option<Losses> {
        let name = report.client.filter(|name| name.len() <= NAME_BYTES_MAX)?;
        let dropped = [
            report.full_queue_dropped_spans,
            report.too_large_dropped_spans,
            report.failed_to_emit_spans,
        ];
        let next = Last { sequence_number: report.sequence_number?, dropped_spans: dropped };
        let Some(last) = self.last.get_mut(name) else {
            if self.last.len() == CLIENTS_MAX {
                self.last.clear();
            }
            self.last.insert(name.into(), next);
            return None;
        };
        let steps = next.sequence_number.checked_sub(last.sequence_number)?;
        let missing_batches = u64::try_from(steps.checked_sub(1)?).ok()?;
        let grown = |index: usize| {
            let grown = next.dropped_spans[index].saturating_sub(last.dropped_spans[index]);
            u64::try_from(grown).unwrap_or(0)
        };
        let dropped_spans =
            [("queue_full", grown(0)), ("too_large", grown(1)), ("send_failed", grown(2))];
        *last = next;
        Some(Losses { missing_batches, dropped_spans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(client: &[u8], sequence_number: i64, dropped: [i64; 3]) -> ClientReport<'_> {
        ClientReport {
            client: Some(client),
            sequence_number: Some(sequence_number),
            full_queue_dropped_spans: dropped[0],
            too_large_dropped_spans: dropped[1],
            failed_to_emit_spans: dropped[2],
        }
    }

    #[test]
    fn losses_are_counted_from_the_first_report_on() {
        let mut clients = Clients::default();
        let mut check = |client: &str, number, dropped, expect: Option<(u64, [u64; 3])>| {
            let losses = clients.losses(&report(client.as_bytes(), number, dropped));
            let shown = losses.map(|losses| {
                (losses.missing_batches, losses.dropped_spans.map(|(_, spans)| spans))
            });
            assert_eq!(shown, expect, "{client} {number}");
        };
        check("a", 7, [5, 5, 5], None);
        check("a", 8, [5, 5, 5], Some((0, [0, 0, 0])));
        check("b", 1, [0, 0, 0], None);
        check("a", 11, [6, 7, 8], Some((2, [1, 2, 3])));
        // Late or twice: what comes next tells all.
        check("a", 10, [5, 6, 7], None);
        check("a", 11, [6, 7, 8], None);
        check("a", 12, [6, 7, 8], Some((0, [0, 0, 0])));
        check("b", 3, [0, 0, 1], Some((1, [0, 0, 1])));
        // Counts that go back are no losses.
        check("b", 4, [-9, i64::MIN, 0], Some((0, [0, 0, 0])));
        check("c", i64::MIN, [0, 0, 0], None);
        check("c", i64::MAX, [0, 0, 0], None);
    }

    #[test]
    fn clients_without_a_name_or_number_tell_nothing() {
        let mut clients = Clients::default();
        for _ in 0..2 {
            assert_eq!(clients.losses(&ClientReport::default()), None);
            let unnumbered = ClientReport { sequence_number: None, ..report(b"a", 0, [0; 3]) };
            assert_eq!(clients.losses(&unnumbered), None);
            assert_eq!(clients.losses(&report(&[b'x'; NAME_BYTES_MAX + 1], 1, [0; 3])), None);
        }
        assert!(clients.last.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut clients = Clients::default();
        for number in 0..=CLIENTS_MAX {
            clients.losses(&report(&number.to_le_bytes(), 1, [0; 3]));
        }
        assert_eq!(clients.last.len(), 1);
    }
}
