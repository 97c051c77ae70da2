//! Compares a recording at MCloud with the one that we sent, and finds which of its fields are
//! still ours.

use serde_json::Value;

use super::{NewRecording, Record};
use crate::call::{Moment, Tag};
use crate::provider::wire_type::filled;

/// Returns `true` if a field that no `PATCH` can change differs from the intended recording.
/// Ignores fields that the response leaves out.
pub(super) fn differs(there: &Record, wanted: &NewRecording) -> bool {
    let at = |moment: Moment| moment.unix_ms();
    let call_at = filled(there.call_at.as_ref()).and_then(Moment::from_rfc3339).map(at);
    let texts = [
        (&there.direction, Some(wanted.direction.name())),
        (&there.customer_phone, wanted.customer_phone.as_deref()),
        (&there.callcenter_number, wanted.callcenter_number.as_deref()),
        (&there.callcenter_name, wanted.callcenter_name.as_deref()),
        (&there.content_type, wanted.content_type.as_deref()),
    ];
    let differs = |(there, wanted): &(&Option<String>, Option<&str>)| {
        wanted.is_some_and(|wanted| filled(there.as_ref()).is_some_and(|there| there != wanted))
    };
    let missing = wanted.customer_phone.is_some() && filled(there.customer_phone.as_ref()).is_none();
    missing || call_at.is_some_and(|there| there != at(wanted.call_at)) || texts.iter().any(differs)
}

/// Returns `true` if nobody has reviewed the recording since we sent it: tag, score and note are
/// ours, and there is neither a comment nor a link.
pub(super) fn is_untouched(there: &Record, ours: Option<&NewRecording>) -> bool {
    ours.is_some_and(|ours| is_our_tag(there, ours) && is_our_note(there, ours)) && !is_reviewed(there, ours)
}

/// Returns the tag and note to patch, if they are still ours and shall change. Returns nothing
/// after a review.
pub(super) fn patch_of(
    there: &Record,
    ours: Option<&NewRecording>,
    wanted: &NewRecording,
) -> Option<(Option<Tag>, Option<String>)> {
    let ours = ours.filter(|_| !is_reviewed(there, ours))?;
    let other_tag = there.tag.as_deref() != wanted.tag.map(Tag::name);
    let tag = wanted.tag.filter(|_| other_tag && is_our_tag(there, ours));
    let other_note = filled(there.note.as_ref()) != filled(wanted.note.as_ref());
    let note = wanted.note.clone().filter(|_| other_note && is_our_note(there, ours));
    (tag.is_some() || note.is_some()).then_some((tag, note))
}

fn is_our_tag(there: &Record, ours: &NewRecording) -> bool {
    filled(there.tag.as_ref()) == ours.tag.map(Tag::name)
}

fn is_our_note(there: &Record, ours: &NewRecording) -> bool {
    filled(there.note.as_ref()) == filled(ours.note.as_ref())
}

/// Returns `true` if the recording has something that only a reviewer sets: a score that is not
/// ours, a comment, a link.
fn is_reviewed(there: &Record, ours: Option<&NewRecording>) -> bool {
    let said = |name: &str| there.extra.get(name).is_some_and(|value| !matches!(value, Value::Null) && value != "");
    there.score != ours.and_then(|ours| ours.score) || said("reviewComment") || said("linkedUserId")
}
