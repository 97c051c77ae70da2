//! Classifies names of parties and ids (telephone numbers, mail addresses, UUIDs), and encodes them
//! for URLs.

use std::collections::{BTreeMap, BTreeSet};

/// Returns a text as one segment of a path or one value of a query. Escapes everything but letters,
/// digits and `-._~` (RFC 3986).
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Returns `true` if a text has the form of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    lengths && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// The kind of party that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedParty {
    /// A telephone number: 3 to 20 digits, possibly masked with `*`, and possibly with the usual
    /// marks between them.
    Phone,
    /// A text with an `@` inside.
    Mail,
    /// Any other text.
    Other,
}

/// Returns the kind of party that a text names.
pub(super) fn party(text: &str) -> NamedParty {
    let text = text.trim();
    if text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) {
        return NamedParty::Mail;
    }
    let number = text.strip_prefix('+').unwrap_or(text);
    let digits = number.chars().filter(|c| c.is_ascii_digit() || *c == '*').count();
    let usual = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | ' ' | '-' | '.' | '(' | ')'));
    if usual && (3..=20).contains(&digits) { NamedParty::Phone } else { NamedParty::Other }
}

/// Returns a number or an address without the scheme of its URI.
pub(super) fn without_scheme(address: &str) -> &str {
    let known = |scheme: &str| ["tel", "sip", "sips", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    address.split_once(':').filter(|(scheme, _)| known(scheme)).map_or(address, |(_, rest)| rest)
}

/// The longest name of a party. It is told with each of the party's recordings and facts.
const MAX_NAME_BYTES: usize = 1024;

/// Returns for each party the first of its names that no other party has, or else its place in the
/// document. Names beyond a kilobyte are none.
pub(super) fn told_apart(names: &[Vec<String>], place: impl Fn(usize) -> String) -> Vec<String> {
    let mut called: BTreeMap<&str, usize> = BTreeMap::new();
    for own in names {
        for name in own.iter().map(String::as_str).collect::<BTreeSet<_>>() {
            *called.entry(name).or_default() += 1;
        }
    }
    let tells = |name: &&String| name.len() <= MAX_NAME_BYTES && called.get(name.as_str()) == Some(&1);
    let own = |names: &[String]| names.iter().find(tells).cloned();
    names.iter().enumerate().map(|(at, names)| own(names).unwrap_or_else(|| place(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::names::url_file_name;

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(url_file_name(&format!("/{}", percent_encoded("+66 ก/?&=%~"))).as_deref(), Some("+66 ก/?&=%~"));
        assert_eq!(percent_encoded("+66/a~"), "%2B66%2Fa~");
    }

    #[test]
    fn a_party_is_called_by_a_name_of_its_own_that_is_no_book() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let book = "a".repeat(1025);
        let parties = [names(&["x", "anna"]), names(&["x", &book, "ben"]), names(&[&book[1..]]), names(&["x"])];
        let told = told_apart(&parties, |at| format!("party[{at}]"));
        assert_eq!(told, ["anna", "ben", &book[1..], "party[3]"]);
    }

    #[test]
    fn parties() {
        for phone in ["13800138000", "+66 81-234-5678", "(020) 7946.0018", "138****8000", "008613800138000"] {
            assert_eq!(party(phone), NamedParty::Phone, "{phone}");
        }
        for mail in ["lululing@tencent.com", "8010@zhen04.cc"] {
            assert_eq!(party(mail), NamedParty::Mail, "{mail}");
        }
        for other in ["", "@", "anna", "12", "1+2345", "1234567890123456789012"] {
            assert_eq!(party(other), NamedParty::Other, "{other}");
        }
    }
}
