//! A live call has the limits of one that is read, and goes on to its end when one is reached.

use super::*;

#[test]
fn a_call_has_the_limits_of_one_that_is_read() {
    let half = [0i16; 4_000];
    type LimitFn = fn(&mut Config);
    let cases: [(&str, LimitFn); 3] = [
        ("decode.maxDurationMs", |config| config.decode.max_duration_ms = Millis(1_000.0)),
        ("decode.maxTotalDurationMs", |config| config.decode.max_total_duration_ms = Millis(1_500.0)),
        ("decode.maxSamples", |config| config.decode.max_samples = 12_000),
    ];
    for (name, limit) in cases {
        let mut config = Config::default();
        limit(&mut config);
        let track = LiveTrackOptions::new(Rate::NARROWBAND);
        let mut call = LiveCall::new(vec![track.clone(), track], &config, &LiveOptions::default()).unwrap();
        call.push(0, &half[..]).unwrap();
        call.push(0, &half[..]).unwrap();
        call.push(1, &half[..]).unwrap();
        let track = if name == "decode.maxDurationMs" { 0 } else { 1 };
        let error = call.push(track, &half[..1]).unwrap_err();
        assert!(error.kind() == ErrorKind::LimitExceeded && error.to_string().contains(name), "{error}");
        assert_eq!(call.finish(&RunOptions::default()).unwrap().report.call.duration_ms, Millis(1_000.0), "{name}");
    }
}

#[test]
fn a_live_track_has_the_rate_of_its_samples() {
    let config = Config {
        decode: crate::config::DecodeOptions::default().with_downsample_hz(Rate::NARROWBAND),
        ..Config::default()
    };
    let tracks = vec![LiveTrackOptions::new(Rate::WIDEBAND)];
    let error = LiveCall::new(tracks, &config, &LiveOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("decode.downsampleHz: found 8000 Hz, expected none"), "{error}");
}

#[test]
fn packets_have_the_limits_of_samples() {
    let mut config = Config::default();
    config.decode.max_duration_ms = Millis(100.0);
    let options = LiveOptions::default();
    let mut call = LiveCall::new(vec![LiveTrackOptions::new(Rate::NARROWBAND)], &config, &options).unwrap();
    let mut packet = |n: u16| {
        let packet = LivePacket { payload: &[0xFF; 160], sequence: n, timestamp: u32::from(n) * 160 };
        call.packet(0, SampleEncoding::MuLaw, packet).map_err(|e| e.kind())
    };
    assert_eq!((0..5).map(&mut packet).collect::<Vec<_>>(), [Ok(()); 5]);
    assert_eq!(packet(5), Err(ErrorKind::LimitExceeded));
}

/// A call of one track that may have 100 ms, fed by packets of 20 ms.
fn short_call() -> (LiveCall, impl Fn(&mut LiveCall, u16, u32) -> Result<(), ErrorKind>) {
    let mut config = Config::default();
    config.decode.max_duration_ms = Millis(100.0);
    let track = LiveTrackOptions::new(Rate::NARROWBAND);
    let call = LiveCall::new(vec![track], &config, &LiveOptions::default()).unwrap();
    let packet = |call: &mut LiveCall, sequence: u16, at: u32| {
        let packet = LivePacket { payload: &[0xFF; 160], sequence, timestamp: at };
        call.packet(0, SampleEncoding::MuLaw, packet).map_err(|e| e.kind())
    };
    (call, packet)
}

#[test]
fn a_pause_of_packets_is_silence_up_to_the_limit() {
    let (mut call, packet) = short_call();
    packet(&mut call, 0, 0).unwrap();
    // A timestamp 50 minutes later, of the next packet: nothing was sent in between.
    assert_eq!(packet(&mut call, 1, 24_000_000), Err(ErrorKind::LimitExceeded));
    let report = call.finish(&RunOptions::default()).unwrap().report;
    assert_eq!(report.call.duration_ms, Millis(100.0));
}

#[test]
fn packets_that_wait_at_the_end_do_not_pass_the_limit() {
    let (mut call, packet) = short_call();
    packet(&mut call, 0, 0).unwrap();
    // Packet 1 is missing, so that the next waits for it.
    packet(&mut call, 2, 4_000).unwrap();
    let report = call.finish(&RunOptions::default()).unwrap().report;
    assert_eq!(report.call.duration_ms, Millis(100.0));
    let warnings = &report.tracks[0].source.as_ref().unwrap().warnings;
    assert!(warnings.iter().any(|w| w.code == "packets_dropped"), "{warnings:?}");
}
