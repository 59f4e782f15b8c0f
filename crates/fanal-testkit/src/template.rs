//! A request body that is encoded once and sent often, each time with other traces in it.
//!
//! The load program instantiates it at the cost of a copy. Ids are changed by XOR with a mask, which keeps what is
//! equal equal, so that parents stay parents; times keep their order and nesting; long digit runs in attributes that
//! vary in production (users, paths, messages) get other digits, equal ones the same, so that a store cannot profit
//! from the repetition.

use crate::config::GeneratorConfig;
use crate::generator::Generator;
use crate::otlp::{Mark, MarkKind, encode_marked};
use crate::span::{GeneratedSpan, GeneratedTrace};
use crate::truth::TraceTruth;
use fanal_base::cast;
use fanal_model::TraceId;

/// Start of the template's own time, nanoseconds since the Unix epoch; far enough for any skew.
const BASE_UNIX_NANOS: u64 = 1_000_000_000_000_000_000;

/// Spans of generated templates start within so many nanoseconds.
const SPREAD_NANOS: u64 = 200_000_000;

/// Times are stretched by up to 1/8 in steps of 1/4096, so that durations differ between instances.
const STRETCH_ONE: u64 = 4096;

/// A request body to instantiate.
#[derive(Debug, Clone)]
pub struct BodyTemplate {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    truths: Vec<TraceTruth>,
    span_count: u64,
    seed: u64,
}

impl BodyTemplate {
    /// A template of whole generated traces with at least `spans` spans; different seeds give different templates.
    pub fn generate(config: GeneratorConfig, seed: u64, spans: usize) -> Self {
        let mut generator = Generator::new(config, seed);
        let mut random = crate::random::Random::new(!seed);
        let mut traces = Vec::new();
        let mut count = 0;
        while count < spans {
            let trace = generator.next_trace(BASE_UNIX_NANOS + random.below(SPREAD_NANOS));
            count += trace.spans.len();
            traces.push(trace);
        }
        Self::new(traces, BASE_UNIX_NANOS, seed)
    }

    /// A template of these traces; `base_unix_nanos` is the time that instantiation replaces.
    pub fn new(mut traces: Vec<GeneratedTrace>, base_unix_nanos: u64, seed: u64) -> Self {
        traces.iter_mut().for_each(set_top_bits);
        let spans: Vec<&GeneratedSpan> = traces.iter().flat_map(|trace| &trace.spans).collect();
        let message = encode_marked(spans.iter().copied());
        let (mut bytes, marks) = (message.bytes, message.marks);
        for mark in &marks {
            if mark.kind == MarkKind::Time {
                let time = read_u64(&bytes, mark.offset).saturating_sub(base_unix_nanos);
                bytes[mark.offset..mark.offset + 8].copy_from_slice(&time.to_le_bytes());
            }
        }
        let span_count = cast::wide(spans.len());
        let truths = traces.into_iter().map(|trace| trace.truth).collect();
        Self { bytes, marks, truths, span_count, seed }
    }

    /// Appends the body of one request. Each `sequence` gives other traces; their times count from
    /// `base_unix_nanos`.
    pub fn instantiate(&self, out: &mut Vec<u8>, sequence: u64, base_unix_nanos: u64) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let body = &mut out[start..];
        let mask = Mask::new(self.seed, sequence);
        for mark in &self.marks {
            let at = mark.offset;
            match mark.kind {
                MarkKind::TraceId => xor(&mut body[at..at + 16], &mask.trace),
                MarkKind::SpanId => xor(&mut body[at..at + 8], &mask.span),
                MarkKind::Time => {
                    let offset = read_u64(body, at);
                    // Split, so that the product of a large offset fits.
                    let stretched = offset / STRETCH_ONE * mask.stretch
                        + offset % STRETCH_ONE * mask.stretch / STRETCH_ONE;
                    let time = base_unix_nanos.saturating_add(stretched);
                    body[at..at + 8].copy_from_slice(&time.to_le_bytes());
                }
                MarkKind::Digits { count, is_hex, hash } => {
                    write_digits(&mut body[at..at + count], is_hex, mix(mask.digits ^ hash));
                }
            }
        }
    }

    /// Spans of one instance, second copies included.
    pub fn span_count(&self) -> u64 {
        self.span_count
    }

    /// Bytes of one instance.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// The truth about the template's traces: of each instance but for trace ids, span ids and times.
    pub fn truths(&self) -> &[TraceTruth] {
        &self.truths
    }

    /// Ids of the traces of an instance, parallel to [`BodyTemplate::truths`].
    pub fn trace_ids(&self, sequence: u64) -> impl Iterator<Item = TraceId> {
        let mask = Mask::new(self.seed, sequence);
        self.truths.iter().map(move |truth| {
            let mut id = truth.trace_id;
            xor(&mut id.0, &mask.trace);
            id
        })
    }
}

/// What one instance changes.
struct Mask {
    trace: [u8; 16],
    span: [u8; 8],
    stretch: u64,
    digits: u64,
}

impl Mask {
    fn new(seed: u64, sequence: u64) -> Self {
        let first = mix(mix(seed).wrapping_add(sequence));
        let second = mix(first ^ seed);
        let mut trace = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
        let mut span = mix(second).to_be_bytes();
        // Template ids have their top bit set: with it clear here, no id can become zero.
        trace[0] &= 0x7f;
        span[0] &= 0x7f;
        let stretch = STRETCH_ONE + mix(first) % (STRETCH_ONE / 8);
        Self { trace, span, stretch, digits: mix(second ^ sequence) }
    }
}

fn set_top_bits(trace: &mut GeneratedTrace) {
    let truth = &mut trace.truth;
    truth.trace_id.0[0] |= 0x80;
    truth.root_span_id.0[0] |= 0x80;
    trace.trace_id.0[0] |= 0x80;
    for span in &mut trace.spans {
        span.trace_id.0[0] |= 0x80;
        span.span_id.0[0] |= 0x80;
        if !span.parent_span_id.is_zero() {
            span.parent_span_id.0[0] |= 0x80;
        }
        for link in &mut span.links {
            link.trace_id.0[0] |= 0x80;
            link.span_id.0[0] |= 0x80;
        }
    }
}

/// A bijection that scatters (the finalizer of `SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn xor(bytes: &mut [u8], mask: &[u8]) {
    bytes.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Overwrites a run with the digits that follow from `state`.
fn write_digits(run: &mut [u8], is_hex: bool, mut state: u64) {
    for chunk in run.chunks_mut(16) {
        let mut rest = state;
        for digit in chunk {
            // Constant divisors: the load program does this for every span.
            let value = if is_hex { rest % 16 } else { rest % 10 };
            rest = if is_hex { rest / 16 } else { rest / 10 };
            *digit = b"0123456789abcdef"[cast::size(value)];
        }
        state = mix(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::encode_request;
    use crate::span::push_into;
    use fanal_formats::otlp::protobuf;
    use fanal_model::{IndexedBatch, SpanBatch, SpanBatchBuilder, SpanId, StatusCode};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    const NOW: u64 = 1_760_000_000_000_000_000;

    fn config() -> GeneratorConfig {
        GeneratorConfig {
            link_probability: 0.2,
            duplicate_probability: 0.02,
            ..GeneratorConfig::default()
        }
    }

    fn decode(body: &[u8]) -> IndexedBatch {
        let decoded = protobuf::decode_request(body).expect("a request");
        assert_eq!(decoded.rejected_spans, 0);
        decoded.batch.validate().expect("consistent");
        IndexedBatch::new(Arc::new(decoded.batch)).expect("decodes")
    }

    #[test]
    fn a_span_takes_about_five_hundred_bytes() {
        let template = BodyTemplate::generate(GeneratorConfig::default(), 1, 20_000);
        let bytes = cast::wide(template.byte_count()) / template.span_count();
        assert!((450..=550).contains(&bytes), "{bytes} bytes a span");
    }

    /// Spans by id as text, whatever their order.
    fn show(batch: SpanBatch) -> BTreeSet<String> {
        let batch = IndexedBatch::new(Arc::new(batch)).expect("decodes");
        batch
            .spans()
            .map(|span| {
                let events: Vec<_> = span
                    .events()
                    .map(|it| (it.name(), it.attributes().collect::<Vec<_>>()))
                    .collect();
                let links: Vec<_> = span
                    .links()
                    .map(|it| (it.span_id(), it.attributes().collect::<Vec<_>>()))
                    .collect();
                let attributes: Vec<_> = span.attributes().collect();
                let ids = (span.trace_id(), span.span_id(), span.parent_span_id());
                let times = (span.start_unix_nanos(), span.end_unix_nanos());
                let words = (span.name(), span.kind(), span.status_code(), span.status_message());
                let owner = (span.resource(), span.scope(), span.flags());
                format!("{ids:?} {times:?} {words:?} {attributes:?} {events:?} {links:?} {owner:?}")
            })
            .collect()
    }

    #[test]
    fn encoded_requests_decode_to_the_same_spans() {
        let mut generator = Generator::new(config(), 9);
        let traces: Vec<_> = (0..100).map(|_| generator.next_trace(NOW)).collect();
        let spans = || traces.iter().flat_map(|trace| &trace.spans);
        let mut builder = SpanBatchBuilder::default();
        push_into(spans(), &mut builder);
        let expected = show(builder.finish());
        let found = protobuf::decode_request(&encode_request(spans())).expect("a request");
        assert_eq!(show(found.batch), expected);
    }

    #[test]
    fn instances_are_whole_traces_with_the_truth_of_the_template() {
        let template = BodyTemplate::generate(config(), 2, 3_000);
        let mut seen = BTreeSet::new();
        for sequence in [0, 1, 2, u64::MAX] {
            let mut body = b"front".to_vec();
            template.instantiate(&mut body, sequence, NOW);
            let batch = decode(&body[5..]);
            assert_eq!(cast::wide(batch.len()), template.span_count());
            let mut traces: BTreeMap<TraceId, BTreeMap<SpanId, _>> = BTreeMap::new();
            for span in batch.spans() {
                traces.entry(span.trace_id()).or_default().insert(span.span_id(), span);
                let start = span.start_unix_nanos();
                assert!((NOW - 1_000_000_000..NOW + 3_600_000_000_000).contains(&start), "{start}");
                assert!(span.end_unix_nanos() > start);
            }
            let ids: Vec<TraceId> = template.trace_ids(sequence).collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>(), traces.keys().collect());
            for (id, truth) in ids.iter().zip(template.truths()) {
                assert!(seen.insert(*id), "trace {id} twice");
                let spans = &traces[id];
                assert_eq!(cast::wide(spans.len()), truth.span_count);
                let roots: Vec<_> =
                    spans.values().filter(|span| span.parent_span_id().is_zero()).collect();
                assert_eq!(roots.len(), 1);
                assert_eq!(roots[0].service_name(), truth.root_service);
                assert_eq!(roots[0].name(), truth.root_name);
                let is_known = |id: SpanId| id.is_zero() || spans.contains_key(&id);
                assert!(spans.values().all(|span| is_known(span.parent_span_id())));
                let is_error =
                    |span: &&_| fanal_model::SpanRef::status_code(span) == StatusCode::Error;
                assert_eq!(cast::wide(spans.values().filter(is_error).count()), truth.error_count);
            }
        }
    }

    #[test]
    fn instances_differ_in_what_varies_and_equal_texts_stay_equal() {
        let template = BodyTemplate::generate(GeneratorConfig::clean(), 2, 2_000);
        let users = |sequence: u64| {
            let mut body = Vec::new();
            template.instantiate(&mut body, sequence, NOW);
            let batch = decode(&body);
            let mut users: BTreeMap<TraceId, BTreeSet<String>> = BTreeMap::new();
            for span in batch.spans() {
                let user = span.attribute("user.id").map(|user| user.to_text().into_owned());
                users.entry(span.trace_id()).or_default().extend(user);
            }
            users
        };
        let (first, second) = (users(1), users(2));
        assert!(first.values().all(|users| users.len() <= 1), "{first:?}");
        let all = |users: &BTreeMap<_, BTreeSet<String>>| {
            users.values().flatten().cloned().collect::<BTreeSet<_>>()
        };
        assert!(all(&first).len() > 50 && all(&first).is_disjoint(&all(&second)));
        let mut same = (Vec::new(), Vec::new());
        template.instantiate(&mut same.0, 7, NOW);
        template.instantiate(&mut same.1, 7, NOW);
        assert!(same.0 == same.1 && same.0.len() == template.byte_count());
    }
}
