//! The built-in profiles. Each is taken from its vendor's or project's documentation.

/// A built-in profile.
pub(super) struct Preset {
    pub name: &'static str,
    pub sources: &'static [&'static str],
    pub channels: &'static [&'static str],
}

/// The built-in profiles: which party is on which channel of a two-channel recording, according to
/// the sources.
pub(super) const PRESETS: &[Preset] = &[
    // The first channel is the first participant to join: in Flex, the customer, who waits for an
    // agent.
    Preset {
        name: "twilio-conference",
        sources: &["https://www.twilio.com/en-us/changelog/dual-channel-conference-recordings-as-default-is-now-ga"],
        channels: &["customer", "agent"],
    },
    // The customer is always on the right channel, the agent and all others on the left one.
    Preset {
        name: "vicidial",
        sources: &["https://download.vicidial.com/vicidial/2025-10-17/docs/STEREO_CALL_RECORDINGS.txt"],
        channels: &["agent", "customer"],
    },
    // RECORD_STEREO: the caller is on the left channel, the receiver on the right one.
    Preset {
        name: "freeswitch",
        sources: &["https://developer.signalwire.com/freeswitch/Channel-Variables-Catalog/RECORD_STEREO_16352883"],
        channels: &["caller", "callee"],
    },
    // AudioHook streams the channels `external` and `internal`, in this order, and Genesys's own
    // server writes them so: the external participant is the customer.
    Preset {
        name: "genesys-audiohook",
        sources: &["https://github.com/purecloudlabs/audiohook-reference-implementation"],
        channels: &["customer", "agent"],
    },
];
