//! What a build without a feature says when it is asked for what the feature brings: its name,
//! never something else.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use callweave::{Error, ErrorKind};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
}

#[allow(dead_code, reason = "with every feature there is nothing to refuse")]
fn assert_names(feature: &str, error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains(&format!("needs the feature `{feature}`")), "{error}");
}

#[cfg(not(feature = "opus"))]
#[test]
fn opus_is_named() {
    for name in ["codecs/opus.ogg", "codecs/opus.webm", "codecs/opus.mkv"] {
        let refused = callweave::decode(callweave::Input::path(fixture(name)), &Default::default());
        assert_names("opus", &refused.unwrap_err());
    }
}

#[cfg(not(feature = "webrtc"))]
#[test]
fn webrtc_is_named_before_anything_is_decoded() {
    assert_names("webrtc", &callweave::Config::from_json(r#"{"detector": "webrtc"}"#).unwrap_err());
    let config = callweave::Config { detector: callweave::config::DetectorKind::Webrtc, ..Default::default() };
    let nowhere = vec![callweave::Input::path("nowhere.wav")];
    assert_names("webrtc", &callweave::process(nowhere, &config, &Default::default()).unwrap_err());
}

#[cfg(not(feature = "providers"))]
#[test]
fn a_providers_document_is_named() {
    for name in ["tencent-dual/pushes.json", "wellcloud/recordings2.json", "stereo/call.vcon.json", "short/siprec.xml"]
    {
        let text = std::fs::read_to_string(fixture(name)).unwrap();
        assert_names("providers", &callweave::provider::read(&text).unwrap_err());
    }
}

#[cfg(not(feature = "page"))]
#[test]
fn the_page_is_named_and_nothing_is_written() {
    let call = callweave::CallInput::open(&[fixture("short/manifest.json")]).unwrap();
    let mut processed = callweave::process(call, &Default::default(), &Default::default()).unwrap();
    let folder = std::env::temp_dir().join(format!("callweave-features-{}", std::process::id()));
    let options = callweave::WriteOptions { page: true, ..Default::default() };
    let written = processed.write_with(&folder, &Default::default(), &options, &Default::default());
    assert_names("page", &written.unwrap_err());
    assert!(!folder.exists());
}

#[test]
fn a_manifest_needs_no_feature() {
    let call = callweave::CallInput::open(&[fixture("short/manifest.json")]).unwrap();
    assert_eq!(call.recordings.len(), 2);
}
