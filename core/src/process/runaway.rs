//! Between placing and gating: channels of one recording that run apart.

use crate::align::{self, AlignOptions};
use crate::config::Config;
use crate::error::Warning;
use crate::run::RunOptions;
use crate::timeline::{HeardEcho, Method, Placement};
use crate::units::Millis;

use super::partition::ReadTrack;
use super::place::{Placements, align_input};

/// Places the channels of a call's only recording anew, if bleed shows that they run apart. Returns
/// whether it does. What the caller says about the recording is not overruled.
pub(super) fn follow(
    tracks: &[ReadTrack],
    places: &mut Placements,
    echoes: &[HeardEcho],
    config: &Config,
    run: &RunOptions,
) -> bool {
    let one = tracks.iter().all(|track| Some(track.recorder) == tracks.first().map(|first| first.recorder));
    let whole = tracks.iter().all(|track| track.segments.is_empty() && track.leg.offset.is_none());
    if tracks.len() < 2 || !one || !whole || config.align.aligned || !config.align.bleed {
        return false;
    }
    let inputs: Vec<align::TrackInput> = tracks.iter().map(|track| align_input(track, false)).collect();
    let options = AlignOptions { portable: config.portable || config.align.portable, ..config.align };
    let Some(placements) = align::channels(&inputs, echoes, &options, &run.cancel) else { return false };
    let away = tracks.iter().zip(&placements).filter(|(_, placement)| placement.method == Method::Bleed);
    let first = tracks.first().map(|first| first.index).zip(placements.first());
    places.warnings.extend(away.map(|(track, placement)| warning((track.index, placement), first)));
    places.placements = placements;
    true
}

/// The warning that a channel runs apart from the first one, and how.
fn warning((track, placement): (usize, &Placement), first: Option<(usize, &Placement)>) -> Warning {
    let drift = placement.drift().0.round();
    let mut how: Vec<String> = Vec::new();
    how.extend((drift != 0.0).then(|| format!("its clock is off by {drift} ppm")));
    for (number, placement) in first.into_iter().chain([(track, placement)]) {
        let lost = lost(placement).0.round();
        how.extend((lost > 0.0).then(|| format!("track {number} lost {lost} ms")));
    }
    let text = format!("track {track}: runs apart from the first channel of its recording: {}", how.join(", "));
    Warning::new("channels_apart", text)
}

/// Returns how much audio a track lost.
fn lost(placement: &Placement) -> Millis {
    let steps = placement.knots().windows(2).filter(|pair| pair[0].track == pair[1].track);
    Millis(steps.map(|pair| (pair[1].call - pair[0].call).0).sum())
}

#[cfg(test)]
mod tests {
    use crate::align::tests::{GOOD, TestRandom, TestRecorder, record, talk};
    use crate::call::Role;
    use crate::config::Config;
    use crate::decode::Input;
    use crate::error::Result;
    use crate::process::{CallInput, Processed, process};
    use crate::run::RunOptions;
    use crate::samples::Samples;
    use crate::timeline::Method;
    use crate::units::{Millis, Rate};
    use crate::vad::{CustomDetector, Detector};

    /// Speech wherever a frame is louder than the line's noise, bleed included: the made voices are
    /// noise too.
    struct Loud(Vec<Vec<f32>>);

    impl Detector for Loud {
        fn hop(&self) -> Millis {
            Millis(32.0)
        }

        fn push(&mut self, tracks: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()> {
            for ((kept, samples), out) in self.0.iter_mut().zip(tracks).zip(out) {
                kept.extend_from_slice(samples);
                while kept.len() >= 256 {
                    let loud = kept.drain(..256).any(|x| x.abs() > 0.002);
                    out.push(f32::from(u8::from(loud)));
                }
            }
            Ok(())
        }

        fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
            let rest = self.0.iter().zip(out).filter(|(kept, _)| !kept.is_empty());
            rest.for_each(|(_, out)| out.push(0.0));
            Ok(())
        }
    }

    /// A file of two channels, each with its own recorder's faults.
    fn dual(seconds: f64, recorders: [TestRecorder; 2], aligned: bool) -> Processed {
        let mut dice = TestRandom(11);
        let voices = talk(seconds, 2, &mut dice);
        let mut channels: Vec<Vec<i16>> =
            recorders.iter().enumerate().map(|(own, recorder)| record(&voices, own, recorder, &mut dice)).collect();
        let longest = channels.iter().map(Vec::len).max().unwrap();
        channels.iter_mut().for_each(|channel| channel.resize(longest, 0));
        let planes: Vec<Samples> = channels.iter().map(|channel| Samples::from(channel.as_slice())).collect();
        let call = CallInput::from(vec![Input::channels("dual", planes, Rate::NARROWBAND)]);
        let call = call.with_roles(vec![Role::Customer, Role::Agent]);
        let call = call.with_detector(CustomDetector::new("loud", "1", |tracks| Ok(Loud(vec![Vec::new(); tracks]))));
        let mut config = Config::default();
        config.align.aligned = aligned;
        process(call, &config, &RunOptions::default()).unwrap()
    }

    fn told(call: &Processed) -> Vec<&str> {
        let warnings = call.report.warnings.iter().filter(|warning| warning.code == "channels_apart");
        warnings.map(|warning| warning.message.as_str()).collect()
    }

    const SECONDS: f64 = 240.0;

    #[test]
    fn a_channel_whose_clock_is_off_is_followed() {
        for ppm in [120.0, -120.0] {
            let call = dual(SECONDS, [GOOD, TestRecorder { ppm, ..GOOD }], false);
            let placement = &call.tracks[1].placement;
            assert!((placement.drift().0 - ppm).abs() < 10.0, "{}", placement.drift().0);
            assert!(placement.offset().0.abs() < 0.1 && placement.method == Method::Bleed);
            let told = told(&call);
            assert!(told.len() == 1 && told[0].contains(" ppm") && !told[0].contains("lost"), "{told:?}");
        }
    }

    #[test]
    fn audio_that_a_channel_lost_moves_what_follows() {
        for lossy in [0, 1] {
            let faulty = TestRecorder { lost: vec![(120.0, 0.1)], ..GOOD };
            let recorders = if lossy == 0 { [faulty, GOOD] } else { [GOOD, faulty] };
            let call = dual(SECONDS, recorders, false);
            let at = |track: usize, s: f64| call.tracks[track].placement.to_call(Millis(1000.0 * s)).0;
            assert!((at(lossy, 200.0) - 200_100.0).abs() < 10.0, "{}", at(lossy, 200.0));
            let told = told(&call);
            assert!(told.len() == 1 && told[0].contains(&format!("track {lossy} lost ")), "{told:?}");
            assert!((at(lossy, 60.0) - 60_000.0).abs() < 10.0 && (at(1 - lossy, 200.0) - 200_000.0).abs() < 10.0);
        }
    }

    #[test]
    fn channels_that_stay_together_stay() {
        let stays = |call: &Processed| {
            told(call).is_empty() && call.tracks.iter().all(|track| track.placement.method == Method::Reference)
        };
        assert!(stays(&dual(SECONDS, [GOOD, TestRecorder { echo_s: 0.3, ..GOOD }], false)));
        let fast = || TestRecorder { ppm: 120.0, ..GOOD };
        assert!(stays(&dual(SECONDS, [GOOD, fast()], true)), "what the caller says is not overruled");
    }
}
