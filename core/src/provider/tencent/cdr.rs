//! Reads the record of a whole call (CDR), pushed with `action=cdr`: direction, parties, and times.
//!
//! The service's public documents describe it. The fields here determine direction, roles and
//! completeness.

use serde_json::{Map, Value};

use super::Push;
use super::roles::{in_order, is_withheld};
use crate::call::{Direction, Role};
use crate::provider::names::url_file_name;
use crate::provider::parties::{NamedParty, party};
use crate::provider::wire::WireWarnings;
use crate::provider::wire_type::{filled, wire};
use crate::provider::{CallDescription, Recording};

wire! {
    /// One push of `action=cdr`. All other fields stay in `extra`.
    Cdr {
        /// The application's id.
        sdk_app_id: i64 = "SdkAppId",
        /// The session's id.
        session_id: String = "SessionId",
        /// Who called.
        caller: String = "Caller",
        /// Who was called.
        callee: String = "Callee",
        /// 0: the customer called; 1: the agent did.
        direction: i64 = "Direction",
        /// 1 out, 2 in, 3 audio in, 5 predictive out, 6 between agents.
        call_type: i64 = "CallType",
        /// When the call was answered, in Unix seconds; 0 if it was not.
        accept_timestamp: i64 = "AcceptTimestamp",
        /// When the session began.
        start_timestamp: i64 = "StartTimestamp",
        /// When the session ended.
        ended_timestamp: i64 = "EndedTimestamp",
        /// The customer's recording.
        record_id: String = "RecordId",
        /// The address of the customer's recording.
        record_url: String = "RecordURL",
        /// The address of the customer's recording in the account's own storage.
        custom_record_url: String = "CustomRecordURL",
    }
}

wire! {
    /// An agent of a CDR: one of `ServeParticipants`, or `SeatUser`.
    CdrParticipant {
        /// The mail address, which names the agent in recordings.
        mail: String = "Mail",
        /// The agent's telephone, if the agent takes calls by telephone.
        phone: String = "Phone",
        /// The agent's id.
        user_id: String = "UserId",
        /// The position of the participant in time.
        sequence: i64 = "Sequence",
        /// When the agent was called.
        start_timestamp: i64 = "StartTimestamp",
        /// When the agent answered; 0 if the agent did not.
        accept_timestamp: i64 = "AcceptTimestamp",
        /// The agent's recording.
        record_id: String = "RecordId",
        /// The address of the agent's recording.
        record_url: String = "RecordURL",
        /// The address of the agent's recording in the account's own storage.
        custom_record_url: String = "CustomRecordURL",
    }
}

impl CdrParticipant {
    /// Returns `true` if a recording's party is this agent.
    fn is(&self, party: &str) -> bool {
        let names = [&self.mail, &self.phone, &self.user_id];
        names.into_iter().filter_map(|name| filled(name.as_ref())).any(|name| same_party(name, party))
    }

    fn is_recorded(&self) -> bool {
        [&self.record_id, &self.record_url, &self.custom_record_url].into_iter().any(|f| filled(f.as_ref()).is_some())
    }
}

impl Cdr {
    /// Returns `true` if an object of Tencent's is a CDR rather than a recording.
    pub(super) fn is_cdr(fields: &Map<String, Value>) -> bool {
        let own = ["ServeParticipants", "Direction", "CallType", "Caller", "Callee", "SeatUser"];
        own.iter().any(|name| fields.contains_key(*name)) && !fields.contains_key("EndpointUser")
    }

    /// Returns the direction, as seen from the service.
    pub fn direction_of_call(&self) -> Option<Direction> {
        match (self.call_type, self.direction) {
            (Some(6), _) => Some(Direction::Internal),
            (_, Some(0)) => Some(Direction::In),
            (_, Some(1)) => Some(Direction::Out),
            (Some(2 | 3), None) => Some(Direction::In),
            (Some(1 | 5), None) => Some(Direction::Out),
            _ => None,
        }
    }

    /// Returns the customer's number, as the CDR writes it.
    pub fn customer(&self) -> Option<&str> {
        match self.direction_of_call()? {
            Direction::In => filled(self.caller.as_ref()),
            Direction::Out => filled(self.callee.as_ref()),
            Direction::Internal => None,
        }
    }

    /// Returns the agents who took part, in the order in which they joined.
    pub fn agents(&self) -> Vec<CdrParticipant> {
        let listed = self.extra.get("ServeParticipants").and_then(Value::as_array).cloned().unwrap_or_default();
        let participant = |value: Value| match value {
            Value::Object(fields) => Some(CdrParticipant::from(fields)),
            _ => None,
        };
        let mut agents: Vec<CdrParticipant> = listed.into_iter().filter_map(participant).collect();
        agents.sort_by_key(|a| (a.sequence.unwrap_or(i64::MAX), a.accept_timestamp.or(a.start_timestamp)));
        let answered = self.accept_timestamp.is_some_and(|at| at > 0);
        let called_out = answered && self.direction_of_call() == Some(Direction::Out) && agents.len() == 1;
        agents.retain(|a| called_out || a.is_recorded() || a.accept_timestamp.is_some_and(|at| at > 0));
        if agents.is_empty() && answered {
            agents.extend(self.extra.get("SeatUser").cloned().and_then(participant));
        }
        agents
    }

    /// Returns whether each party who took part is on one of the recordings, or `None` if the CDR
    /// names no agent.
    pub(super) fn is_covered_by(&self, call: &CallDescription) -> Option<bool> {
        let agents = self.agents();
        let internal = self.direction_of_call() == Some(Direction::Internal);
        if agents.is_empty() {
            return None;
        }
        let heard = |agent: &CdrParticipant| parties(&call.recordings).any(|party| agent.is(party));
        let customer = internal || call.recordings.iter().any(|r| r.leg.role == Role::Customer);
        Some(customer && agents.iter().all(heard))
    }

    /// Returns the recordings for which only the CDR has an address: those of parties without a
    /// push.
    pub(super) fn recordings_beside(&self, pushes: &[Push]) -> Vec<Push> {
        let party_of = |push: &Push| filled(push.endpoint_user.as_ref()).map(str::to_owned);
        let file_of = |url: &Option<String>| filled(url.as_ref()).and_then(url_file_name);
        let is_new = |push: &Push| {
            let user = party_of(push);
            let same = |known: &Push| {
                let files = [&known.record_url, &known.custom_record_url].map(file_of);
                let file = file_of(&push.record_url).or_else(|| file_of(&push.custom_record_url));
                let party = party_of(known).zip(user.clone()).is_some_and(|(a, b)| same_party(&a, &b));
                party || (file.is_some() && files.contains(&file))
            };
            let addressed = file_of(&push.record_url).or_else(|| file_of(&push.custom_record_url)).is_some();
            addressed && user.is_some() && !pushes.iter().any(same)
        };
        let whole = |user: Option<&str>, id: &Option<String>, url: &Option<String>, own: &Option<String>| Push {
            sdk_app_id: self.sdk_app_id,
            record_id: id.clone(),
            session_id: self.session_id.clone(),
            endpoint_user: user.map(str::to_owned),
            record_url: url.clone(),
            custom_record_url: own.clone(),
            ..Push::default()
        };
        let customer = whole(self.customer(), &self.record_id, &self.record_url, &self.custom_record_url);
        let withheld = is_withheld(self.customer());
        let heard = |push: &Push| is_withheld(filled(push.endpoint_user.as_ref()));
        let customer = (!(withheld && pushes.iter().any(heard))).then_some(customer);
        let agents = self.agents();
        let agents = agents.iter().map(|a| {
            let name = filled(a.mail.as_ref()).or(filled(a.phone.as_ref())).or(filled(a.user_id.as_ref()));
            whole(name, &a.record_id, &a.record_url, &a.custom_record_url)
        });
        customer.into_iter().chain(agents).filter(is_new).collect()
    }

    /// Adds the CDR's knowledge to a call: direction and roles.
    pub(super) fn tell(&self, call: &mut CallDescription, notes: &mut WireWarnings) {
        let agents = self.agents();
        call.call.direction = self.direction_of_call();
        if call.call.direction.is_none() {
            notes.add("direction_unknown", "the CDR's Direction and CallType say nothing that is documented");
        }
        if call.call.direction == Some(Direction::Internal) {
            call.recordings.iter_mut().for_each(|r| r.leg.role = Role::Participant);
            call.customer = None;
            return;
        }
        for recording in &mut call.recordings {
            self.assign(recording, &agents, notes);
        }
        self.assign_rest(&mut call.recordings, notes);
        in_order(&mut call.recordings);
        let of_role =
            |role: Role| call.recordings.iter().find(|r| r.leg.role == role).and_then(|r| r.leg.party.clone());
        let number = self.customer().filter(|number| party(number) == NamedParty::Phone).map(str::to_owned);
        call.customer = number.or_else(|| of_role(Role::Customer));
        call.agent = of_role(Role::Agent).or_else(|| agents.first().and_then(|a| a.mail.clone().or(a.phone.clone())));
    }

    fn assign(&self, recording: &mut Recording, agents: &[CdrParticipant], notes: &mut WireWarnings) {
        let Some(party) = recording.leg.party.as_deref() else { return };
        if self.customer().is_some_and(|customer| same_party(customer, party)) {
            recording.leg.role = Role::Customer;
        } else if let Some(at) = agents.iter().position(|agent| agent.is(party)) {
            recording.leg.role = if at == 0 { Role::Agent } else { Role::Transfer };
        } else if !agents.is_empty() && matches!(recording.leg.role, Role::Agent | Role::Transfer) {
            recording.leg.role = Role::Transfer;
            notes.add(
                "party_not_in_cdr",
                format!("recording {} is of an agent whom the CDR does not name", recording.label()),
            );
        }
    }

    /// Makes the only remaining recording the customer's, if no party matches the customer's
    /// number. The number is then withheld, or written differently.
    fn assign_rest(&self, recordings: &mut [Recording], notes: &mut WireWarnings) {
        if recordings.iter().any(|r| r.leg.role == Role::Customer) {
            return;
        }
        let mut others = recordings.iter_mut().filter(|r| matches!(r.leg.role, Role::Unknown | Role::Participant));
        if let (Some(only), None) = (others.next(), others.next()) {
            only.leg.role = Role::Customer;
            notes.add("customer_by_cdr", "the one recording that is no agent's is taken for the customer's");
        }
    }
}

/// Returns the parties of recordings.
fn parties(recordings: &[Recording]) -> impl Iterator<Item = &str> {
    recordings.iter().filter_map(|r| r.leg.party.as_deref())
}

/// The number of digits that identify a subscriber, in every notation: the last seven.
const SUBSCRIBER_DIGITS: usize = 7;

/// Returns `true` if two names are of one party: equal except for case, or numbers of which one
/// ends with the other.
fn same_party(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    if a.eq_ignore_ascii_case(b) {
        return true;
    }
    let both_numbers = party(a) == NamedParty::Phone && party(b) == NamedParty::Phone;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    // A number with a country code has no trunk prefix.
    let (a, b) = (digits(a), digits(b));
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    let long = a.len().min(b.len()) >= SUBSCRIBER_DIGITS;
    both_numbers && long && (a.ends_with(b) || b.ends_with(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_party_however_it_is_written() {
        for (a, b) in [
            ("+66812345678", "0812345678"),
            ("008613800138000", "+86 138-0013-8000"),
            ("Anna@X.example", "anna@x.example"),
            ("66812345678", "812345678"),
        ] {
            assert!(same_party(a, b) && same_party(b, a), "{a} {b}");
        }
        for (a, b) in [("0812345678", "0812345679"), ("204", "1204"), ("anonymous", "+66812345678"), ("a@x", "b@x")] {
            assert!(!same_party(a, b), "{a} {b}");
        }
    }

    #[test]
    fn directions_are_those_of_the_document() {
        let cdr = |direction, call_type| Cdr { direction, call_type, ..Cdr::default() }.direction_of_call();
        assert_eq!(cdr(Some(0), None), Some(Direction::In));
        assert_eq!(cdr(Some(1), Some(5)), Some(Direction::Out));
        assert_eq!(cdr(None, Some(1)), Some(Direction::Out));
        assert_eq!(cdr(None, Some(3)), Some(Direction::In));
        assert_eq!(cdr(Some(0), Some(6)), Some(Direction::Internal));
        assert_eq!((cdr(None, None), cdr(Some(7), None)), (None, None));
    }
}
