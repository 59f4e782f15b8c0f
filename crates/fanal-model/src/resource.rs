//! Resources and scopes: what many spans share. A batch interns them as encoded bytes, so that each distinct
//! one is stored, compared and evaluated once.

use crate::nested::{self, InvalidNested, Reader};
use crate::value::{Value, ValueRef};

/// The service of a span whose resource has no `service.name`, as SDKs spell it.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

const SERVICE_NAME: &str = "service.name";

/// The entity that produced spans (OTLP `Resource`, with the schema URL of its `ResourceSpans`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// Attributes in the order sent.
    pub attributes: Vec<(String, Value)>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema of the attributes; empty when none.
    pub schema_url: String,
    /// References to entities (OTLP `EntityRef`).
    pub entity_refs: Vec<EntityRef>,
}

/// A reference from a resource to an entity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityRef {
    /// Schema of the entity's attributes.
    pub schema_url: String,
    /// Type of the entity.
    pub entity_type: String,
    /// Keys of the resource's attributes that identify the entity.
    pub id_keys: Vec<String>,
    /// Keys of the resource's attributes that describe it.
    pub description_keys: Vec<String>,
}

/// The instrumentation that made spans (OTLP `InstrumentationScope`, with the schema URL of its `ScopeSpans`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// Name of the library; empty when none.
    pub name: String,
    /// Its version; empty when none.
    pub version: String,
    /// Attributes in the order sent.
    pub attributes: Vec<(String, Value)>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema of the attributes; empty when none.
    pub schema_url: String,
}

impl Resource {
    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// `service.name`, or [`UNKNOWN_SERVICE`] where it is missing, empty or not a string.
    pub fn service_name(&self) -> &str {
        match self.attribute(SERVICE_NAME) {
            Some(Value::String(name)) if !name.is_empty() => name,
            _ => UNKNOWN_SERVICE,
        }
    }

    /// The bytes under which a batch interns this resource.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_attributes(&self.attributes, &mut out);
        nested::write_varint(u64::from(self.dropped_attributes_count), &mut out);
        nested::write_bytes(self.schema_url.as_bytes(), &mut out);
        nested::write_length(self.entity_refs.len(), &mut out);
        for entity in &self.entity_refs {
            nested::write_bytes(entity.schema_url.as_bytes(), &mut out);
            nested::write_bytes(entity.entity_type.as_bytes(), &mut out);
            write_texts(&entity.id_keys, &mut out);
            write_texts(&entity.description_keys, &mut out);
        }
        out
    }

    /// The inverse of [`Resource::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidNested> {
        let mut reader = Reader::new(bytes);
        let attributes = read_attributes(&mut reader)?;
        let dropped_attributes_count = read_u32(&mut reader)?;
        let schema_url = reader.text()?.to_owned();
        let count = reader.length()?;
        let entity_refs = (0..count)
            .map(|_| {
                Ok(EntityRef {
                    schema_url: reader.text()?.to_owned(),
                    entity_type: reader.text()?.to_owned(),
                    id_keys: read_texts(&mut reader)?,
                    description_keys: read_texts(&mut reader)?,
                })
            })
            .collect::<Result<_, InvalidNested>>()?;
        reader.is_at_end().then_some(()).ok_or(InvalidNested)?;
        Ok(Self { attributes, dropped_attributes_count, schema_url, entity_refs })
    }
}

/// Whether [`Resource::decode`] would read `bytes`, without memory for what it would give.
pub fn is_resource(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let mut skip = || {
        skip_attributes(&mut reader)?;
        read_u32(&mut reader)?;
        reader.skip_text()?;
        for _ in 0..reader.length()? {
            reader.skip_text()?;
            reader.skip_text()?;
            skip_texts(&mut reader)?;
            skip_texts(&mut reader)?;
        }
        Ok::<_, InvalidNested>(())
    };
    skip().is_ok() && reader.is_at_end()
}

/// Whether [`Scope::decode`] would read `bytes`.
pub fn is_scope(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let mut skip = || {
        reader.skip_text()?;
        reader.skip_text()?;
        skip_attributes(&mut reader)?;
        read_u32(&mut reader)?;
        reader.skip_text()
    };
    skip().is_ok() && reader.is_at_end()
}

/// The [`Resource::service_name`] of an encoded resource.
pub fn service_name_of(bytes: &[u8]) -> &str {
    let find = || {
        let mut reader = Reader::new(bytes);
        for _ in 0..reader.length()? {
            let is_wanted = reader.text()? == SERVICE_NAME;
            let value = reader.rest();
            reader.skip_value()?;
            if is_wanted {
                let value = &value[..value.len() - reader.rest().len()];
                return nested::decode_ref(value);
            }
        }
        Err(InvalidNested)
    };
    match find() {
        Ok(ValueRef::String(name)) if !name.is_empty() => name,
        _ => UNKNOWN_SERVICE,
    }
}

/// Keys and encoded values of the attributes of an encoded resource, in their order; ends early where it is damaged.
pub fn attributes_of(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut reader = Reader::new(bytes);
    let mut left = reader.length().unwrap_or(0);
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let key = reader.bytes().ok()?;
        let value = reader.rest();
        reader.skip_value().ok()?;
        Some((key, value.get(..value.len() - reader.rest().len())?))
    })
}

impl Scope {
    /// The bytes under which a batch interns this scope.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        nested::write_bytes(self.name.as_bytes(), &mut out);
        nested::write_bytes(self.version.as_bytes(), &mut out);
        write_attributes(&self.attributes, &mut out);
        nested::write_varint(u64::from(self.dropped_attributes_count), &mut out);
        nested::write_bytes(self.schema_url.as_bytes(), &mut out);
        out
    }

    /// The inverse of [`Scope::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidNested> {
        let mut reader = Reader::new(bytes);
        let scope = Self {
            name: reader.text()?.to_owned(),
            version: reader.text()?.to_owned(),
            attributes: read_attributes(&mut reader)?,
            dropped_attributes_count: read_u32(&mut reader)?,
            schema_url: reader.text()?.to_owned(),
        };
        reader.is_at_end().then_some(scope).ok_or(InvalidNested)
    }
}

fn write_attributes(attributes: &[(String, Value)], out: &mut Vec<u8>) {
    nested::write_length(attributes.len(), out);
    for (key, value) in attributes {
        nested::write_bytes(key.as_bytes(), out);
        nested::encode(value, out);
    }
}

fn read_attributes(reader: &mut Reader<'_>) -> Result<Vec<(String, Value)>, InvalidNested> {
    let count = reader.length()?;
    (0..count).map(|_| Ok((reader.text()?.to_owned(), reader.value()?))).collect()
}

fn skip_attributes(reader: &mut Reader<'_>) -> Result<(), InvalidNested> {
    for _ in 0..reader.length()? {
        reader.skip_text()?;
        reader.skip_value()?;
    }
    Ok(())
}

fn skip_texts(reader: &mut Reader<'_>) -> Result<(), InvalidNested> {
    (0..reader.length()?).try_for_each(|_| reader.skip_text())
}

fn write_texts(texts: &[String], out: &mut Vec<u8>) {
    nested::write_length(texts.len(), out);
    texts.iter().for_each(|text| nested::write_bytes(text.as_bytes(), out));
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<String>, InvalidNested> {
    let count = reader.length()?;
    (0..count).map(|_| Ok(reader.text()?.to_owned())).collect()
}

fn read_u32(reader: &mut Reader<'_>) -> Result<u32, InvalidNested> {
    u32::try_from(reader.varint()?).map_err(|_| InvalidNested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_and_scopes_round_trip() {
        let resource = Resource {
            attributes: vec![
                ("service.name".into(), Value::String("cart".into())),
                ("process.pid".into(), Value::Int(7)),
            ],
            dropped_attributes_count: 3,
            schema_url: "https://opentelemetry.io/schemas/1.30.0".into(),
            entity_refs: vec![EntityRef {
                entity_type: "service".into(),
                id_keys: vec!["service.name".into()],
                ..EntityRef::default()
            }],
        };
        assert_eq!(Resource::decode(&resource.encode()), Ok(resource.clone()));
        assert_eq!(resource.service_name(), "cart");
        assert_eq!(Resource::default().service_name(), UNKNOWN_SERVICE);
        let scope = Scope { name: "lib".into(), version: "1".into(), ..Scope::default() };
        assert_eq!(Scope::decode(&scope.encode()), Ok(scope.clone()));
        let (resource, scope) = (resource.encode(), scope.encode());
        assert!(is_resource(&resource) && is_scope(&scope));
        for end in 0..resource.len() {
            assert!(!is_resource(&resource[..end]), "cut at {end}");
        }
        for end in 0..scope.len() {
            assert!(!is_scope(&scope[..end]), "cut at {end}");
        }
    }

    #[test]
    fn service_names_are_read_from_encoded_resources() {
        let check = |attributes: &[(&str, Value)], expect: &str| {
            let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
            let resource = Resource { attributes, ..Resource::default() };
            assert_eq!(service_name_of(&resource.encode()), expect);
            assert_eq!(resource.service_name(), expect);
        };
        let cart = || ("service.name", Value::String("cart".into()));
        check(&[("a", Value::Array(vec![Value::Int(1)])), cart(), ("z", Value::Empty)], "cart");
        check(&[("a", Value::Empty)], UNKNOWN_SERVICE);
        check(&[("service.name", Value::Int(7)), cart()], UNKNOWN_SERVICE);
        check(&[("service.name", Value::String(String::new()))], UNKNOWN_SERVICE);
        assert_eq!(service_name_of(&[9, 9]), UNKNOWN_SERVICE);
    }
}
