//! Finds another recording in the same file, after the one that is read. It is not read, and a
//! warning says so.

use super::sniff::{ContainerKind, sniff};
use super::source::Source;
use super::spec::DecodeNotes;
use crate::error::{Result, Warning};

/// Bytes that identify a container.
const HEAD: usize = 16;
/// Most zeros between two recordings: chunks of Wave64 are aligned to eight bytes.
const MOST_ZEROS: usize = 7;

/// Adds a warning if another recording begins where the source was read to.
///
/// # Errors
/// Those of the source.
pub(crate) fn report_next(source: &mut Source, notes: &mut DecodeNotes) -> Result<()> {
    source.unbind();
    let at = source.position();
    let head = source.peek(MOST_ZEROS + HEAD)?;
    let zeros = head.iter().take(MOST_ZEROS).take_while(|&&byte| byte == 0).count();
    let place = |skipped: usize| head.get(skipped..).map(|next| (skipped, sniff(next, false)));
    if let Some((skipped, kind)) = (0..=zeros).filter_map(place).find(|(_, kind)| is_recording(*kind)) {
        report(kind.name(), at + skipped as u64, notes);
    }
    Ok(())
}

/// Adds the warning for a recording at byte `at`, unless the header already told of more bytes.
pub(crate) fn report(name: &str, at: u64, notes: &mut DecodeNotes) {
    if !notes.contains("trailing_bytes") {
        let message = format!("another recording ({name}) follows in the same file: not read");
        notes.add(Warning::new("trailing_bytes", message).at_byte(at));
    }
}

/// Returns whether the format is a recording's and begins with a magic number. Frames without one
/// may be anything.
fn is_recording(kind: ContainerKind) -> bool {
    use ContainerKind as Kind;
    matches!(
        kind,
        Kind::Wave
            | Kind::Flac
            | Kind::Ogg
            | Kind::Mp4
            | Kind::Matroska
            | Kind::Aiff
            | Kind::Sun
            | Kind::Wave64
            | Kind::Avi
            | Kind::Caf
            | Kind::Amr(_)
    )
}
