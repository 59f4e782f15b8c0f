//! What questions want to know of all resources of a segment at once: their services, and which keys they have.
//!
//! Found in one walk over the encoded resources and cached, because it is small: decoded resources are many times as
//! large. Used for the parts of the head in the same way.

use fanal_base::cast;
use fanal_model::BytesTable;
use fanal_model::resource::{UNKNOWN_SERVICE, attributes_of, service_name_of};
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

/// The key of the service's name.
pub const SERVICE_KEY: &str = "service.name";

/// Services and keys of resources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceSummary {
    /// Distinct names of services.
    pub services: Vec<Box<str>>,
    /// By resource code: index of its service.
    pub service_of: Vec<u32>,
    /// Whether the service of every resource is its only attribute `service.name`, and none is missing.
    pub is_plain: bool,
    /// Distinct attribute keys, in no order.
    keys: Vec<Box<str>>,
}

impl ResourceSummary {
    /// Of encoded resources.
    pub fn of(resources: &BytesTable) -> Self {
        let mut summary = Self { is_plain: true, ..Self::default() };
        let mut numbers = HashMap::<&str, u32, RandomState>::default();
        let mut keys = HashSet::<&[u8], RandomState>::default();
        for entry in resources.iter() {
            let service = service_name_of(entry);
            let number = *numbers.entry(service).or_insert_with(|| {
                summary.services.push(service.into());
                cast::narrow(summary.services.len() - 1)
            });
            summary.service_of.push(number);
            let mut names = 0;
            for (key, _) in attributes_of(entry) {
                names += usize::from(key == SERVICE_KEY.as_bytes());
                keys.insert(key);
            }
            summary.is_plain &= names == 1 && service != UNKNOWN_SERVICE;
        }
        let text = |key: &[u8]| std::str::from_utf8(key).unwrap_or_default().into();
        summary.keys = keys.into_iter().map(text).collect();
        summary
    }

    /// Whether a resource has an attribute of this key.
    pub fn has_key(&self, key: &str) -> bool {
        self.keys.iter().any(|known| **known == *key)
    }

    /// Bytes of memory held, about.
    pub(super) fn memory_bytes(&self) -> usize {
        let texts = self.services.iter().chain(&self.keys);
        texts.map(|text| 16 + text.len()).sum::<usize>() + self.service_of.len() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Resource, Value};

    #[test]
    fn services_and_keys_are_those_of_the_resources() {
        let check = |resources: &[&[(&str, Value)]], services: &[&str], is_plain: bool| {
            let mut table = BytesTable::default();
            for attributes in resources {
                let attributes =
                    attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
                let resource = Resource { attributes: attributes.collect(), ..Resource::default() };
                table.push(&resource.encode());
            }
            let summary = ResourceSummary::of(&table);
            let found = summary.service_of.iter().map(|&it| &*summary.services[cast::index(it)]);
            assert_eq!(found.collect::<Vec<_>>(), services);
            assert_eq!(summary.is_plain, is_plain);
            for (key, _) in resources.iter().copied().flatten() {
                assert!(summary.has_key(key), "{key}");
            }
            assert!(!summary.has_key("other"));
        };
        let text = |text: &str| Value::String(text.to_owned());
        check(&[], &[], true);
        check(
            &[&[("service.name", text("a"))], &[("k", text("x")), ("service.name", text("a"))]],
            &["a", "a"],
            true,
        );
        check(
            &[&[("service.name", text("a"))], &[("host", text("x"))]],
            &["a", UNKNOWN_SERVICE],
            false,
        );
        check(&[&[("service.name", Value::Int(1))]], &[UNKNOWN_SERVICE], false);
        check(&[&[("service.name", text("a")), ("service.name", text("b"))]], &["a"], false);
    }
}
