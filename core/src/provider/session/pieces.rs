//! Collects a call whose recordings must be requested: Wellcloud's list of a call, VoIPBin's
//! recordings of one reference.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Patience, SessionProgress, Standing, fingerprint};
use crate::error::Result;
use crate::provider::records::only;
use crate::provider::{CallDescription, Kind, MAX_RECORDINGS, Options, State, read_as, wellcloud};

/// The rows of one call, collected from repeated lists.
///
/// A call is complete when each recording is finished and a second look found nothing more. Each
/// further look is at twice the call's age, so that late recordings are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PieceSession {
    kind: Kind,
    call_id: String,
    /// When the call ended, or when the service learned of it.
    ended_ms: i64,
    rows: Vec<Map<String, Value>>,
    /// When a row last arrived or changed.
    changed_ms: Option<i64>,
    looked_ms: Option<i64>,
    handled: Option<String>,
}

impl PieceSession {
    /// Creates a session of a call without rows that ended at `ended_ms` (Unix milliseconds).
    pub fn new(kind: Kind, call_id: impl Into<String>, ended_ms: i64) -> Self {
        let (rows, changed_ms, looked_ms, handled) = (Vec::new(), None, None, None);
        Self { kind, call_id: call_id.into(), ended_ms, rows, changed_ms, looked_ms, handled }
    }

    /// Returns the call's id.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Returns when the call ended, in Unix milliseconds.
    pub fn ended_ms(&self) -> i64 {
        self.ended_ms
    }

    /// Adds the result of a look: the rows of a list, or no rows if it was refused. Returns `true`
    /// if anything is new. A row that is no longer listed stays.
    pub fn take(&mut self, rows: Vec<Map<String, Value>>, now_ms: i64) -> bool {
        self.looked_ms = Some(now_ms);
        let mut changed = false;
        for row in rows {
            changed |= self.put(row);
        }
        if changed {
            self.changed_ms = Some(now_ms);
        }
        changed
    }

    /// Replaces the row with the same id, or adds the row at the end. Returns `true` if that
    /// changes anything.
    fn put(&mut self, row: Map<String, Value>) -> bool {
        let id = row.get("id").filter(|id| !id.is_null());
        let known = self.rows.iter().position(|known| id.is_some() && known.get("id") == id);
        if self.rows.contains(&row) || (known.is_none() && self.rows.len() >= MAX_RECORDINGS) {
            return false;
        }
        match known.and_then(|at| self.rows.get_mut(at)) {
            Some(known) => *known = row,
            None => self.rows.push(row),
        }
        true
    }

    /// Returns the rows as one document of the call's provider.
    pub fn document(&self) -> Value {
        Value::Array(self.rows.iter().cloned().map(Value::Object).collect())
    }

    /// Describes the call by its rows.
    ///
    /// # Errors
    /// As [`read_as`]; `provider` while there is no row.
    pub fn describe(&self, options: &Options) -> Result<CallDescription> {
        only(read_as(self.kind, &self.document().to_string(), options)?)
    }

    /// Returns a fingerprint of what the call's record depends on. Pass it to
    /// [`PieceSession::handled`] once the record is made.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.describe(&Options::default()).ok().as_ref())
    }

    /// Records that the call was processed in the state with this fingerprint.
    pub fn handled(&mut self, fingerprint: impl Into<String>) {
        self.handled = Some(fingerprint.into());
    }

    /// Returns the state of the session.
    pub fn standing(&self, patience: &Patience, now_ms: i64) -> Standing {
        let call = self.describe(&Options::default()).ok();
        let finished = |call: &CallDescription| {
            let over = |state| matches!(state, State::Ready | State::Failed);
            !call.recordings.is_empty() && call.recordings.iter().all(|r| over(r.state))
        };
        let seen_twice = self.changed_ms.zip(self.looked_ms).is_some_and(|(changed, looked)| looked > changed);
        // A call that was old when the service learned of it gets no second look.
        let old = now_ms.saturating_sub(self.ended_ms) as f64 > patience.deadline.0;
        let progress = SessionProgress {
            handled: self.handled.as_deref(),
            current: &fingerprint(call.as_ref()),
            complete: call.as_ref().is_some_and(finished) && (seen_twice || old),
            last_ms: self.changed_ms.unwrap_or(self.ended_ms),
        };
        progress.standing(patience, now_ms)
    }

    /// Returns when to look next, in Unix milliseconds, or `None` once the call is older than the
    /// deadline. The first look is 4 s after the end, as Wellcloud's document advises. Each further
    /// look is at twice the call's age.
    pub fn next_look(&self, patience: &Patience) -> Option<i64> {
        let settle_ms = i64::try_from(wellcloud::SETTLE.as_millis()).unwrap_or(i64::MAX);
        let age = |at: i64| at.saturating_sub(self.ended_ms);
        let next = self.looked_ms.map_or(settle_ms, |looked| age(looked).saturating_mul(2).max(settle_ms));
        let last = self.looked_ms.is_some_and(|looked| age(looked) as f64 > patience.deadline.0);
        (!last).then(|| self.ended_ms.saturating_add(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(id: &str, state: &str) -> Map<String, Value> {
        let row = json!({
            "id": id, "callId": "c", "ani": "0812345678", "dnis": "8010@x", "deviceId": "8010@x",
            "callDirection": "Inbound", "startTime": "2018.01.29 16:08:23", "state": state,
        });
        row.as_object().unwrap().clone()
    }

    fn stored(session: &PieceSession) -> PieceSession {
        serde_json::from_str(&serde_json::to_string(session).unwrap()).unwrap()
    }

    #[test]
    fn a_call_is_looked_at_until_a_second_look_finds_nothing_more() {
        let patience = Patience::default();
        let mut session = PieceSession::new(Kind::Wellcloud, "c", 1_000_000);
        assert_eq!(session.next_look(&patience), Some(1_004_000));
        assert!(matches!(session.standing(&patience, 1_004_000), Standing::Waiting { .. }));
        assert!(!session.take(Vec::new(), 1_004_000));
        assert_eq!(session.next_look(&patience), Some(1_008_000));
        assert!(session.take(vec![row("a", "Success")], 1_008_000));
        assert!(matches!(session.standing(&patience, 1_013_001), Standing::Waiting { .. }));
        let mut session = stored(&session);
        assert!(!session.take(vec![row("a", "Success")], 1_016_000));
        assert_eq!(session.standing(&patience, 1_016_000), Standing::Ready);
        session.handled(session.fingerprint());
        assert_eq!(session.standing(&patience, 9_000_000), Standing::Settled);
    }

    #[test]
    fn a_late_piece_and_one_that_becomes_ready_make_it_anew() {
        let patience = Patience::default();
        let mut session = PieceSession::new(Kind::Wellcloud, "c", 0);
        session.take(vec![row("a", "Fail")], 4_000);
        session.take(vec![row("a", "Fail")], 9_000);
        session.handled(session.fingerprint());
        session.take(vec![row("b", "Success"), row("a", "Fail")], 32_000);
        assert_eq!(session.standing(&patience, 32_001), Standing::Waiting { until_ms: 37_000 });
        assert_eq!(session.standing(&patience, 37_000), Standing::Changed);
        session.handled(session.fingerprint());
        session.take(vec![row("a", "Success")], 64_000);
        assert_eq!(session.standing(&patience, 69_000), Standing::Changed);
        assert_eq!(session.describe(&Options::default()).unwrap().recordings.len(), 2);
    }

    #[test]
    fn a_call_without_a_row_is_ready_to_be_listed_at_its_deadline_and_looked_at_no_more() {
        let patience = Patience::default();
        let mut session = PieceSession::new(Kind::Voipbin, "c", 0);
        let mut looks = 0;
        while let Some(at) = session.next_look(&patience) {
            session.take(Vec::new(), at);
            looks += 1;
        }
        assert!((10..20).contains(&looks), "{looks}");
        assert_eq!(session.standing(&patience, 7_200_000), Standing::Ready);
        assert!(session.describe(&Options::default()).is_err());
        session.handled(session.fingerprint());
        assert_eq!(session.standing(&patience, 7_200_001), Standing::Settled);
    }

    #[test]
    fn a_call_of_long_ago_is_ready_behind_its_first_look() {
        let patience = Patience::default();
        let mut session = PieceSession::new(Kind::Wellcloud, "c", 0);
        session.take(vec![row("a", "Success")], 1_000_000_000);
        assert_eq!(session.next_look(&patience), None);
        assert_eq!(session.standing(&patience, 1_000_005_000), Standing::Ready);
    }

    #[test]
    fn a_recording_of_voipbin_that_goes_on_is_waited_for() {
        let record = |status: &str| {
            let record = json!({"id": "a", "reference_id": "c", "reference_type": "call", "status": status});
            vec![record.as_object().unwrap().clone()]
        };
        let patience = Patience::default();
        let mut session = PieceSession::new(Kind::Voipbin, "c", 0);
        session.take(record("recording"), 4_000);
        session.take(record("recording"), 8_000);
        assert_eq!(session.standing(&patience, 20_000), Standing::Waiting { until_ms: 7_204_000 });
        session.take(record("ended"), 16_000);
        session.take(record("ended"), 32_000);
        assert_eq!(session.standing(&patience, 32_000), Standing::Ready);
    }
}
