//! Lists of domains that an environment allows. One module reads an entry and holds a host against it, so that both mean the same.

use url::Host;

/// The longest name that the domain name system has, in characters.
const LONGEST: usize = 253;

/// Reads an entry of a list: a host, which stands for itself and all below it, or `*.` and a host, which stands for all below it only.
/// The answer is the form that [`covers`] takes: lower case, international names in their ASCII form.
pub fn read_domain(text: &str) -> Option<String> {
    let text = text.trim();
    let (prefix, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
    let host = Host::parse(name.trim_end_matches('.')).ok()?;
    let name = match host {
        // Below an address there is nothing.
        Host::Ipv4(_) | Host::Ipv6(_) if !prefix.is_empty() => return None,
        Host::Domain(name) => name,
        address => address.to_string(),
    };
    let is_fit = !name.is_empty() && name.len() <= LONGEST && !name.contains('*');
    is_fit.then(|| format!("{prefix}{name}"))
}

/// Whether a host is one of these domains or lies below one. The host is in the form that `url` gives it.
pub fn covers(domains: &[String], host: &str) -> bool {
    let host = host.trim_end_matches('.');
    domains.iter().any(|domain| {
        let (is_below_only, domain) = match domain.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, domain.as_str()),
        };
        let is_address = domain.parse::<std::net::Ipv4Addr>().is_ok();
        let is_below = !is_address && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        is_below || (!is_below_only && host == domain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_cover_themselves_and_what_is_below() {
        let domains = ["example.com", "*.Media.example", "192.0.2.7", "bücher.example", "[2001:DB8::1]"];
        let domains: Vec<String> = domains.iter().map(|domain| read_domain(domain).unwrap()).collect();
        for (host, expected) in [
            ("example.com", true),
            ("example.com.", true),
            ("a.b.example.com", true),
            ("notexample.com", false),
            ("example.com.evil.test", false),
            ("media.example", false),
            ("a.media.example", true),
            ("192.0.2.7", true),
            ("8.192.0.2.7", false),
            ("xn--bcher-kva.example", true),
            ("[2001:db8::1]", true),
        ] {
            assert_eq!(covers(&domains, host), expected, "{host}");
        }
    }

    #[test]
    fn what_is_no_domain_is_not_read() {
        for text in ["", "*.", "a b", "http://example.com", "example.com/a", "example.com:80", "a.*.com", "*.192.0.2.7"]
        {
            assert_eq!(read_domain(text), None, "{text}");
        }
        assert_eq!(read_domain(&format!("{}.com", "a".repeat(250))), None);
    }
}
