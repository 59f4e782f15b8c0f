//! The services and operations of a tenant, for menus.
//!
//! Noted for every span before it is acknowledged, kept in the catalog, rebuilt from the log behind it. Bounded:
//! names beyond the limits are searchable but not listed, which is logged once.

use fanal_base::cast;
use fanal_model::resource::service_name_of;
use fanal_model::{IndexedBatch, SpanKind};
use fanal_storage::Operation;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Most services that are listed.
pub(crate) const SERVICES_MAX: usize = 10_000;
/// Most operations of a service that are listed.
pub(crate) const OPERATIONS_PER_SERVICE_MAX: usize = 10_000;
/// Most bytes of all names.
pub(crate) const NAMES_BYTES_MAX: usize = 16 << 20;
/// A vocabulary this near to its bytes may have left out a long name.
const NAME_BYTES_SLACK: usize = 1 << 16;

/// Services in first-seen order, with their operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vocabulary {
    services: Vec<Service>,
    index: HashMap<String, u32, RandomState>,
    bytes: usize,
    is_limit_told: bool,
}

/// One service.
#[derive(Debug, Clone, Default)]
struct Service {
    name: String,
    /// By name: a bit for each kind.
    operations: HashMap<String, u8, RandomState>,
}

impl Vocabulary {
    /// Notes the services and operations of spans, in row order.
    pub(crate) fn note_spans(&mut self, spans: &IndexedBatch) {
        let batch = spans.batch();
        let mut seen = SeenKinds::new(batch.names.table.len(), batch.resources.table.len());
        let mut services: Vec<Option<Option<usize>>> = vec![None; batch.resources.table.len()];
        let codes = batch.resources.codes.iter().zip(&batch.names.codes);
        for ((&resource, &name), &kind) in codes.zip(&batch.kinds) {
            let kinds = 1 << kind_number(SpanKind::from_code(kind));
            if seen.insert(resource, name, kinds) {
                let number = cast::index(resource);
                let service = *services[number].get_or_insert_with(|| {
                    self.note_service(service_name_of(batch.resources.table.get(resource)))
                });
                if let Some(service) = service {
                    self.note_operation(service, batch.names.table.get_str(name), kinds);
                }
            }
        }
    }

    /// Notes an operation of a service.
    #[cfg(test)]
    pub(crate) fn note(&mut self, service: &str, name: &str, kind: SpanKind) {
        if let Some(service) = self.note_service(service) {
            self.note_operation(service, name, 1 << kind_number(kind));
        }
    }

    fn note_service(&mut self, name: &str) -> Option<usize> {
        if let Some(&service) = self.index.get(name) {
            return Some(cast::index(service));
        }
        if self.services.len() >= SERVICES_MAX || self.bytes + name.len() > NAMES_BYTES_MAX {
            self.tell_limit();
            return None;
        }
        let service = self.services.len();
        self.bytes += name.len();
        self.index.insert(name.to_owned(), cast::narrow(service));
        self.services.push(Service { name: name.to_owned(), ..Service::default() });
        Some(service)
    }

    fn note_operation(&mut self, service: usize, name: &str, kinds: u8) {
        let operations = &mut self.services[service].operations;
        if let Some(known) = operations.get_mut(name) {
            *known |= kinds;
        } else if operations.len() < OPERATIONS_PER_SERVICE_MAX
            && self.bytes + name.len() <= NAMES_BYTES_MAX
        {
            self.bytes += name.len();
            operations.insert(name.to_owned(), kinds);
        } else {
            self.tell_limit();
        }
    }

    fn tell_limit(&mut self) {
        if !self.is_limit_told {
            self.is_limit_told = true;
            tracing::warn!(
                SERVICES_MAX,
                OPERATIONS_PER_SERVICE_MAX,
                NAMES_BYTES_MAX,
                "too many service or operation names; further ones are not listed"
            );
        }
    }

    /// Services in first-seen order.
    pub(crate) fn services(&self) -> Vec<String> {
        self.services.iter().map(|service| service.name.clone()).collect()
    }

    /// Operations of a service, sorted.
    pub(crate) fn operations(&self, service: &str) -> Vec<Operation> {
        let Some(&service) = self.index.get(service) else { return Vec::new() };
        let operations = &self.services[cast::index(service)].operations;
        let mut sorted: Vec<Operation> = operations
            .iter()
            .flat_map(|(name, &kinds)| {
                let has = move |kind: &SpanKind| kinds >> kind_number(*kind) & 1 == 1;
                SpanKind::ALL.into_iter().filter(has).map(move |kind| (name, kind))
            })
            .map(|(name, kind)| Operation { name: name.clone(), kind })
            .collect();
        sorted.sort_unstable();
        sorted
    }

    /// Every service with its operations (name, bits of kinds), in a fixed order, for the catalog.
    pub(crate) fn entries(&self) -> Vec<(&str, Vec<(&str, u8)>)> {
        self.services
            .iter()
            .map(|service| {
                let mut operations: Vec<(&str, u8)> =
                    service.operations.iter().map(|(name, &kinds)| (&**name, kinds)).collect();
                operations.sort_unstable();
                (&*service.name, operations)
            })
            .collect()
    }

    /// Whether a limit is reached, so that names may be missing.
    pub(crate) fn is_full(&self) -> bool {
        let operations = self.services.iter().map(|service| service.operations.len()).max();
        self.services.len() >= SERVICES_MAX
            || operations.is_some_and(|count| count >= OPERATIONS_PER_SERVICE_MAX)
            || self.bytes + NAME_BYTES_SLACK >= NAMES_BYTES_MAX
    }

    /// Operations of a service: by name, a bit for each kind.
    pub(crate) fn kinds_of(&self, service: &str) -> Option<&HashMap<String, u8, RandomState>> {
        let service = self.services.get(cast::index(*self.index.get(service)?))?;
        Some(&service.operations)
    }

    /// Takes back an entry of [`Vocabulary::entries`].
    pub(crate) fn restore(&mut self, service: &str, operations: &[(&str, u8)]) {
        if let Some(service) = self.note_service(service) {
            operations.iter().for_each(|&(name, kinds)| self.note_operation(service, name, kinds));
        }
    }
}

/// Which kinds of which operations a batch had so far.
#[derive(Debug)]
struct SeenKinds {
    names: usize,
    /// By resource and name, where these are not too many.
    dense: Vec<u8>,
    sparse: HashMap<(u32, u32), u8, RandomState>,
}

/// Most pairs of resource and name that have a place each.
const DENSE_PAIRS_MAX: usize = 1 << 16;

impl SeenKinds {
    fn new(names: usize, resources: usize) -> Self {
        let pairs = names.saturating_mul(resources);
        let dense = vec![0; if pairs <= DENSE_PAIRS_MAX { pairs } else { 0 }];
        Self { names, dense, sparse: HashMap::default() }
    }

    /// Notes bits of kinds; whether any of them is new.
    #[inline]
    fn insert(&mut self, resource: u32, name: u32, kinds: u8) -> bool {
        let place = cast::index(resource) * self.names + cast::index(name);
        let seen = match self.dense.get_mut(place) {
            Some(seen) => seen,
            None => self.sparse.entry((resource, name)).or_default(),
        };
        let is_new = *seen & kinds != kinds;
        *seen |= kinds;
        is_new
    }
}

fn kind_number(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Unspecified => 0,
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_keep_their_place_and_operations_are_sorted() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.note("web", "b", SpanKind::Server);
        vocabulary.note("cart", "x", SpanKind::Client);
        vocabulary.note("web", "a", SpanKind::Internal);
        vocabulary.note("web", "b", SpanKind::Client);
        vocabulary.note("web", "b", SpanKind::Server);
        assert_eq!(vocabulary.services(), ["web", "cart"]);
        let shown: Vec<_> =
            vocabulary.operations("web").into_iter().map(|o| (o.name, o.kind)).collect();
        let expected =
            [("a", SpanKind::Internal), ("b", SpanKind::Server), ("b", SpanKind::Client)];
        assert_eq!(shown, expected.map(|(name, kind)| (name.to_owned(), kind)));
        assert!(vocabulary.operations("other").is_empty());
        let mut copy = Vocabulary::default();
        vocabulary.entries().iter().for_each(|(service, operations)| {
            copy.restore(service, operations);
        });
        assert_eq!(copy.entries(), vocabulary.entries());
    }

    #[test]
    fn names_beyond_the_limit_are_left_out() {
        let mut vocabulary = Vocabulary::default();
        for number in 0..=OPERATIONS_PER_SERVICE_MAX {
            vocabulary.note("web", &number.to_string(), SpanKind::Server);
        }
        assert_eq!(vocabulary.operations("web").len(), OPERATIONS_PER_SERVICE_MAX);
    }
}
