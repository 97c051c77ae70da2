//! Collects the pushes of a session of Tencent's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Cdr, Delivery, DeliveryKind, Push, described};
use crate::call::Role;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::session::{Patience, SessionProgress, Standing, fingerprint};
use crate::provider::{CallDescription, MAX_RECORDINGS};

/// The pushes of one session. It is a plain value: store it between pushes.
///
/// A session is complete if its CDR names the participants and all their recordings are present.
/// Without a CDR, it is complete with a customer and an agent. A later push makes its record again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    id: String,
    deliveries: Vec<Delivery>,
    /// The UUIDs of repeats that were recognized by their bodies.
    repeated: BTreeSet<String>,
    /// When the last push that was not a repeat arrived, in Unix milliseconds.
    last_ms: i64,
    handled: Option<String>,
}

/// The result of taking a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// The push adds new data to the call.
    New,
    /// The push arrived before.
    Repeat,
    /// The kind of the push is unknown. It was kept, and makes no track.
    Kept,
}

impl Session {
    /// Creates a session without pushes.
    pub fn new(id: impl Into<String>) -> Self {
        let (deliveries, repeated) = (Vec::new(), BTreeSet::new());
        Self { id: id.into(), deliveries, repeated, last_ms: 0, handled: None }
    }

    /// Returns the session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Takes a push that arrived at `now_ms` (Unix milliseconds). A push with a known UUID, or with
    /// the body of a known push, changes nothing.
    ///
    /// # Errors
    /// `invalid_argument` for a push of another session, `limit_exceeded` for too many pushes of
    /// one session.
    pub fn take(&mut self, delivery: Delivery, now_ms: i64) -> Result<Taken> {
        if delivery.session_id() != Some(&*self.id) {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "a push of another session"));
        }
        if self.is_known(&delivery) {
            self.repeated.extend(delivery.uuid);
            return Ok(Taken::Repeat);
        }
        if self.deliveries.len() >= 4 * MAX_RECORDINGS {
            let error = Error::new(ErrorKind::LimitExceeded, Stage::Provider, "too many pushes of one session");
            return Err(error.with_mismatch(self.deliveries.len() + 1, format!("{} at most", 4 * MAX_RECORDINGS)));
        }
        let kind = delivery.kind();
        self.deliveries.push(delivery);
        if kind == DeliveryKind::Other {
            return Ok(Taken::Kept);
        }
        self.last_ms = self.last_ms.max(now_ms);
        Ok(Taken::New)
    }

    fn is_known(&self, delivery: &Delivery) -> bool {
        let same_uuid = |known: &Delivery| known.uuid.is_some() && known.uuid == delivery.uuid;
        let same_body = |known: &Delivery| known.action == delivery.action && known.body == delivery.body;
        let repeated = delivery.uuid.as_ref().is_some_and(|uuid| self.repeated.contains(uuid));
        repeated || self.deliveries.iter().any(|known| same_uuid(known) || same_body(known))
    }

    fn bodies(&self, kind: DeliveryKind) -> impl Iterator<Item = &Map<String, Value>> {
        self.deliveries.iter().filter(move |delivery| delivery.kind() == kind).map(|delivery| &delivery.body)
    }

    /// Returns the pushes of unknown kinds, as they arrived.
    pub fn others(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().filter(|delivery| delivery.kind() == DeliveryKind::Other)
    }

    /// Returns the CDR. If there are several, returns the one that arrived last.
    pub fn cdr(&self) -> Option<Cdr> {
        self.bodies(DeliveryKind::Cdr).last().cloned().map(Cdr::from)
    }

    /// Returns recordings and CDR as one document of Tencent's, for
    /// [`read`](crate::provider::read).
    pub fn document(&self) -> Value {
        let cdr = self.bodies(DeliveryKind::Cdr).last();
        Value::Array(self.bodies(DeliveryKind::Record).chain(cdr).cloned().map(Value::Object).collect())
    }

    /// Describes the call: its recordings, roles and direction, by the CDR if there is one.
    ///
    /// # Errors
    /// `provider` while there is no recording, `limit_exceeded` for too many.
    pub fn describe(&self) -> Result<CallDescription> {
        let pushes: Vec<Push> = self.bodies(DeliveryKind::Record).cloned().map(Push::from).collect();
        described(Some(self.id.clone()), pushes, self.cdr().as_ref())
    }

    /// Returns a fingerprint of what the call's record depends on. Pass it to [`Session::handled`]
    /// once the record is made.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.describe().ok().as_ref())
    }

    /// Records that the session was processed in the state with this fingerprint.
    pub fn handled(&mut self, fingerprint: impl Into<String>) {
        self.handled = Some(fingerprint.into());
    }

    /// Returns the state of the session. A session without a recording is ready at its deadline, so
    /// that it can be listed. [`Session::describe`] then returns an error.
    pub fn standing(&self, patience: &Patience, now_ms: i64) -> Standing {
        let call = self.describe().ok();
        let progress = SessionProgress {
            handled: self.handled.as_deref(),
            current: &fingerprint(call.as_ref()),
            complete: call.as_ref().is_some_and(|call| self.is_complete(call, patience)),
            last_ms: self.last_ms,
        };
        progress.standing(patience, now_ms)
    }

    fn is_complete(&self, call: &CallDescription, patience: &Patience) -> bool {
        let heard = |role: Role| call.recordings.iter().any(|r| r.leg.role == role);
        match self.cdr().map(|cdr| cdr.is_covered_by(call)) {
            Some(Some(covered)) => covered,
            None if patience.expects_cdr => false,
            _ => heard(Role::Customer) && heard(Role::Agent),
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
