//! The profiles that come with callweave, each from its vendor's or project's pages.

/// What a preset says.
pub(super) struct Preset {
    pub name: &'static str,
    pub sources: &'static [&'static str],
    pub channels: &'static [&'static str],
}

/// The presets. Who is on which channel of a two-channel recording, as the sources say.
pub(super) const PRESETS: &[Preset] = &[
    // Channel 0 is the external party.
    Preset {
        name: "genesys-cloud",
        sources: &["https://help.genesys.cloud/articles/dual-channel-recording/"],
        channels: &["customer", "agent"],
    },
    // The customer is on the left channel of a conference's dual-channel recording.
    Preset {
        name: "twilio-flex",
        sources: &["https://www.twilio.com/docs/flex/developer/insights/enable-dual-channel-recordings"],
        channels: &["customer", "agent"],
    },
    // The agent's leg is read on the left channel, the customer's on the right one.
    Preset {
        name: "vicidial",
        sources: &["https://www.vicidial.org/docs/STEREO_CALL_RECORDING.txt"],
        channels: &["agent", "customer"],
    },
    // RECORD_STEREO: the leg that was called from is on the left channel.
    Preset {
        name: "freeswitch",
        sources: &["https://developer.signalwire.com/freeswitch/Channel-Variables-Catalog/RECORD_STEREO_16353835/"],
        channels: &["caller", "callee"],
    },
];
