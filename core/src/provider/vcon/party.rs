//! Reads the parties of a vCon: their names and their roles.

use serde_json::{Map, Value};

use super::wrong::note_unknown;
use crate::call::Role;
use crate::provider::parties::{told_apart, without_scheme};
use crate::provider::wire::{Lenient as _, WireWarnings};

/// The fields that name a party, the best first.
const NAMES: [&str; 6] = ["tel", "sip", "mailto", "name", "uuid", "did"];

/// The other fields of a party in the draft, in its contact center extension, and in earlier
/// drafts.
const FIELDS: [&str; 11] = [
    "stir",
    "validation",
    "gmlpos",
    "civicaddress",
    "type",
    "org",
    "dept",
    "role",
    "contact_list",
    "timezone",
    "jCard",
];

/// A party of a vCon.
#[derive(Debug, Clone)]
pub(super) struct VconParty {
    /// A name that no other party has: a number, an address or a name, or else the place in the
    /// document.
    pub who: String,
    /// The role in the call.
    pub role: Role,
}

/// Returns the parties in their order.
pub(super) fn parties(list: &[Map<String, Value>], notes: &mut WireWarnings) -> Vec<VconParty> {
    let names: Vec<Vec<String>> = list.iter().map(names).collect();
    let place = |at: usize| format!("parties[{at}]");
    for (at, fields) in list.iter().enumerate() {
        note_unknown(fields, &format!("{}.", place(at)), &[&NAMES[..], &FIELDS[..]].concat(), notes);
    }
    let told = told_apart(&names, place).into_iter().zip(list);
    told.enumerate().map(|(at, (who, fields))| VconParty { who, role: role(fields, &place(at), notes) }).collect()
}

/// Returns the names of a party, without the schemes of its addresses.
fn names(fields: &Map<String, Value>) -> Vec<String> {
    let text = |name: &&str| fields.get(*name).and_then(String::read);
    let bare = |text: String| without_scheme(text.trim()).to_owned();
    NAMES.iter().filter_map(text).map(bare).filter(|name| !name.is_empty()).collect()
}

/// Returns the role of a party, by the contact center extension. An unknown role is named in a
/// warning.
fn role(fields: &Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Role {
    let Some(said) = fields.get("role").filter(|role| !role.is_null()) else { return Role::Unknown };
    let known = match said.as_str().unwrap_or_default().trim().to_lowercase().as_str() {
        "supervisor" | "sme" | "thirdparty" => Some(Role::Participant),
        named => Role::from_name(named).filter(|role| *role != Role::Mixed),
    };
    if known.is_none() {
        notes.add("unknown_value", format!("{place}.role {said} is no role that is known; it is kept"));
    }
    known.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(list: Value) -> (Vec<(String, Role)>, Vec<String>) {
        let list: Vec<_> = list.as_array().unwrap().iter().map(|party| party.as_object().unwrap().clone()).collect();
        let mut notes = WireWarnings::default();
        let told = parties(&list, &mut notes).into_iter().map(|party| (party.who, party.role)).collect();
        (told, notes.into_list().into_iter().map(|note| note.message).collect())
    }

    #[test]
    fn a_party_is_called_what_no_other_is() {
        let list = json!([
            {"tel": "tel:+12345678901", "name": "Alice", "role": "Customer"}, {"sip": "sips:bob@b.example", "role": "sme"},
            {"name": "anonymous"}, {"name": "anonymous", "uuid": "7"}, {}, {"tel": 204, "role": "host"}]);
        let expected = [
            ("+12345678901", Role::Customer),
            ("bob@b.example", Role::Participant),
            ("parties[2]", Role::Unknown),
            ("7", Role::Unknown),
            ("parties[4]", Role::Unknown),
            ("204", Role::Unknown),
        ];
        let (told, notes) = of(list);
        assert_eq!(told, expected.map(|(who, role)| (who.to_owned(), role)));
        assert_eq!(notes, ["parties[5].role \"host\" is no role that is known; it is kept"]);
    }
}
