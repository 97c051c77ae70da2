//! Calls that are decoded at 8 kHz: the report says so, and says the same about the call.

use super::*;
use crate::config::{DecodeOptions, MixConfig};
use crate::decode::Input;
use crate::units::Rate;

/// The fixtures whose recordings are mp3s of 16 kHz.
const CALLS: [&str; 2] = ["tencent-dual", "tencent-transfer"];

fn call(name: &str, config: &Config) -> Processed {
    let manifest = format!("{}/../fixtures/{name}/manifest.json", env!("CARGO_MANIFEST_DIR"));
    process(CallInput::open(&[manifest]).unwrap(), config, &RunOptions::default()).unwrap()
}

fn lower() -> Config {
    Config::default().with_decode(DecodeOptions::default().with_downsample_hz(Rate::NARROWBAND))
}

#[test]
fn a_call_at_the_telephones_rate_is_the_same_call() {
    for name in CALLS {
        let (whole, half) = (call(name, &Config::default()), call(name, &lower()));
        let (one, other) = (&whole.report, &half.report);
        assert_eq!((one.outcome.value, one.tag.value), (other.outcome.value, other.tag.value), "{name}");
        assert!((one.call.duration_ms.0 - other.call.duration_ms.0).abs() < 20.0, "{name}");
        for (one, other) in one.tracks.iter().zip(&other.tracks) {
            let (a, b) = (one.source.as_ref().unwrap(), other.source.as_ref().unwrap());
            assert_eq!((a.sample_rate_hz, a.decoded_rate_hz), (Rate::WIDEBAND, None), "{name}");
            assert_eq!((b.sample_rate_hz, b.decoded_rate_hz), (Rate::WIDEBAND, Some(Rate::NARROWBAND)), "{name}");
            assert_eq!((&a.sha256, a.codec_delay_ms, &a.warnings), (&b.sha256, b.codec_delay_ms, &b.warnings));
            let (a, b) = (one.alignment.as_ref().unwrap(), other.alignment.as_ref().unwrap());
            assert!((a.offset_ms.0 - b.offset_ms.0).abs() < 20.0 && a.method == b.method, "{name}");
        }
        // The mix follows, and may have a higher rate as that of any recording of 8 kHz.
        let mix = |call: &Processed, config: &MixConfig| call.mix(config).unwrap().rate();
        assert_eq!(mix(&whole, &MixConfig::default()), Rate::WIDEBAND);
        assert_eq!(mix(&half, &MixConfig::default()), Rate::NARROWBAND);
        let wide = MixConfig::default().with_rate(crate::config::OutputRate::Fixed(Rate::WIDEBAND));
        assert_eq!(mix(&half, &wide), Rate::WIDEBAND);
    }
}

#[test]
fn a_report_without_it_does_not_name_it() {
    let json = |config: &Config| call(CALLS[0], config).report.to_json().unwrap();
    let (whole, half) = (json(&Config::default()), json(&lower()));
    assert!(!whole.contains("decodedRateHz") && !whole.contains("downsampleHz"));
    assert!(half.contains(r#""decodedRateHz":8000"#) && half.contains(r#""downsampleHz":8000"#), "{half}");
    let read: Report = serde_json::from_str(&half).unwrap();
    assert_eq!(read.to_json().unwrap(), half);
}

#[test]
fn a_profiles_rate_is_not_taken_back_in_silence() {
    let profile = crate::config::Profile::from_json(r#"{"name": "a", "config": {"decode": {"downsampleHz": 8000}}}"#);
    let mut config = profile.unwrap().config().unwrap();
    assert_eq!(config.decode.downsample_hz, Some(Rate::NARROWBAND));
    config.decode.downsample_hz = None;
    assert!(config.validate().unwrap_err().to_string().contains("decode.downsampleHz"));
}

#[test]
fn normalize_keeps_the_lower_rate() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/codecs/mpeg2.mp3");
    let options = NormalizeOptions::default().with_decode(lower().decode);
    let normalized = normalize(Input::path(path), &options, &RunOptions::default()).unwrap();
    let placement = crate::timeline::Placement::reference();
    assert_eq!(normalized.samples(&placement).unwrap().rate(), Rate::NARROWBAND);
    assert_eq!(normalized.source.decoded_rate_hz, Some(Rate::NARROWBAND));
}
