//! When speech is told in recordings that are pushed 20 ms at a time: `live_starts FILE...` prints
//! for each a line of JSON: the moments at which beginnings and ends were known to `SpeechStream`,
//! and the answers of WebRTC's detector, a frame of 30 ms each. The samples go to FILE.f32.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use callweave::config::DecodeOptions;
use callweave::live::{SpeechStream, StreamEvent, StreamOptions};
use callweave::track::to_f32;
use callweave::vad::{Detector, WebrtcDetector};
use callweave::{Input, decode};

fn main() {
    let folder = std::env::args().nth(1).expect("a folder for samples");
    for path in std::env::args().skip(2) {
        let track = decode(Input::path(&path), &DecodeOptions::default()).unwrap().remove(0);
        let mut stream = SpeechStream::new(track.rate, &StreamOptions::default()).unwrap();
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let mut note = |events: &[StreamEvent]| {
            for event in events {
                match event {
                    StreamEvent::SpeechStart { known, .. } => starts.push(known.0),
                    StreamEvent::SpeechEnd { known, .. } => ends.push(known.0),
                    _ => {}
                }
            }
        };
        for frame in track.samples.chunks(track.rate.hz() as usize / 50) {
            note(stream.push(frame).unwrap());
        }
        note(stream.flush().unwrap());
        let samples: Vec<f32> = track.samples.iter().map(|&x| to_f32(x)).collect();
        let mut webrtc = WebrtcDetector::new(1).expect("a thread");
        let mut out = [Vec::new()];
        webrtc.push(&[&samples], &mut out).unwrap();
        let name = std::path::Path::new(&path).file_name().unwrap().to_string_lossy().into_owned();
        let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(format!("{folder}/{name}.f32"), bytes).unwrap();
        let line = serde_json::json!({"file": name, "starts": starts, "ends": ends, "webrtc": out[0]});
        println!("{line}");
    }
}
