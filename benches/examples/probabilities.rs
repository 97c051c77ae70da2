//! Prints the milliseconds that detection takes and writes the probabilities: `probabilities
//! [--portable|--webrtc] A.f32 [B.f32 ...]`: raw 8 kHz mono f32 in, `A.p32` beside it.
#![allow(clippy::unwrap_used)]
use callweave::vad::{Detector, Silero, WebrtcDetector};

fn main() {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let option = paths.first().filter(|p| p.starts_with("--")).cloned();
    if option.is_some() {
        paths.remove(0);
    }
    let tracks: Vec<Vec<f32>> = paths
        .iter()
        .map(|p| std::fs::read(p).unwrap().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect())
        .collect();
    let lanes: Vec<&[f32]> = tracks.iter().map(Vec::as_slice).collect();
    let mut out = vec![Vec::new(); lanes.len()];
    let start = std::time::Instant::now();
    let mut detector: Box<dyn Detector> = match option.as_deref() {
        Some("--webrtc") => Box::new(WebrtcDetector::new(lanes.len()).unwrap()),
        option => Box::new(Silero::new(lanes.len(), option == Some("--portable"))),
    };
    detector.push(&lanes, &mut out).unwrap();
    detector.finish(&mut out).unwrap();
    println!("{:.3}", start.elapsed().as_secs_f64() * 1e3);
    for (path, p) in paths.iter().zip(out) {
        std::fs::write(path.replace(".f32", ".p32"), p.iter().flat_map(|p| p.to_le_bytes()).collect::<Vec<_>>())
            .unwrap();
    }
}
