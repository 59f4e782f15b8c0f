//! Walking the structure of whole traces: who called whom, without names, times and attributes of spans.
//!
//! Asked by the query crate for service dependencies; what it counts by is its affair. [`walk_spans`] is the meaning that
//! every backend must agree with. Invariant: each trace that has a span in the range is handed out once and whole.

use crate::aggregate::GroupKey;
use crate::request::ScanCounts;
use fanal_model::resource::UNKNOWN_SERVICE;
use fanal_model::{SpanId, SpanKind, SpanRef, StatusCode, TraceId, nested};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Most keys of [`WalkLinks::marks`]: each has a bit.
pub const MARKS_MAX: usize = 8;

/// A walk over all traces that have a span which starts in the range.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalkLinks {
    /// Earliest start of such a span, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest start of such a span, inclusive.
    pub start_max_unix_nanos: u64,
    /// Keys of span attributes that name the other side of a call; the first whose text is not empty tells it.
    pub remote_keys: Vec<RemoteKey>,
    /// What is told of each span besides; at most [`MARKS_MAX`].
    pub marks: Vec<Mark>,
    /// Whether names are told in lower case.
    pub lowers_names: bool,
    /// Whether starts and durations are told.
    pub tells_times: bool,
}

/// A key that names the other side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteKey {
    /// The key.
    pub key: String,
    /// Whether it counts only for spans that call or send.
    pub is_of_callers: bool,
    /// A key whose text, where it is not empty, is added behind a colon.
    pub suffix_key: Option<String>,
}

/// A span has a mark where it has an attribute of this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The key.
    pub key: String,
    /// Text of a value that means that there is no mark.
    pub unless: String,
}

/// What a walk tells of a span. Names are numbers: places in [`WalkedLinks::names`], 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkSpan {
    /// Its id.
    pub span_id: SpanId,
    /// Its parent's; zero for none.
    pub parent_span_id: SpanId,
    /// Its service; none where the resource does not name it.
    pub service: u32,
    /// The other side of the call.
    pub remote_service: u32,
    /// Its kind.
    pub kind: SpanKind,
    /// Whether its status is an error.
    pub is_error: bool,
    /// Bit `i`: it has mark `i` of the question.
    pub marks: u8,
    /// When it starts, nanoseconds since the Unix epoch; 0 unless asked for.
    pub start_unix_nanos: u64,
    /// How long it took; 0 unless asked for.
    pub duration_nanos: u64,
}

/// Takes the traces of a walk. Called from several threads at the same time.
pub trait LinkVisitor: Send + Sync {
    /// Takes whole traces, each at least one span, in no order. Exact duplicates of spans may be among them.
    fn visit(&self, traces: &[&[LinkSpan]]);
}

/// What a walk came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalkedLinks {
    /// Names by number; the first is empty.
    pub names: Vec<String>,
    /// Why traces may be missing or lack spans; empty when none does.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub scanned: ScanCounts,
}

impl WalkLinks {
    /// Whether a span that starts then makes its trace wanted.
    #[inline]
    pub fn wants(&self, start_unix_nanos: u64) -> bool {
        start_unix_nanos >= self.start_min_unix_nanos
            && start_unix_nanos <= self.start_max_unix_nanos
    }

    /// The remote keys as keys of groups, whose values they have.
    pub fn remote_group_keys(&self) -> impl Iterator<Item = GroupKey> {
        self.remote_keys.iter().map(|it| GroupKey::SpanAttribute(it.key.clone()))
    }

    /// Their suffixes likewise.
    pub fn suffix_group_keys(&self) -> impl Iterator<Item = Option<GroupKey>> {
        self.remote_keys.iter().map(|it| it.suffix_key.clone().map(GroupKey::SpanAttribute))
    }

    /// The keys of marks likewise.
    pub fn mark_group_keys(&self) -> impl Iterator<Item = GroupKey> {
        self.marks.iter().take(MARKS_MAX).map(|mark| GroupKey::SpanAttribute(mark.key.clone()))
    }
}

/// Numbers of names, given in the order of their asking.
#[derive(Debug)]
pub struct LinkNames {
    lowers: bool,
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl LinkNames {
    /// For a walk.
    pub fn new(request: &WalkLinks) -> Self {
        let lowers = request.lowers_names;
        Self { lowers, numbers: HashMap::new(), names: vec![String::new()] }
    }

    /// The number of a name.
    pub fn number(&mut self, name: &str) -> u32 {
        let name = if self.lowers { Cow::Owned(name.to_lowercase()) } else { Cow::Borrowed(name) };
        if name.is_empty() {
            return 0;
        }
        if let Some(&known) = self.numbers.get(&*name) {
            return known;
        }
        let number = fanal_base::cast::narrow(self.names.len());
        self.names.push(name.clone().into_owned());
        self.numbers.insert(name.into_owned(), number);
        number
    }

    /// The number of a service as [`SpanRef::service_name`] tells it: none for the word that stands for none.
    pub fn service(&mut self, name: &str) -> u32 {
        if name == UNKNOWN_SERVICE { 0 } else { self.number(name) }
    }

    /// The number of a name with another behind a colon.
    pub fn joined(&mut self, number: u32, suffix: u32) -> u32 {
        let name =
            |number: u32| self.names.get(fanal_base::cast::index(number)).map_or("", |it| it);
        let name = format!("{}:{}", name(number), name(suffix));
        self.number(&name)
    }

    /// All names by number.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// The text of an encoded value, as `GroupKey::value_of` gives it.
pub fn value_text(encoded: &[u8]) -> String {
    nested::decode_ref(encoded).map_or_else(|_| String::new(), |value| value.to_text().into_owned())
}

/// Walks over spans, each as often as it is there.
pub fn walk_spans<'a>(
    spans: impl Iterator<Item = SpanRef<'a>>,
    request: &WalkLinks,
    visitor: &dyn LinkVisitor,
) -> WalkedLinks {
    let mut names = LinkNames::new(request);
    let mut traces: BTreeMap<TraceId, (bool, Vec<LinkSpan>)> = BTreeMap::new();
    let mut scanned = ScanCounts::default();
    for span in spans {
        scanned.spans += 1;
        let (is_wanted, links) = traces.entry(span.trace_id()).or_default();
        *is_wanted |= request.wants(span.start_unix_nanos());
        links.push(link_span(&span, request, &mut names));
    }
    let wanted: Vec<&[LinkSpan]> =
        traces.values().filter(|(is_wanted, _)| *is_wanted).map(|(_, spans)| &**spans).collect();
    visitor.visit(&wanted);
    WalkedLinks { names: names.into_names(), warnings: Vec::new(), scanned }
}

fn link_span(span: &SpanRef<'_>, request: &WalkLinks, names: &mut LinkNames) -> LinkSpan {
    let is_caller = span.kind().is_caller();
    let text = |key: &GroupKey| key.value_of(span).map_or_else(String::new, |it| value_text(&it));
    let keys = request.remote_keys.iter().zip(request.remote_group_keys());
    let keys = keys.zip(request.suffix_group_keys());
    let mut counted = keys.filter(|((it, _), _)| is_caller || !it.is_of_callers);
    let remote = counted.find_map(|((_, key), suffix)| match names.number(&text(&key)) {
        0 => None,
        remote => match suffix.map_or(0, |key| names.number(&text(&key))) {
            0 => Some(remote),
            suffix => Some(names.joined(remote, suffix)),
        },
    });
    let has_mark = |(mark, key): (&Mark, GroupKey)| {
        key.value_of(span).is_some_and(|value| value_text(&value) != mark.unless)
    };
    let marks = request.marks.iter().zip(request.mark_group_keys()).map(has_mark);
    LinkSpan {
        span_id: span.span_id(),
        parent_span_id: span.parent_span_id(),
        service: names.service(span.service_name()),
        remote_service: remote.unwrap_or(0),
        kind: span.kind(),
        is_error: span.status_code() == StatusCode::Error,
        marks: (0..).zip(marks).fold(0, |all, (bit, is_set)| all | u8::from(is_set) << bit),
        start_unix_nanos: if request.tells_times { span.start_unix_nanos() } else { 0 },
        duration_nanos: if request.tells_times { span.duration_nanos() } else { 0 },
    }
}
