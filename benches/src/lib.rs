//! The recordings that the benches work on, made from the fixture calls.
#![allow(clippy::panic)] // A bench without its fixtures has nothing to say.

use std::fs;
use std::path::{Path, PathBuf};

use callweave::call::Role;
use callweave::track::Track;
use callweave::{DecodeOptions, Input, decode};

/// Whether this is `cargo bench`, and not the benches run as tests.
pub fn is_bench() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// Ten minutes under `cargo bench`; ten seconds when the benches run as tests.
pub fn call_seconds() -> usize {
    if is_bench() { 600 } else { 10 }
}

/// An mp3 of 8 kHz and 16 kbit/s, as long as is asked for: a fixture's second over and over.
///
/// # Panics
/// Where the fixtures are not there.
pub fn mp3_of_8_khz(seconds: usize) -> Vec<u8> {
    let path = fixtures().join("codecs/untagged.mp3");
    let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    // Its ID3 tag is left out: frames of 144 bytes and 72 ms, from the first on.
    let start = bytes.iter().position(|&b| b == 0xFF).unwrap_or_default();
    let frames = (bytes.len() - start) / 144 * 144;
    bytes[start..start + frames].iter().copied().cycle().take(seconds * 16_000 / 8).collect()
}

/// A dual-track call as a provider would have pushed it: two mp3s of 16 kHz, 32 kbit/s, without a
/// tag.
#[derive(Debug, Clone)]
pub struct Mp3Call {
    /// The customer's recording.
    pub customer: Vec<u8>,
    /// The agent's.
    pub agent: Vec<u8>,
}

impl Mp3Call {
    /// A call of so many seconds, from the fixture call over and over: frames of a constant bit
    /// rate join seamlessly.
    ///
    /// # Panics
    /// Where the fixtures are not there.
    pub fn of_seconds(seconds: usize) -> Self {
        let folder = fixtures().join("tencent-dual");
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "mp3"))
            .collect();
        files.sort();
        let bytes = |path: &Path| fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (customer, agent) = (bytes(&files[0]), bytes(&files[1]));
        // Both repeat after the same whole frames (36 ms, 144 bytes): the tracks stay where they
        // are to each other.
        let period = customer.len().min(agent.len()) / 144 * 144;
        let looped = |bytes: &[u8]| bytes.iter().copied().take(period).cycle().take(seconds * 32_000 / 8).collect();
        Self { customer: looped(&customer), agent: looped(&agent) }
    }

    /// The call's inputs.
    pub fn inputs(&self) -> Vec<Input> {
        vec![
            Input::bytes("customer.mp3", self.customer.clone()).role(Role::Customer),
            Input::bytes("agent.mp3", self.agent.clone()).role(Role::Agent),
        ]
    }

    /// One track, decoded.
    ///
    /// # Panics
    /// Where the fixture cannot be decoded.
    pub fn customer_track(&self) -> Track {
        track("customer.mp3", &self.customer)
    }

    /// The other track, decoded.
    ///
    /// # Panics
    /// Where the fixture cannot be decoded.
    pub fn agent_track(&self) -> Track {
        track("agent.mp3", &self.agent)
    }
}

fn track(name: &str, bytes: &[u8]) -> Track {
    let input = Input::bytes(name, bytes.to_vec());
    decode(input, &DecodeOptions::default()).unwrap_or_else(|e| panic!("{e}")).remove(0)
}

/// A track as a plain wav of 16-bit samples.
pub fn wav_of(track: &Track) -> Vec<u8> {
    let (rate, bytes) = (track.rate.hz(), track.samples.len() as u32 * 2);
    let mut wav = Vec::with_capacity(44 + bytes as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&(rate * 2).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&bytes.to_le_bytes());
    wav.extend(track.samples.iter().flat_map(|x| x.to_le_bytes()));
    wav
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}
