//! Calls between services by the rule that Grafana's service graph expects, which is Tempo's: pairs of a span that calls
//! and one that is called, databases, and sides that tell nothing themselves.
//!
//! Fed by the store's walk over whole traces, so that both halves of a call are found however far apart they came. A call
//! counts when its called side starts, or its caller where only that tells of it.

use super::{
    CALL_BOUNDS, CallKey, Connection, RateTally, Rates, RatesQuestion, TALLIES_MAX,
    too_many_tallies,
};
use crate::error::QueryError;
use crate::service::QueryService;
use fanal_base::cast;
use fanal_model::SpanId;
use fanal_model::resource::UNKNOWN_SERVICE;
use fanal_storage::{LinkSpan, LinkVisitor, Mark, RemoteKey, TenantId, WalkLinks, WalkedLinks};
use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Attributes of a call that tell a database; the marks of the walk, in the order of their bits, end with the peer.
const CALL_MARKS: [&str; 5] =
    ["db.namespace", "db.name", "db.system", "db.system.name", "peer.service"];

const MARKS_DATABASE: u8 = 0b0_1111;
const MARKS_PEER: u8 = 0b1_1110;

/// Who calls a root span that is called, where it does not say so.
const USER: &str = "user";

/// Stands for [`USER`] among the numbers of names.
const USER_NUMBER: u32 = u32::MAX;

/// A key by numbers of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    client: u32,
    server: u32,
    connection: Connection,
}

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) key: Key,
    is_failed: bool,
    pub(super) unix_nanos: u64,
    pub(super) server_nanos: u64,
    /// `None` where no caller tells of it.
    client_nanos: Option<u64>,
}

/// By key, or `None` for keys beyond the most, and bucket.
type Tallies = HashMap<(Option<Key>, u32), RateTally, RandomState>;

#[derive(Debug, Default)]
struct Counted {
    tallies: Tallies,
    keys: HashSet<Key, RandomState>,
    is_too_much: bool,
}

#[derive(Debug)]
struct Counter {
    question: RatesQuestion,
    counted: Mutex<Counted>,
}

impl QueryService {
    /// Numbers of calls between services.
    pub async fn call_rates(
        &self,
        tenant: &TenantId,
        question: &RatesQuestion,
    ) -> Result<Rates<CallKey>, QueryError> {
        question.validate()?;
        let counter = Arc::new(Counter { question: question.clone(), counted: Mutex::default() });
        let visitor = Arc::clone(&counter) as Arc<dyn LinkVisitor>;
        let walked = self.store().walk_links(tenant, walk(question), visitor).await?;
        let mut counted = counter.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.is_too_much {
            return Err(too_many_tallies());
        }
        Ok(named(std::mem::take(&mut counted.tallies), walked))
    }
}

/// The walk that tells what the rule looks at.
pub(super) fn walk(question: &RatesQuestion) -> WalkLinks {
    let mark = |key: &str| Mark { key: key.into(), unless: String::new() };
    WalkLinks {
        start_min_unix_nanos: question.start_unix_nanos,
        start_max_unix_nanos: question.end_unix_nanos - 1,
        remote_keys: call_remotes(),
        marks: CALL_MARKS.map(mark).to_vec(),
        lowers_names: false,
        tells_times: true,
    }
}

/// Attributes that name the other side of a call, the most telling first.
fn call_remotes() -> Vec<RemoteKey> {
    let key = |key: &str, is_of_callers, suffix: Option<&str>| RemoteKey {
        key: key.into(),
        is_of_callers,
        suffix_key: suffix.map(Into::into),
    };
    vec![
        key("peer.service", false, None),
        // Of a span that is called these are its own.
        key("server.address", true, None),
        key("network.peer.address", true, Some("network.peer.port")),
        key("db.namespace", true, None),
        key("db.name", false, None),
        key("db.system", false, None),
        key("db.system.name", false, None),
    ]
}

impl LinkVisitor for Counter {
    fn visit(&self, traces: &[&[LinkSpan]]) {
        let mut rule = Rule::default();
        let mut own = Tallies::default();
        for trace in traces {
            rule.calls(trace, |call| {
                if let Some(bucket) = self.question.bucket_of(call.unix_nanos) {
                    own.entry((Some(call.key), bucket)).or_default().add(&call);
                }
            });
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for ((key, bucket), tally) in own {
            counted.add(key, bucket, &tally, self.question.keys_max);
        }
    }
}

impl Counted {
    fn add(&mut self, key: Option<Key>, bucket: u32, tally: &RateTally, keys_max: usize) {
        let is_told = |key: &Key| {
            self.keys.contains(key) || self.keys.len() < keys_max && self.keys.insert(*key)
        };
        let place = (key.filter(is_told), bucket);
        if self.tallies.len() >= TALLIES_MAX && !self.tallies.contains_key(&place) {
            self.is_too_much = true;
            return;
        }
        self.tallies.entry(place).or_default().merge(tally);
    }
}

impl RateTally {
    fn add(&mut self, call: &Call) {
        self.count += 1;
        self.failed += u64::from(call.is_failed);
        self.durations.add(call.server_nanos, CALL_BOUNDS);
        if let Some(nanos) = call.client_nanos {
            self.client_durations.add(nanos, CALL_BOUNDS);
        }
    }
}

/// The answer, with names in place of their numbers.
fn named(tallies: Tallies, walked: WalkedLinks) -> Rates<CallKey> {
    let mut rates = Rates::new(walked.warnings);
    for ((key, bucket), tally) in tallies {
        let buckets = match key {
            None => &mut rates.overflow,
            Some(key) => rates.keys.entry(key_of(key, &walked.names)).or_default(),
        };
        // A service may be called as the word for none is.
        buckets.entry(bucket).or_default().merge(&tally);
    }
    rates
}

/// A key by names.
pub(super) fn key_of(key: Key, names: &[String]) -> CallKey {
    let name = |number: u32| match names.get(cast::index(number)) {
        _ if number == USER_NUMBER => USER.to_owned(),
        Some(name) if !name.is_empty() => name.clone(),
        _ => UNKNOWN_SERVICE.to_owned(),
    };
    CallKey { client: name(key.client), server: name(key.server), connection: key.connection }
}

/// Finds the calls of a trace; has room for its work that it uses again.
#[derive(Debug, Default)]
pub(super) struct Rule {
    /// Place of the span of an id, by whether it is called.
    places: HashMap<(SpanId, bool), usize, RandomState>,
    /// By place: whether a span that it called was found.
    answered: Vec<bool>,
}

impl Rule {
    /// Hands out the calls of a trace.
    pub(super) fn calls(&mut self, trace: &[LinkSpan], mut add: impl FnMut(Call)) {
        let spans = self.distinct(trace);
        self.answered.clear();
        self.answered.resize(spans.len(), false);
        for span in spans.iter().filter(|span| span.kind.is_callee()) {
            // The two halves of a call may share an id, as Zipkin's do.
            let own = self.places.get(&(span.span_id, false));
            match own.or_else(|| self.places.get(&(span.parent_span_id, false))) {
                Some(&place) => {
                    self.answered[place] = true;
                    let caller = &spans[place];
                    if !is_database(caller) {
                        add(pair(caller, span));
                    }
                }
                None if span.parent_span_id.is_zero() => add(from_outside(span)),
                None => {}
            }
        }
        let callers = spans.iter().zip(&self.answered).filter(|(span, _)| span.kind.is_caller());
        for (span, is_answered) in callers {
            if is_database(span) {
                add(to_outside(span, Connection::Database));
            } else if !is_answered && span.marks & MARKS_PEER != 0 {
                add(to_outside(span, Connection::Virtual));
            }
        }
    }

    /// The spans without copies of the same, and the places of those that call or are called.
    fn distinct<'a>(&mut self, trace: &'a [LinkSpan]) -> Cow<'a, [LinkSpan]> {
        // A table that a large trace left is not cleared for each small one.
        if self.places.capacity() > trace.len().max(8) * 16 {
            self.places = HashMap::default();
        }
        if self.index(trace) {
            return Cow::Borrowed(trace);
        }
        let mut spans = trace.to_vec();
        spans.sort_unstable();
        spans.dedup();
        self.index(&spans);
        Cow::Owned(spans)
    }

    /// Notes where each id is, the first of several; whether each is there once.
    fn index(&mut self, spans: &[LinkSpan]) -> bool {
        self.places.clear();
        let mut is_once = true;
        for (place, span) in spans.iter().enumerate() {
            let is_callee = span.kind.is_callee();
            if is_callee || span.kind.is_caller() {
                let known = *self.places.entry((span.span_id, is_callee)).or_insert(place);
                is_once &= known == place;
            }
        }
        is_once
    }
}

fn is_database(caller: &LinkSpan) -> bool {
    caller.marks & MARKS_DATABASE != 0
}

fn pair(caller: &LinkSpan, called: &LinkSpan) -> Call {
    use fanal_model::SpanKind::{Consumer, Producer};
    let is_message = caller.kind == Producer && called.kind == Consumer;
    let connection = if is_message { Connection::Messaging } else { Connection::Direct };
    Call {
        key: Key { client: caller.service, server: called.service, connection },
        is_failed: caller.is_error || called.is_error,
        unix_nanos: called.start_unix_nanos,
        server_nanos: called.duration_nanos,
        client_nanos: Some(caller.duration_nanos),
    }
}

/// A call whose called side tells nothing: it took as long as its caller says.
fn to_outside(caller: &LinkSpan, connection: Connection) -> Call {
    Call {
        key: Key { client: caller.service, server: caller.remote_service, connection },
        is_failed: caller.is_error,
        unix_nanos: caller.start_unix_nanos,
        server_nanos: caller.duration_nanos,
        client_nanos: Some(caller.duration_nanos),
    }
}

/// A call whose caller tells nothing.
fn from_outside(called: &LinkSpan) -> Call {
    let is_named = called.marks & MARKS_PEER != 0 && called.remote_service != 0;
    let client = if is_named { called.remote_service } else { USER_NUMBER };
    Call {
        key: Key { client, server: called.service, connection: Connection::Virtual },
        is_failed: called.is_error,
        unix_nanos: called.start_unix_nanos,
        server_nanos: called.duration_nanos,
        client_nanos: None,
    }
}
