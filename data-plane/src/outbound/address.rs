//! Which addresses belong to the public Internet. Pure.
//!
//! A remote source may name any host, and a name may resolve to anything; what decides is the address that would be connected to.
//! The ranges are those of the registries of special-purpose addresses, and the forms in which one address is written inside
//! another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an address outside the public Internet is for.
type Purpose = &'static str;

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: u16, second: u16, third: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), length)
}

/// IPv4 ranges that nobody on the Internet answers from.
const V4_SPECIAL: [(Ipv4Net, Purpose); 16] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private use"),
    (v4(100, 64, 0, 0, 10), "carrier-grade translation"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local, cloud metadata"),
    (v4(172, 16, 0, 0, 12), "private use"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private use"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved, broadcast"),
    // A cloud's metadata service at an address that would otherwise pass for public.
    (v4(168, 63, 129, 16, 32), "cloud metadata"),
];

/// Where global unicast addresses of IPv6 lie. Everything else is loopback, local, multicast or unassigned.
const V6_GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Ranges within it that are not of the Internet, or that hold an IPv4 address and go to a relay.
const V6_SPECIAL: [(Ipv6Net, Purpose); 4] = [
    // With Teredo (2001::/32), benchmarking and ORCHID.
    (v6(0x2001, 0, 0, 23), "protocol assignments"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
];

/// NAT64's well-known prefix. Behind it lies an IPv4 address, and in a network of IPv6 alone it is the only way there.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// What an address is for when it does not belong to the public Internet.
pub fn special_purpose(address: IpAddr) -> Option<Purpose> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Purpose> {
    V4_SPECIAL.iter().find(|(range, _)| range.contains(&address)).map(|(_, purpose)| *purpose)
}

fn special_v6(address: Ipv6Addr) -> Option<Purpose> {
    let octets = address.octets();
    let embedded = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    // Connecting to a mapped address is connecting to the one inside.
    if address.to_ipv4_mapped().is_some() || NAT64.contains(&address) {
        return special_v4(embedded);
    }
    if !V6_GLOBAL.contains(&address) {
        return Some("not global unicast");
    }
    if let Some((_, purpose)) = V6_SPECIAL.iter().find(|(range, _)| range.contains(&address)) {
        return Some(*purpose);
    }
    // ISATAP: any prefix, and an interface that says which IPv4 address it is a tunnel to.
    let interface = [octets[8] & !0x02, octets[9], octets[10], octets[11]];
    (interface == [0, 0, 0x5e, 0xfe]).then_some("ISATAP")
}

/// Which addresses may be connected to: the public ones, and those that the operator has named.
#[derive(Debug, Clone, Default)]
pub struct Reachable {
    named: Vec<IpNet>,
}

impl Reachable {
    /// The public addresses and these networks, as in `10.1.0.0/16` or `192.0.2.7`.
    pub fn new(networks: &[String]) -> Result<Self, String> {
        let read = |text: &String| {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| format!("`{text}` is no network, as in 10.1.0.0/16"))
        };
        Ok(Self { named: networks.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Whether an address may be connected to.
    pub fn includes(&self, address: IpAddr) -> bool {
        // A mapped address is the IPv4 address that it holds, also for who names networks.
        let plain = address.to_canonical();
        self.named.iter().any(|network| network.contains(&plain)) || special_purpose(address).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_all_others() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
            "2003::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ];
        for address in public {
            assert_eq!(special_purpose(address.parse().unwrap()), None, "{address}");
        }
        let special = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            // IPv4-compatible, also of a public address.
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            // Translated, of the well-known and of the local prefix.
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            // 6to4, Teredo, ISATAP.
            "2002:7f00:1::",
            "2002:808:808::1",
            "2001:0:53aa:64c::1",
            "2a00:1450::5efe:127.0.0.1",
            "2a00:1450::200:5efe:10.0.0.1",
            "100::1",
            "2001:db8::1",
            "2001:2::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ];
        for address in special {
            assert!(special_purpose(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn the_operator_may_name_networks() {
        let reachable = Reachable::new(&["10.1.0.0/16".into(), "::1".into()]).unwrap();
        for (address, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("127.0.0.1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(reachable.includes(address.parse().unwrap()), expected, "{address}");
        }
        assert!(Reachable::new(&["10.1.0.0/33".into()]).unwrap_err().contains("10.1.0.0/33"));
    }
}
