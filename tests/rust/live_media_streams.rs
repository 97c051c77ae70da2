//! The example of media streams over a WebSocket, with a peer that plays a call.

#[path = "../../core/examples/live_media_streams.rs"]
mod example;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callweave::decode::Raw;
use callweave::live::LiveEvent;
use callweave::{Config, DecodeOptions, Input, KnownOffset, Report, Role, RunOptions, analyze, decode};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::root;

const FRAME_MS: u64 = 20;
const NAMES: [&str; 2] = ["inbound", "outbound"];

/// The parties of a call as mu-law (ITU-T G.711), for some seconds.
fn lines(seconds: usize) -> Vec<Vec<u8>> {
    let tracks = decode(Input::path(root().join("fixtures/stereo/call.wav")), &DecodeOptions::default()).unwrap();
    tracks.into_iter().map(|track| track.samples[..seconds * 8_000].iter().map(|&x| code(x)).collect()).collect()
}

fn code(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (31 - magnitude.leading_zeros()) as i32 - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 15;
    !(if sample < 0 { 0x80u8 } else { 0 } | (exponent << 4) as u8 | mantissa as u8)
}

/// Plays tracks at a speed, and hangs up.
fn play(address: SocketAddr, lines: &[Vec<u8>], speed: u64) {
    let (mut peer, _) = tungstenite::connect(format!("ws://{address}/media")).unwrap();
    let mut send = |message: Value| peer.send(Message::text(message.to_string())).unwrap();
    send(json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }));
    send(json!({ "event": "start", "start": { "tracks": NAMES, "mediaFormat": { "encoding": "audio/x-mulaw" } } }));
    let begun = Instant::now();
    for n in 0..lines[0].len() / 160 {
        let due = Duration::from_micros(n as u64 * FRAME_MS * 1000 / speed);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        for (name, line) in NAMES.iter().zip(lines) {
            let payload = STANDARD.encode(&line[160 * n..160 * (n + 1)]);
            let (chunk, timestamp) = ((n + 1).to_string(), (n as u64 * FRAME_MS).to_string());
            let media = json!({ "track": name, "chunk": chunk, "timestamp": timestamp, "payload": payload });
            send(json!({ "event": "media", "sequenceNumber": chunk, "media": media }));
        }
    }
    send(json!({ "event": "stop" }));
    // The server closes the connection.
    while peer.read().is_ok() {}
}

/// What `process` says of the same samples on one timeline.
fn expected(lines: &[Vec<u8>]) -> Report {
    let inputs = lines.iter().zip([Role::Customer, Role::Agent]).map(|(line, role)| {
        Input::bytes(role.name(), line.clone()).raw(Raw::Ulaw).role(role).offset(KnownOffset::default())
    });
    analyze(inputs.collect::<Vec<Input>>(), &Config::default(), &RunOptions::default()).unwrap()
}

#[test]
fn a_media_stream_is_heard_as_it_comes() {
    for (seconds, speed) in [(4, 1), (20, 20)] {
        let lines = lines(seconds);
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, played) = (server.local_addr().unwrap(), lines.clone());
        let peer = std::thread::spawn(move || play(address, &played, speed));
        let mut events: Vec<LiveEvent> = Vec::new();
        let mut tell = |event: &LiveEvent| events.push(event.clone());
        let report = example::hear(server.accept().unwrap().0, &mut tell).unwrap().unwrap();
        peer.join().unwrap();
        let same = expected(&lines);
        for (track, same) in report.tracks.iter().zip(&same.tracks) {
            assert!(track.source.as_ref().unwrap().warnings.is_empty());
            assert_eq!(track.speech, same.speech, "at {speed}");
        }
        assert_eq!((report.turns, report.metrics), (same.turns, same.metrics));
        // Who was called says nothing in the first seconds.
        let kinds =
            if report.tracks[0].speech.is_empty() { &["speech", "turn"][..] } else { &["speech", "turn", "answer"] };
        for kind in kinds {
            assert!(events.iter().any(|event| event.kind.name() == *kind), "at {speed}: no {kind}");
        }
    }
}

#[test]
fn a_connection_without_audio_is_no_call_and_nonsense_is_refused() {
    let mut nobody = |_: &LiveEvent| {};
    let mut stream = example::MediaStream::new().unwrap();
    for message in [r#"{ "event": "connected" }"#, r#"{ "event": "mark", "mark": { "name": "x" } }"#] {
        assert!(stream.take(message, &mut nobody).unwrap());
    }
    let media = |track: &str, chunk: &str| {
        let media = json!({ "track": track, "chunk": chunk, "timestamp": "0", "payload": "//8=" });
        json!({ "event": "media", "media": media }).to_string()
    };
    for wrong in ["", "{", &media("sideways", "1"), &media("inbound", "first")] {
        assert!(stream.take(wrong, &mut nobody).is_err(), "{wrong}");
    }
    assert!(!stream.take(r#"{ "event": "stop" }"#, &mut nobody).unwrap());
    assert!(stream.finish(&mut nobody).unwrap().is_none());
}
