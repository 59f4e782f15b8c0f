//! The endpoint of a Zipkin span: a service and its network address, each of which may be absent.
//!
//! Filled by every walk. Invariant: addresses that embed an IPv4 address in IPv6 are held as IPv4, as Zipkin does.

use super::fault::Fault;
use crate::draft::RawText;
use crate::json_value::raw;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A service and its address.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Endpoint<'a> {
    /// Empty when unknown.
    pub(super) service_name: RawText<'a>,
    /// Text of the IPv4 address, or what was sent in place of one; empty when unknown.
    pub(super) ipv4: RawText<'a>,
    /// Text of the IPv6 address, empty when unknown.
    pub(super) ipv6: RawText<'a>,
    /// 0 when unknown.
    pub(super) port: u16,
}

impl<'a> Endpoint<'a> {
    /// Whether it says nothing, which is the same as no endpoint.
    pub(super) fn is_empty(&self) -> bool {
        self.service_name.is_empty()
            && self.ipv4.is_empty()
            && self.ipv6.is_empty()
            && self.port == 0
    }

    /// Whether both name the same service. Zipkin knows no letter case here.
    pub(super) fn is_same_service(&self, other: &Self) -> bool {
        self.service_name.eq_ignore_ascii_case(&other.service_name)
    }

    /// Takes an address.
    pub(super) fn put_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.ipv4 = address.to_string().into_bytes().into(),
            IpAddr::V6(address) => match embedded(address) {
                Some(address) => self.put_address(IpAddr::V4(address)),
                None => self.ipv6 = address.to_string().into_bytes().into(),
            },
        }
    }

    /// Takes an address of 4 or 16 bytes; Zipkin ignores those of other lengths.
    pub(super) fn put_address_bytes(&mut self, bytes: &[u8]) {
        if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            self.put_address(Ipv4Addr::from(octets).into());
        } else if let Ok(octets) = <[u8; 16]>::try_from(bytes) {
            self.put_address(Ipv6Addr::from(octets).into());
        }
    }

    /// Takes an address as text. What is none, such as a host name, is kept as it was sent.
    pub(super) fn put_address_text(&mut self, text: Cow<'a, str>) {
        match text.parse() {
            Ok(address @ IpAddr::V6(_)) => self.put_address(address),
            _ if text.is_empty() => {}
            _ => self.ipv4 = raw(text),
        }
    }

    /// Takes a port: none up to 0.
    pub(super) fn put_port(&mut self, port: i128) -> Result<(), Fault> {
        self.port = u16::try_from(port.max(0))
            .map_err(|_| Fault::malformed(format!("port {port} is above {}", u16::MAX)))?;
        Ok(())
    }
}

/// The IPv4 address that an IPv6 address stands for: `::ffff:a.b.c.d`, and `::a.b.c.d` unless it is one such as `::1`.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    address.to_ipv4_mapped().or_else(|| address.to_ipv4().filter(|four| four.octets()[0] != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(endpoint: &Endpoint<'_>) -> String {
        let text = |raw: &RawText<'_>| String::from_utf8_lossy(raw).into_owned();
        format!("{}|{}", text(&endpoint.ipv4), text(&endpoint.ipv6))
    }

    #[test]
    fn addresses_are_told_apart_and_embedded_ones_taken_out() {
        let check = |text: &'static str, expect: &str| {
            let mut endpoint = Endpoint::default();
            endpoint.put_address_text(text.into());
            assert_eq!(shown(&endpoint), expect, "{text}");
            assert_eq!(endpoint.is_empty(), expect == "|", "{text}");
        };
        check("", "|");
        check("10.1.2.3", "10.1.2.3|");
        check("2001:DB8::7", "|2001:db8::7");
        check("::ffff:10.1.2.3", "10.1.2.3|");
        check("::10.1.2.3", "10.1.2.3|");
        check("::1", "|::1");
        check("::", "|::");
        check("db.internal", "db.internal|");
    }

    #[test]
    fn addresses_of_bytes() {
        let check = |bytes: &[u8], expect: &str| {
            let mut endpoint = Endpoint::default();
            endpoint.put_address_bytes(bytes);
            assert_eq!(shown(&endpoint), expect, "{bytes:?}");
        };
        check(&[10, 1, 2, 3], "10.1.2.3|");
        check(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3], "10.1.2.3|");
        check(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 1, 2, 3], "10.1.2.3|");
        check(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], "|2001:db8::7");
        check(&[1, 2], "|");
    }

    #[test]
    fn ports_are_of_16_bits_and_none_up_to_0() {
        let check = |port: i128, expect: Option<u16>| {
            let mut endpoint = Endpoint::default();
            assert_eq!(endpoint.put_port(port).ok().map(|()| endpoint.port), expect, "{port}");
        };
        check(-1, Some(0));
        check(0, Some(0));
        check(65_535, Some(65_535));
        check(65_536, None);
    }
}
