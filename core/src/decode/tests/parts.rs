//! Mp3 decoded in parallel parts: the same samples and warnings as by one decoder, whatever the
//! stream and its damage.

use super::*;
use crate::threads::Pool;
use crate::track::to_i16;

/// Decodes some bytes in this many parts.
fn in_parts(bytes: &[u8], options: &DecodeOptions, parts: usize) -> Result<(Vec<Vec<u32>>, SourceInfo)> {
    Pool::new(parts).unwrap().run(|| {
        let mut decoder = Decoder::open(Input::bytes("call", bytes), options)?;
        decoder.split(parts);
        let mut all = vec![Vec::new(); usize::from(decoder.spec().channels)];
        while let Some(block) = decoder.next_block()? {
            for (channel, all) in all.iter_mut().enumerate() {
                all.extend(block.channel(channel).iter().map(|x| x.to_bits()));
            }
        }
        Ok((all, decoder.finish()?))
    })
}

/// Compares parts at the own rate, and at half of it where that is possible.
fn same_in_parts(what: &str, bytes: &[u8]) {
    let whole = DecodeOptions::default();
    let own = Decoder::open(Input::bytes("call", bytes), &whole).unwrap().spec().rate;
    let half = Rate::new(own.hz() / 2).ok().filter(|half| *half >= Rate::NARROWBAND);
    same_with(what, bytes, &whole);
    if half.is_some() {
        same_with(&format!("{what} at half the rate"), bytes, &whole.with_downsample_hz(half));
    }
}

fn same_with(what: &str, bytes: &[u8], options: &DecodeOptions) {
    let one = in_parts(bytes, options, 1);
    for parts in [2, 3, 8] {
        match (&one, in_parts(bytes, options, parts)) {
            (Ok(one), Ok(several)) => {
                assert!(one.0 == several.0, "{what}: other samples in {parts} parts");
                assert_eq!(one.1, several.1, "{what} in {parts} parts");
            }
            (one, several) => assert_eq!(one.is_err(), several.is_err(), "{what} in {parts} parts"),
        }
    }
}

/// Makes mp3s of all kinds, some 40 s each.
fn made(test: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let dir = folder(test);
    let (source, out) = (dir.join("a.wav").display().to_string(), dir.join("a.mp3").display().to_string());
    let kinds: [(u32, u16, &[&str]); 8] = [
        (8_000, 1, &["-b", "8"]),
        (8_000, 1, &["-b", "32"]),
        (16_000, 1, &["-b", "32"]),
        (24_000, 2, &["-b", "24", "-m", "j"]),
        (44_100, 2, &["-b", "128", "-m", "j"]),
        (44_100, 2, &["-b", "320", "-m", "s"]),
        (44_100, 1, &["-V", "5"]),
        (32_000, 2, &["-V", "7", "-p"]),
    ];
    let mut all = Vec::new();
    for (rate, channels, options) in kinds {
        let left = babble(rate, 40.0, 7);
        let both: Vec<i16> = left.iter().flat_map(|&x| [x, x / 2 + x % 91][..channels.into()].to_vec()).collect();
        std::fs::write(&source, wav(1, channels, rate, 16, &s16(&both))).unwrap();
        tool("lame", &[&["--quiet"], options, &[&source, &out]].concat())?;
        all.push((format!("{rate} Hz, {channels} channels, {options:?}"), std::fs::read(&out).unwrap()));
    }
    Some(all)
}

#[test]
fn every_kind_of_mp3_is_the_same_in_parts() {
    let Some(all) = made("parts") else { return };
    all.iter().for_each(|(what, bytes)| same_in_parts(what, bytes));
    // Concatenated files, each with its tag, rate and channels.
    let together = |all: Vec<(String, Vec<u8>)>| all.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>();
    same_in_parts("all in one", &together(all.clone()));
    same_in_parts("all in one, from the last", &together(all.into_iter().rev().collect()));
}

#[test]
fn damage_is_met_as_by_one_decoder() {
    damaged("keypad-hold/customer.mp3");
    damaged("tencent-dual/000-339708930-12360-5b0c7c1e93a44f5d8a430d1f6a2be7c1-000-1779261106.mp3");
}

/// Damages a recording in many ways.
fn damaged(name: &str) {
    let bytes = std::fs::read(format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    same_in_parts("whole", &bytes);
    let mut state = 11u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for round in 0..12 {
        let mut broken = bytes.clone();
        for _ in 0..1 + round {
            let (at, length) = (random(bytes.len()), 1 + random(300));
            let end = (at + length).min(broken.len());
            match random(4) {
                0 => broken[at..end].fill(0),
                1 => broken[at..end].iter_mut().for_each(|b| *b = random(256) as u8),
                2 => drop(broken.drain(at..end)),
                _ => drop(broken.splice(at..at, vec![0x55; length])),
            }
        }
        same_in_parts(&format!("round {round}"), &broken);
    }
    // The tag that ends the first file is beyond one search step, and within the lookahead.
    let gap = [vec![0; 350_000], b"TAG".to_vec(), vec![0; 125]].concat();
    same_in_parts("two files with a gap between", &[&bytes[..], &gap, &bytes].concat());
    same_in_parts("cut off", &bytes[..bytes.len() - 77]);
    // From the middle on: the first frames lack earlier bytes.
    same_in_parts("begun late", &bytes[300 * 144..]);
}

#[test]
fn tracks_do_not_depend_on_threads() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/keypad-hold/agent.mp3");
    let decoded = || decode(Input::path(fixture), &DecodeOptions::default()).unwrap();
    let one = Pool::new(1).unwrap().run(decoded);
    assert_eq!(one, Pool::new(3).unwrap().run(decoded));
    let bytes = std::fs::read(fixture).unwrap();
    let whole = run_bytes(&bytes).unwrap().0;
    assert_eq!(one[0].samples, whole[0].iter().map(|&x| to_i16(x)).collect::<Vec<_>>());
}
