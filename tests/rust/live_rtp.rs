//! The example of RTP, with a peer that plays a call.

#[path = "../../core/examples/live_rtp.rs"]
mod example;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use callweave::live::LiveEvent;
use callweave::units::Rate;
use callweave::{Config, DecodeOptions, Input, Report, Role, RunOptions, analyze, decode};
use callweave::{KnownOffset, samples::Samples};

use crate::root;

const FRAME_MS: u64 = 20;

/// The parties of a call, for some seconds.
fn lines(seconds: usize) -> Vec<Vec<i16>> {
    let path = root().join("fixtures/stereo/call.wav");
    let tracks = decode(Input::path(path), &DecodeOptions::default()).unwrap();
    tracks.into_iter().map(|track| track.samples[..seconds * 8_000].to_vec()).collect()
}

/// Plays tracks of big-endian samples at a speed.
fn play(ports: &[u16], lines: &[Vec<u8>], samples: usize, speed: u64) {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    for n in 0..lines[0].len() / (2 * samples) {
        let due = Duration::from_micros(n as u64 * FRAME_MS * 1000 / speed);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        for (port, line) in ports.iter().zip(lines) {
            let mut packet = vec![0x80, 118];
            packet.extend((n as u16).wrapping_add(65_000).to_be_bytes());
            packet.extend(((n * samples) as u32).wrapping_sub(9_000).to_be_bytes());
            packet.extend([0, 0, 0, 7]);
            packet.extend(&line[2 * n * samples..2 * (n + 1) * samples]);
            peer.send_to(&packet, ("127.0.0.1", *port)).unwrap();
        }
    }
}

/// What `process` says of the same samples on one timeline.
fn expected(lines: &[Vec<i16>], rate: Rate) -> Report {
    let input = |(line, role): (&Vec<i16>, Role)| {
        Input::samples(role.name(), Samples::from(line), rate).role(role).offset(KnownOffset::default())
    };
    let inputs: Vec<Input> = lines.iter().zip([Role::Customer, Role::Agent]).map(input).collect();
    analyze(inputs, &Config::default(), &RunOptions::default()).unwrap()
}

#[test]
fn rtp_of_both_directions_is_heard_as_it_comes() {
    for (name, seconds, speed) in [("slin", 4, 1), ("slin", 20, 20), ("slin16", 12, 20)] {
        let form = example::format(name).unwrap();
        let twice = usize::from(name == "slin16") + 1;
        // Every sample twice: 16 kHz enough for a test.
        let sound = lines(seconds).into_iter().map(|line| line.into_iter().flat_map(|x| std::iter::repeat_n(x, twice)));
        let sound: Vec<Vec<i16>> = sound.map(Iterator::collect).collect();
        let bytes: Vec<Vec<u8>> =
            sound.iter().map(|line| line.iter().flat_map(|x| x.to_be_bytes()).collect()).collect();
        let sockets: Vec<UdpSocket> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        let peer = std::thread::spawn(move || play(&ports, &bytes, 160 * twice, speed));
        let mut events: Vec<LiveEvent> = Vec::new();
        let packets = example::datagrams(sockets);
        let report = example::hear(&packets, form, Duration::from_secs(1), |event| events.push(event.clone())).unwrap();
        peer.join().unwrap();
        let same = expected(&sound, form.1);
        for (track, same) in report.tracks.iter().zip(&same.tracks) {
            assert!(track.source.as_ref().unwrap().warnings.is_empty());
            // The second direction begins when its first packet comes.
            assert_eq!(track.speech.len(), same.speech.len(), "{name} at {speed}");
            let begun = track.alignment.as_ref().unwrap().offset_ms.0;
            assert!(begun < 1000.0, "{begun} ms");
        }
        // Who was called says nothing in the first seconds.
        let kinds =
            if report.tracks[0].speech.is_empty() { &["speech", "turn"][..] } else { &["speech", "turn", "answer"] };
        for kind in kinds {
            assert!(events.iter().any(|event| event.kind.name() == *kind), "{name} at {speed}: no {kind}");
        }
    }
}
