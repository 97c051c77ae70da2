//! WebRTC's detector, by the webrtc-vad crate: Gaussian mixtures over six bands, cheap, and fond of
//! tones and music.

use webrtc_vad::{SampleRate, Vad, VadMode};

use super::{Detector, same_lanes};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::track::to_i16;
use crate::units::Millis;

/// Samples of a frame: 30 ms at 8 kHz, the longest it knows; shorter ones flicker.
const FRAME: usize = 240;

/// WebRTC's detector in its most sceptical mode. Its answers are 0 or 1.
pub struct WebrtcDetector {
    lanes: Vec<WebrtcTrack>,
}

struct WebrtcTrack {
    vad: Vad,
    frame: Vec<i16>,
}

impl std::fmt::Debug for WebrtcDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebrtcDetector").field("lanes", &self.lanes.len()).finish()
    }
}

impl WebrtcDetector {
    /// A detector of a number of lanes.
    pub fn new(lanes: usize) -> Self {
        let lane = || WebrtcTrack {
            vad: Vad::new_with_rate_and_mode(SampleRate::Rate8kHz, VadMode::VeryAggressive),
            frame: Vec::with_capacity(FRAME),
        };
        Self { lanes: (0..lanes).map(|_| lane()).collect() }
    }
}

impl WebrtcTrack {
    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) -> Result<()> {
        while !samples.is_empty() {
            let (now, rest) = samples.split_at((FRAME - self.frame.len()).min(samples.len()));
            self.frame.extend(now.iter().map(|&x| to_i16(x)));
            if self.frame.len() == FRAME {
                out.push(self.judge()?);
            }
            samples = rest;
        }
        Ok(())
    }

    fn judge(&mut self) -> Result<f32> {
        let voiced = self.vad.is_voice_segment(&self.frame);
        self.frame.clear();
        match voiced {
            Ok(voiced) => Ok(f32::from(u8::from(voiced))),
            Err(()) => Err(Error::new(ErrorKind::Internal, Stage::Speech, "webrtc-vad refused a frame of 30 ms")),
        }
    }
}

impl Detector for WebrtcDetector {
    fn hop(&self) -> Millis {
        Millis(30.0)
    }

    fn push(&mut self, lanes: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()> {
        same_lanes(self.lanes.len(), lanes.len())?;
        same_lanes(self.lanes.len(), out.len())?;
        for ((lane, samples), out) in self.lanes.iter_mut().zip(lanes).zip(out) {
            lane.push(samples, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
        same_lanes(self.lanes.len(), out.len())?;
        for (lane, out) in self.lanes.iter_mut().zip(out) {
            if !lane.frame.is_empty() {
                lane.frame.resize(FRAME, 0);
                out.push(lane.judge()?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(lanes: &[&[f32]], chunk: usize) -> Vec<Vec<f32>> {
        let mut detector = WebrtcDetector::new(lanes.len());
        let mut out = vec![Vec::new(); lanes.len()];
        let longest = lanes.iter().map(|l| l.len()).max().unwrap_or(0);
        for at in (0..longest).step_by(chunk) {
            let part = |l: &&[f32]| -> std::ops::Range<usize> { at.min(l.len())..(at + chunk).min(l.len()) };
            let parts: Vec<&[f32]> = lanes.iter().map(|l| &l[part(l)]).collect();
            detector.push(&parts, &mut out).unwrap();
        }
        detector.finish(&mut out).unwrap();
        out
    }

    /// Something with the pitch and the formants of a vowel, on and off.
    fn babble(samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| {
                let t = n as f32 / 8000.0;
                let voice: f32 = (1..20).map(|k| (std::f32::consts::TAU * 140.0 * k as f32 * t).sin() / k as f32).sum();
                if t % 2.0 < 1.0 { 0.2 * voice } else { 0.0 }
            })
            .collect()
    }

    #[test]
    fn sound_is_heard_and_silence_is_not() {
        let got = detect(&[&babble(32_000), &[0.0; 32_000]], 1024);
        assert_eq!((got[0].len(), got[1].len()), (134, 134));
        assert!(got[0].iter().sum::<f32>() > 40.0);
        assert_eq!(got[1].iter().sum::<f32>(), 0.0);
    }

    #[test]
    fn neither_chunks_nor_other_lanes_change_a_lane() {
        let (a, b) = (babble(20_001), babble(9_000));
        let both = detect(&[&a, &b], 1024);
        assert_eq!(both[0], detect(&[&a], 77)[0]);
        assert_eq!(both[1], detect(&[&b], 1)[0]);
    }

    #[test]
    fn less_than_a_frame_has_an_answer_and_nothing_has_none() {
        assert_eq!(detect(&[&[0.1; 5]], 8)[0].len(), 1);
        assert!(detect(&[&[]], 8)[0].is_empty());
        assert!(detect(&[&[f32::NAN, f32::INFINITY, -9.0]], 8)[0].len() == 1);
    }

    #[test]
    fn another_number_of_lanes_is_refused() {
        let error = WebrtcDetector::new(2).push(&[&[0.0]], &mut [Vec::new(), Vec::new()]).unwrap_err();
        assert_eq!(error.to_string(), "speech: number of lanes: found 1, expected 2");
    }
}
