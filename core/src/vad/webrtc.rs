//! WebRTC's detector, through the crate webrtc-vad: Gaussian mixtures over six bands. It is cheap,
//! but takes tones and music for speech.

use std::sync::mpsc::{Receiver, Sender, channel};

use webrtc_vad::{SampleRate, Vad, VadMode};

use super::{Detector, same_lanes};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::track::to_i16;
use crate::units::Millis;

/// Samples per frame: 30 ms at 8 kHz, the longest it supports; shorter ones make the decision
/// flicker.
const FRAME: usize = 240;

/// WebRTC's detector in its most aggressive mode. Its probabilities are 0 or 1.
///
/// The C library's state must stay on one thread. The detector therefore owns a thread, which ends
/// with it.
pub struct WebrtcDetector {
    lanes: usize,
    work: Sender<WebrtcWork>,
    answers: Receiver<Result<Vec<Vec<f32>>>>,
}

/// A request to the thread.
enum WebrtcWork {
    /// Process the next samples of every lane.
    Push(Vec<Vec<i16>>),
    /// Process what remains of every lane.
    Finish,
}

struct WebrtcTrack {
    vad: Vad,
    frame: Vec<i16>,
}

impl std::fmt::Debug for WebrtcDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebrtcDetector").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

impl WebrtcDetector {
    /// Creates a detector for a number of lanes.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if the system cannot start its thread.
    pub fn new(lanes: usize) -> Result<Self> {
        let (work, asked) = channel();
        let (answer, answers) = channel();
        let thread = std::thread::Builder::new().name("callweave-webrtc".into());
        thread.spawn(move || serve(lanes, &asked, &answer)).map_err(|e| Error::io(Stage::Speech, e))?;
        Ok(Self { lanes, work, answers })
    }

    fn ask(&self, work: WebrtcWork, out: &mut [Vec<f32>]) -> Result<()> {
        let ended = || Error::new(ErrorKind::Internal, Stage::Speech, "the webrtc-vad thread ended unexpectedly");
        self.work.send(work).map_err(|_| ended())?;
        let answer = self.answers.recv().map_err(|_| ended())??;
        out.iter_mut().zip(answer).for_each(|(out, values)| out.extend(values));
        Ok(())
    }
}

/// Serves requests until the detector is dropped.
fn serve(lanes: usize, asked: &Receiver<WebrtcWork>, answer: &Sender<Result<Vec<Vec<f32>>>>) {
    let mut tracks: Vec<WebrtcTrack> = (0..lanes).map(|_| WebrtcTrack::new()).collect();
    for work in asked {
        let answered = match work {
            WebrtcWork::Push(samples) => {
                tracks.iter_mut().zip(&samples).map(|(track, samples)| track.push(samples)).collect()
            }
            WebrtcWork::Finish => tracks.iter_mut().map(WebrtcTrack::finish).collect(),
        };
        if answer.send(answered).is_err() {
            return;
        }
    }
}

impl WebrtcTrack {
    fn new() -> Self {
        let vad = Vad::new_with_rate_and_mode(SampleRate::Rate8kHz, VadMode::VeryAggressive);
        Self { vad, frame: Vec::with_capacity(FRAME) }
    }

    fn push(&mut self, mut samples: &[i16]) -> Result<Vec<f32>> {
        let mut out = Vec::new();
        while !samples.is_empty() {
            let (now, rest) = samples.split_at((FRAME - self.frame.len()).min(samples.len()));
            self.frame.extend_from_slice(now);
            if self.frame.len() == FRAME {
                out.push(self.judge()?);
            }
            samples = rest;
        }
        Ok(out)
    }

    fn finish(&mut self) -> Result<Vec<f32>> {
        if self.frame.is_empty() {
            return Ok(Vec::new());
        }
        self.frame.resize(FRAME, 0);
        Ok(vec![self.judge()?])
    }

    fn judge(&mut self) -> Result<f32> {
        let voiced = self.vad.is_voice_segment(&self.frame);
        self.frame.clear();
        match voiced {
            Ok(voiced) => Ok(f32::from(u8::from(voiced))),
            Err(()) => Err(Error::new(ErrorKind::Internal, Stage::Speech, "webrtc-vad rejected a 30 ms frame")),
        }
    }
}

impl Detector for WebrtcDetector {
    fn hop(&self) -> Millis {
        Millis(30.0)
    }

    fn push(&mut self, lanes: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()> {
        same_lanes(self.lanes, lanes.len())?;
        same_lanes(self.lanes, out.len())?;
        let samples = lanes.iter().map(|lane| lane.iter().map(|&x| to_i16(x)).collect()).collect();
        self.ask(WebrtcWork::Push(samples), out)
    }

    fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
        same_lanes(self.lanes, out.len())?;
        self.ask(WebrtcWork::Finish, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(lanes: &[&[f32]], chunk: usize) -> Vec<Vec<f32>> {
        let mut detector = WebrtcDetector::new(lanes.len()).unwrap();
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
        let error = WebrtcDetector::new(2).unwrap().push(&[&[0.0]], &mut [Vec::new(), Vec::new()]).unwrap_err();
        assert_eq!(error.to_string(), "speech: wrong number of tracks: found 1, expected 2");
    }
}
