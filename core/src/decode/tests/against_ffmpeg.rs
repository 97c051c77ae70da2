//! Compares with ffmpeg's decoding of the same files: bit by bit if the codec is exact, by
//! signal-to-noise ratio otherwise.

use super::*;

fn ffmpeg_f32(path: &str) -> Option<Vec<f32>> {
    decoded_by(&[], path)
}

/// Decodes a file with ffmpeg, with some choice of its decoder.
pub(super) fn decoded_by(decoder: &[&str], path: &str) -> Option<Vec<f32>> {
    let args = [&["-v", "error"], decoder, &["-i", path, "-f", "f32le", "-c:a", "pcm_f32le", "-"]].concat();
    let raw = tool("ffmpeg", &args)?;
    Some(raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

pub(super) fn interleaved(planes: &[Vec<f32>]) -> Vec<f32> {
    (0..planes[0].len()).flat_map(|i| planes.iter().map(move |p| p[i])).collect()
}

pub(super) fn snr_db(reference: &[f32], other: &[f32]) -> f64 {
    let power = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>();
    let signal = power(&mut reference.iter().map(|&x| f64::from(x)));
    let noise = power(&mut reference.iter().zip(other).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    10.0 * (signal / noise.max(1e-30)).log10()
}

/// Writes a wav of one or two talking channels, and has a tool convert it to another file.
pub(super) fn make(dir: &std::path::Path, rate: u32, channels: u16, tool_args: &[&str], name: &str) -> Option<String> {
    let source = dir.join(format!("source-{rate}-{channels}.wav"));
    if !source.exists() {
        let voices: Vec<Vec<i16>> = (0..channels).map(|c| babble(rate, 4.0, u32::from(c) + 11)).collect();
        let data: Vec<i16> = (0..voices[0].len()).flat_map(|i| voices.iter().map(move |v| v[i])).collect();
        std::fs::write(&source, wav(1, channels, rate, 16, &s16(&data))).unwrap();
    }
    let (source, made) = (source.display().to_string(), dir.join(name).display().to_string());
    let (program, args) = tool_args.split_first().unwrap();
    let args: Vec<&str> = args
        .iter()
        .map(|a| match *a {
            "IN" => source.as_str(),
            "OUT" => made.as_str(),
            other => other,
        })
        .collect();
    tool(program, &args)?;
    Some(made)
}

#[test]
fn wav_is_bit_exact() {
    let dir = folder("wav");
    for codec in ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_mulaw", "pcm_alaw"] {
        for channels in [1, 2] {
            let args = ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-c:a", codec, "OUT"];
            let Some(path) = make(&dir, 8000, channels, &args, &format!("{codec}-{channels}.wav")) else { return };
            let (planes, info) = run(Input::path(&path), &DecodeOptions::default()).unwrap();
            assert!(interleaved(&planes) == ffmpeg_f32(&path).unwrap(), "{codec} of {channels} channels");
            assert!(info.warnings.is_empty(), "{:?}", info.warnings);
        }
    }
}

#[test]
fn mp3_matches_ffmpeg_sample_by_sample() {
    let dir = folder("mp3");
    for (rate, channels, kbits, tagged) in [
        (8000, 1, "8", false),
        (8000, 1, "16", false),
        (8000, 2, "32", true),
        (16_000, 1, "32", false),
        (16_000, 1, "64", true),
        (16_000, 2, "64", true),
        (22_050, 1, "48", false),
        (44_100, 2, "128", true),
        (48_000, 1, "64", true),
    ] {
        let args = ["lame", "--quiet", "-b", kbits, "IN", "OUT"];
        let name = format!("{rate}-{channels}-{kbits}.mp3");
        let Some(path) = make(&dir, rate, channels, &args, &name) else { return };
        let Some(theirs) = ffmpeg_f32(&path) else { return };
        let (planes, info) = run(Input::path(&path), &DecodeOptions::default()).unwrap();
        let ours = interleaved(&planes);
        let basis = if tagged { DelayBasis::Tag } else { DelayBasis::Assumed };
        assert_eq!(
            (info.codec_delay_basis, info.sample_rate_hz.hz(), info.channels),
            (basis, rate, channels),
            "{name}"
        );
        assert_eq!(codes(&info), if tagged { vec![] } else { vec!["delay_unknown"] }, "{name}");
        // ffmpeg removes the delay and the padding of a tagged file, and neither of an untagged
        // one.
        let from = if tagged { 0 } else { 1105 * usize::from(channels) };
        let theirs = &theirs[from..];
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let snr = snr_db(theirs, &ours);
        eprintln!("{name}: {snr:.1} dB against ffmpeg");
        assert!(snr > 90.0, "{name}: {snr:.1} dB");
        if tagged {
            assert_eq!(info.duration_ms.0, 4000.0, "{name}");
        }
    }
}

#[test]
fn mp3_of_every_bit_rate_mode_and_tag_matches_ffmpeg() {
    let dir = folder("mp3-modes");
    for (name, args) in [
        ("vbr.mp3", &["lame", "--quiet", "-V", "5", "IN", "OUT"][..]),
        ("abr.mp3", &["lame", "--quiet", "--abr", "56", "IN", "OUT"]),
        ("crc.mp3", &["lame", "--quiet", "-p", "-b", "64", "IN", "OUT"]),
        ("id3.mp3", &["lame", "--quiet", "-b", "64", "--tt", "title", "--add-id3v2", "--id3v1-only", "IN", "OUT"]),
        ("id3v2.mp3", &["lame", "--quiet", "-b", "64", "--tt", "title", "--id3v2-only", "--pad-id3v2", "IN", "OUT"]),
        ("lavc.mp3", &["ffmpeg", "-v", "error", "-y", "-i", "IN", "-b:a", "64k", "OUT"]),
    ] {
        let Some(path) = make(&dir, 16_000, 1, args, name) else { return };
        let Some(theirs) = ffmpeg_f32(&path) else { return };
        let (planes, info) = run(Input::path(&path), &DecodeOptions::default()).unwrap();
        assert_eq!((planes[0].len(), info.codec_delay_basis), (theirs.len(), DelayBasis::Tag), "{name}");
        assert!(info.warnings.is_empty(), "{name}: {:?}", info.warnings);
        let snr = snr_db(&theirs, &planes[0]);
        assert!(snr > 90.0, "{name}: {snr:.1} dB");
    }
}

#[test]
fn impulses_stay_where_they_were() {
    let dir = folder("impulse");
    for (rate, kbits) in [(8000, "16"), (8000, "24"), (16_000, "32"), (16_000, "64"), (44_100, "128")] {
        let mut samples = vec![0i16; 3 * rate as usize];
        let places = [rate as usize / 7, rate as usize + 13, 3 * rate as usize - 600];
        for &place in &places {
            samples[place] = 30_000;
        }
        let source = dir.join("impulse.wav");
        std::fs::write(&source, wav(1, 1, rate, 16, &s16(&samples))).unwrap();
        let made = dir.join(format!("{rate}-{kbits}.mp3")).display().to_string();
        if tool("lame", &["--quiet", "-b", kbits, &source.display().to_string(), &made]).is_none() {
            return;
        }
        let (planes, _) = run(Input::path(&made), &DecodeOptions::default()).unwrap();
        for place in places {
            let near = &planes[0][place - 500..place + 500];
            let loudest = (0..1000).max_by(|&a, &b| near[a].abs().total_cmp(&near[b].abs())).unwrap();
            assert_eq!(loudest, 500, "{rate} Hz, {kbits} kbit/s, impulse at {place}");
        }
    }
}

#[test]
#[cfg_attr(not(feature = "opus"), ignore = "needs the feature opus")]
fn impulses_stay_where_they_were_in_every_container() {
    let dir = folder("impulses");
    let mut samples = vec![0i16; 48_000];
    let places = [2_300, 16_013, 47_300];
    places.iter().for_each(|&place| samples[place] = 30_000);
    let source = dir.join("impulse.wav").display().to_string();
    std::fs::write(&source, wav(1, 1, 16_000, 16, &s16(&samples))).unwrap();
    for (name, options) in [
        ("a.m4a", &["-c:a", "aac", "-b:a", "96k"][..]),
        ("a.3gp", &["-c:a", "aac", "-b:a", "96k"]),
        ("v.ogg", &["-c:a", "libvorbis", "-q:a", "7"]),
        ("v.mkv", &["-c:a", "libvorbis", "-q:a", "7"]),
        ("o.opus", &["-c:a", "libopus", "-b:a", "96k"]),
        ("o.webm", &["-c:a", "libopus", "-b:a", "96k"]),
        ("a.flac", &[]),
        ("a.aiff", &[]),
        ("i.wav", &["-c:a", "adpcm_ima_wav"]),
        ("m.wav", &["-c:a", "adpcm_ms"]),
    ] {
        let made = dir.join(name).display().to_string();
        let args = [&["-v", "error", "-y", "-i", &source], options, &[&made]].concat();
        if tool("ffmpeg", &args).is_none() {
            return;
        }
        let (planes, info) = run(Input::path(&made), &DecodeOptions::default()).unwrap();
        let factor = info.sample_rate_hz.hz() as usize / 16_000;
        for place in places.map(|place| place * factor) {
            let near = &planes[0][place - 500..place + 500];
            let loudest = (0..1000).max_by(|&a, &b| near[a].abs().total_cmp(&near[b].abs())).unwrap();
            assert_eq!(loudest, 500, "{name}, impulse at {place}");
        }
    }
}

#[test]
fn mp3_in_wav() {
    let dir = folder("mp3-in-wav");
    let args = ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-c:a", "libmp3lame", "-b:a", "32k", "OUT"];
    let Some(path) = make(&dir, 16_000, 1, &args, "inside.wav") else { return };
    let theirs = ffmpeg_f32(&path).unwrap();
    let (planes, info) = run(Input::path(&path), &DecodeOptions::default()).unwrap();
    assert_eq!((info.container, info.codec), (Container::Wav, Codec::Mp3));
    let from = theirs.len() - planes[0].len();
    let snr = snr_db(&theirs[from..], &planes[0]);
    assert!(snr > 90.0 && from <= 1105, "{snr:.1} dB, {from} samples removed");
}

fn ffmpeg_f64(path: &str) -> Option<Vec<f64>> {
    let raw = tool("ffmpeg", &["-v", "error", "-i", path, "-f", "f64le", "-c:a", "pcm_f64le", "-"])?;
    Some(raw.chunks_exact(8).filter_map(|b| b.first_chunk::<8>()).map(|b| f64::from_le_bytes(*b)).collect())
}

#[test]
fn samples_of_32_bits_and_doubles_are_exact_in_double_precision() {
    let dir = folder("wide");
    for codec in ["pcm_s32le", "pcm_f64le", "pcm_s24le"] {
        let filter = "volume=0.3337:precision=double";
        let args = ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-af", filter, "-c:a", codec, "OUT"];
        let Some(path) = make(&dir, 8000, 1, &args, &format!("{codec}.wav")) else { return };
        let mut decoder = Decoder::open(Input::path(&path), &DecodeOptions::default()).unwrap();
        let mut ours = Vec::new();
        while let Some(block) = decoder.next_block_f64().unwrap() {
            ours.extend_from_slice(block.channel(0));
        }
        assert!(ours == ffmpeg_f64(&path).unwrap(), "{codec}");
    }
}

#[test]
fn aiff_is_bit_exact() {
    let dir = folder("aiff");
    for codec in ["pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_mulaw", "pcm_alaw", "pcm_s16le"] {
        for channels in [1, 2] {
            let args = ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-c:a", codec, "OUT"];
            let Some(path) = make(&dir, 8000, channels, &args, &format!("{codec}-{channels}.aiff")) else { return };
            let (planes, info) = run(Input::path(&path), &DecodeOptions::default()).unwrap();
            assert!(interleaved(&planes) == ffmpeg_f32(&path).unwrap(), "{codec} of {channels} channels");
            assert!(info.warnings.is_empty() && info.container == Container::Aiff, "{:?}", info.warnings);
        }
    }
}

#[test]
fn codecs_of_telephony_are_bit_exact() {
    let dir = folder("telephony");
    let ffmpeg = |codec| ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-c:a", codec, "OUT"];
    let sox = |encoding| ["sox", "IN", "-e", encoding, "OUT", "gain", "0"];
    let none = Option::<Raw>::None;
    for (rate, channels, args, name, codec, raw) in [
        (8000, 1, &ffmpeg("adpcm_ima_wav")[..], "ima-1.wav", Codec::AdpcmIma, none),
        (8000, 2, &ffmpeg("adpcm_ima_wav"), "ima-2.wav", Codec::AdpcmIma, none),
        (8000, 1, &ffmpeg("adpcm_ms"), "ms-1.wav", Codec::AdpcmMs, none),
        (8000, 2, &ffmpeg("adpcm_ms"), "ms-2.wav", Codec::AdpcmMs, none),
        (16_000, 1, &ffmpeg("g722"), "g722.wav", Codec::G722, none),
        (16_000, 1, &ffmpeg("g722"), "raw.g722", Codec::G722, Some(Raw::G722)),
        (8000, 1, &sox("gsm-full-rate"), "gsm.wav", Codec::Gsm, none),
        (8000, 1, &sox("gsm-full-rate"), "raw.gsm", Codec::Gsm, Some(Raw::Gsm)),
        (
            8000,
            1,
            &["ffmpeg", "-v", "error", "-y", "-i", "IN", "-f", "mulaw", "OUT"],
            "raw.ul",
            Codec::Ulaw,
            Some(Raw::Ulaw),
        ),
    ] {
        let Some(path) = make(&dir, rate, channels, args, name) else { return };
        let theirs = match raw {
            Some(Raw::Ulaw) => {
                let raw =
                    tool("ffmpeg", &["-v", "error", "-f", "mulaw", "-ar", "8000", "-i", &path, "-f", "f32le", "-"]);
                raw.unwrap().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            _ => ffmpeg_f32(&path).unwrap(),
        };
        let input = Input::path(&path);
        let input = if let Some(raw) = raw { input.raw(raw) } else { input };
        let (planes, info) = run(input, &DecodeOptions::default()).unwrap();
        let ours = interleaved(&planes);
        assert_eq!(
            (info.codec, info.sample_rate_hz.hz(), info.warnings.len()),
            (codec, rate, 0),
            "{:?}",
            info.warnings
        );
        let first = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(first, None, "{name}: {:.1} dB", snr_db(&theirs, &ours));
        assert_eq!(ours.len(), theirs.len(), "{name}");
    }
}

#[test]
fn flac_is_bit_exact() {
    let dir = folder("flac");
    for (channels, format) in [(1, "s16"), (2, "s16"), (1, "s32")] {
        let args = ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-sample_fmt", format, "-c:a", "flac", "OUT"];
        let Some(path) = make(&dir, 16_000, channels, &args, &format!("{channels}-{format}.flac")) else { return };
        let (planes, info) = run_bytes(&std::fs::read(&path).unwrap()).unwrap();
        assert!(interleaved(&planes) == ffmpeg_f32(&path).unwrap(), "{channels} channels, {format}");
        assert_eq!((info.codec, info.duration_ms.0, info.warnings.len()), (Codec::Flac, 4000.0, 0));
    }
}

#[test]
#[cfg_attr(not(feature = "opus"), ignore = "needs the feature opus")]
fn lossy_codecs_are_close_and_in_place() {
    let dir = folder("lossy");
    let ffmpeg = |codec, kbits| ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-c:a", codec, "-b:a", kbits, "OUT"];
    let aac = ["ffmpeg", "-v", "error", "-y", "-i", "IN", "-c:a", "aac", "-aac_pns", "0", "-b:a", "48k", "OUT"];
    for (rate, channels, args, name, codec, least) in [
        (16_000, 1, &ffmpeg("libvorbis", "32k")[..], "mono-vorbis.ogg", Codec::Vorbis, 60.0),
        (44_100, 2, &ffmpeg("libvorbis", "96k"), "stereo-vorbis.ogg", Codec::Vorbis, 60.0),
        (16_000, 1, &ffmpeg("libopus", "24k"), "mono.opus", Codec::Opus, 40.0),
        (8_000, 1, &ffmpeg("libopus", "12k"), "narrow.opus", Codec::Opus, 40.0),
        (48_000, 2, &ffmpeg("libopus", "64k"), "stereo.opus", Codec::Opus, 40.0),
        (16_000, 1, &ffmpeg("libopus", "24k"), "mono.webm", Codec::Opus, 40.0),
        (16_000, 1, &ffmpeg("libopus", "24k"), "mono.mkv", Codec::Opus, 40.0),
        (16_000, 1, &ffmpeg("libvorbis", "32k"), "vorbis.webm", Codec::Vorbis, 60.0),
        (16_000, 1, &aac, "mono.m4a", Codec::AacLc, 60.0),
        (8_000, 1, &aac, "narrow.m4a", Codec::AacLc, 60.0),
        (44_100, 2, &aac, "stereo.mp4", Codec::AacLc, 60.0),
        (16_000, 1, &aac, "phone.3gp", Codec::AacLc, 60.0),
    ] {
        let Some(path) = make(&dir, rate, channels, args, name) else { return };
        // ffmpeg's own Opus decoder resamples the speech layer differently, one sample late. The
        // reference is libopus.
        let decoder: &[&str] = if codec == Codec::Opus { &["-c:a", "libopus"] } else { &[] };
        let theirs = decoded_by(decoder, &path).unwrap();
        let (planes, info) = run(Input::path(&path), &DecodeOptions::default()).unwrap();
        let ours = interleaved(&planes);
        let snr = snr_db(&theirs, &ours);
        eprintln!(
            "{name}: {snr:.1} dB against ffmpeg, {} and {} samples, delay {}",
            ours.len(),
            theirs.len(),
            info.codec_delay_ms
        );
        assert_eq!((info.codec, info.warnings.len()), (codec, 0), "{name}: {:?}", info.warnings);
        assert!(snr > least, "{name}: {snr:.1} dB");
        // ffmpeg keeps AAC's padding at the end. The edit list gives the recording's end.
        let length = if codec == Codec::AacLc { 4 * rate as usize * usize::from(channels) } else { theirs.len() };
        assert_eq!(ours.len(), length, "{name}");
    }
}
