//! Who is on the channels of a recording, as the call's profile knows it.

use crate::call::{Direction, Role};
use crate::config::{Config, Profile};
use crate::error::Warning;

use super::partition::ReadTrack;

/// Gives each track of unknown role the role that the profile's channels say. What the caller or
/// the recording's document says stays. The warning tells of the first track that they say nothing
/// of.
pub(super) fn assign(tracks: &mut [ReadTrack], direction: Option<Direction>, config: &Config) -> Option<Warning> {
    let profile = config.profile.as_ref().filter(|profile| !profile.channels().is_empty())?;
    let mut unused = None;
    for track in tracks.iter_mut().filter(|track| track.role == Role::Unknown) {
        match role_of(track, profile, direction) {
            Ok(role) => track.role = role,
            Err(why) => {
                _ = unused
                    .get_or_insert_with(|| format!("{} says nothing of track {}: {why}", profile.name(), track.index))
            }
        }
    }
    unused.map(|why| Warning::new("profile_channels_unused", why))
}

/// Who is on a track, or why that is not known.
fn role_of(track: &ReadTrack, profile: &Profile, direction: Option<Direction>) -> Result<Role, String> {
    let (known, channels) = (profile.channels(), usize::from(track.analysis.source.channels));
    if channels != known.len() {
        return Err(format!("the recording has {channels} channels, the profile knows {}", known.len()));
    }
    let channel = track.analysis.channel.map(usize::from).and_then(|channel| known.get(channel));
    let name = channel.ok_or("its channels were averaged")?;
    match Role::parse(name, direction) {
        Some(Role::Unknown) | None if name != Role::Unknown.name() => {
            Err(format!("who is the {name} follows from a direction of in or out"))
        }
        role => Ok(role.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::call::Leg;
    use crate::decode::Input;
    use crate::process::{CallInput, RecordingSource, analyze};
    use crate::provider::{self, Part, Recording};
    use crate::report::Report;
    use crate::run::RunOptions;

    fn stereo() -> String {
        format!("{}/../fixtures/stereo", env!("CARGO_MANIFEST_DIR"))
    }

    fn heard(call: CallInput, profile: Profile) -> (Vec<Role>, Vec<String>) {
        let config = profile.config().unwrap();
        let Report { tracks, warnings, .. } = analyze(call, &config, &RunOptions::default()).unwrap();
        let told = warnings.into_iter().filter(|warning| warning.code == "profile_channels_unused");
        (tracks.iter().map(|track| track.role).collect(), told.map(|warning| warning.message).collect())
    }

    /// The call of a manifest with these tracks.
    fn described(direction: &str, tracks: &str) -> CallInput {
        let manifest = format!(r#"{{"direction": {direction}, "tracks": [{tracks}]}}"#);
        CallInput::from_described(provider::read(&manifest).unwrap(), stereo()).unwrap()
    }

    #[test]
    fn a_profile_says_who_is_heard_where_the_document_does_not() {
        let freeswitch = || Profile::preset("freeswitch").unwrap();
        let whole = r#"{"path": "call.wav"}"#;
        assert_eq!(heard(described("\"in\"", whole), freeswitch()), (vec![Role::Customer, Role::Agent], vec![]));
        assert_eq!(heard(described("\"out\"", whole), freeswitch()), (vec![Role::Agent, Role::Customer], vec![]));
        let apart = r#"{"path": "call.wav", "channel": 1}, {"path": "call.wav", "channel": 0, "role": "participant"}"#;
        assert_eq!(heard(described("\"in\"", apart), freeswitch()), (vec![Role::Agent, Role::Participant], vec![]));
        let (roles, told) = heard(described("null", whole), freeswitch());
        assert_eq!((roles, told.len()), (vec![Role::Unknown; 2], 1));
        assert!(told[0].contains("direction of in or out"), "{told:?}");
    }

    #[test]
    fn a_document_of_other_channels_is_not_used_whoever_says_who_is_heard() {
        let told = |roles: Vec<Role>, profile: Option<Profile>| {
            let part = |channel| Part {
                leg: Leg { channel: Some(channel), role: Role::Transfer, ..Leg::default() },
                name_ends: None,
            };
            let described = Recording { parts: [0, 1, 2].map(part).to_vec(), ..Recording::default() };
            let input = Input::path(format!("{}/call.wav", stereo()));
            let recordings = vec![RecordingSource::Input { input, described: Some(Box::new(described)) }];
            let call = CallInput { recordings, ..CallInput::default() }.with_roles(roles);
            let config = profile.map_or_else(Config::default, |profile| profile.config().unwrap());
            let Report { tracks, warnings, .. } = analyze(call, &config, &RunOptions::default()).unwrap();
            let message = warnings.into_iter().find(|warning| warning.code == "channels_unused").unwrap().message;
            assert!(message.ends_with("2 channels, and its document says who is on 3: it is not used"), "{message}");
            tracks.iter().map(|track| track.role).collect::<Vec<Role>>()
        };
        let both = vec![Role::Agent, Role::Customer];
        assert_eq!(told(Vec::new(), None), [Role::Unknown; 2]);
        assert_eq!(told(both.clone(), None), both);
        assert_eq!(told(Vec::new(), Profile::preset("vicidial").ok()), both);
    }

    #[test]
    fn channels_that_cannot_be_used_are_told() {
        let profile = |channels: &[&str]| Profile::new("trunk", Map::new()).unwrap().with_channels(channels.to_vec());
        let call = || CallInput::from(vec![Input::path(format!("{}/call.wav", stereo()))]);
        let three = profile(&["agent", "customer", "transfer"]).unwrap();
        let (roles, told) = heard(call(), three.clone());
        assert_eq!((roles, told.len()), (vec![Role::Unknown; 2], 1));
        assert!(told[0].contains("has 2 channels, the profile knows 3"), "{told:?}");
        let said = call().with_roles(vec![Role::Agent, Role::Customer]);
        assert_eq!(heard(said, three), (vec![Role::Agent, Role::Customer], vec![]), "nothing is left to say");
        let half = profile(&["agent", "unknown"]).unwrap();
        assert_eq!(heard(call(), half), (vec![Role::Agent, Role::Unknown], vec![]));
        assert!(profile(&["boss"]).unwrap_err().to_string().contains("boss"));
    }
}
