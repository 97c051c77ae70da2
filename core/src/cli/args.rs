//! The program's arguments.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser, Subcommand};

use crate::call::{Fact, KnownOffset, Role};
use crate::config::{Config, Cover, DetectorKind, Format, Layout, LevelTarget, OutputRate, Pii, Profile, Stereo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::evaluate::Disturbance;
use crate::export::{LabelFormat, Names, PeakBits};
use crate::files::read_text;
use crate::process::{Redaction, WriteOptions};
use crate::provider::{parse_offset, read_facts};
use crate::units::{Millis, Span};

/// Turns what a phone system left behind into one aligned, levelled, labelled call.
#[derive(Debug, Parser)]
#[command(name = "callweave", version, max_term_width = 100)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// One call: recordings in, one report and one mix out.
    Process(Box<ProcessArgs>),
    /// Many calls: each to a folder of its own, and a line of JSON for each in DIR/calls.jsonl.
    /// Resumes where it stopped.
    #[command(
        mut_arg("inputs", |arg| arg.value_name("LIST").num_args(1).help(
            "The calls, one on each line: a path (against the list's folder) or a manifest in JSON")),
        mut_arg("output", |arg| arg.required(true).help("The folder for the outputs: a folder for each call in it")),
        mut_arg("json", |arg| arg.help("Prints the lines of the calls to standard output too, and nothing else")),
        mut_arg("redact", |arg| arg.hide(true)),
        mut_arg("offsets", |arg| arg.hide(true)),
        mut_arg("facts", |arg| arg.hide(true)),
        mut_arg("timings", |arg| arg.hide(true))
    )]
    Batch(Box<BatchArgs>),
    /// What files really are, and what is wrong with them.
    Probe(ProbeArgs),
    /// Recordings to wav of one rate and one level, each by itself.
    Normalize(NormalizeArgs),
    /// How well callweave hears your own calls: two-channel recordings are split, shifted, cut,
    /// thinned, transcoded and summed, and held against what is known of them. Only counts come out.
    Evaluate(EvaluateArgs),
    /// A profile whose confidence of placements is fitted to an evaluation.
    Calibrate(CalibrateArgs),
    /// What changed between two folders of reports, and which calls to listen to; of one folder, what
    /// this version would do otherwise.
    Compare(CompareArgs),
    /// Whether this machine's callweave is whole: its processor, what is compiled in, and a built-in
    /// call held against what should be heard in it.
    SelfTest(SelfTestArgs),
    /// A recording's waveform as numbers: the least and the greatest sample of each stretch, in
    /// audiowaveform's formats.
    Peaks(PeaksArgs),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group(ArgGroup::new("redacted").multiple(true)))]
pub(super) struct ProcessArgs {
    /// The recordings of one call, or a manifest or a provider's JSON with its audio beside it.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Writes the mix (mix.wav or mix.flac), report.json and report.html, a page to look at, to
    /// this folder.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Prints the report to standard output, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// Who is heard on the tracks, in order: customer, agent, transfer, participant, mixed,
    /// unknown.
    #[arg(long, value_name = "ROLE,...", value_delimiter = ',', value_parser = role)]
    pub roles: Vec<Role>,
    /// One recorder made all tracks: they begin together.
    #[arg(long)]
    pub aligned: bool,
    /// Where the recordings begin on the call's timeline, in order, in milliseconds, each with its
    /// uncertainty if it has one: 0,1200~50.
    #[arg(long, value_name = "MS[~MS],...", value_delimiter = ',', value_parser = known_offset, allow_hyphen_values = true)]
    pub offsets: Vec<KnownOffset>,
    /// The offset of times that a provider writes without one (Wellcloud, 3CX), such as +08:00.
    #[arg(long, value_name = "+HH:MM", value_parser = parse_offset, allow_hyphen_values = true)]
    pub utc_offset: Option<i32>,
    /// One channel per party, one for all, or one per party and per voice of a mixed track: split,
    /// mono, voices.
    #[arg(long, value_parser = named(Layout::from_name, Layout::NAMES))]
    pub layout: Option<Layout>,
    /// How the mix is written: wav (16 bits), wav-ulaw (8-bit mu-law), flac.
    #[arg(long, value_parser = named(Format::from_name, Format::NAMES))]
    pub format: Option<Format>,
    /// Which detector hears speech.
    #[arg(long, value_parser = named(DetectorKind::from_name, DetectorKind::NAMES))]
    pub detector: Option<DetectorKind>,
    /// Does not tell the voices of mixed tracks apart.
    #[arg(long)]
    pub no_voices: bool,
    /// Reports key presses with their digits.
    #[arg(long)]
    pub dtmf_digits: bool,
    /// Keeps or drops parties, paths and names in the report: keep, drop.
    #[arg(long, value_parser = named(Pii::from_name, Pii::NAMES))]
    pub pii: Option<Pii>,
    /// A configuration file (JSON); the other options change what it says.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What a phone system knows of the call: answer, hold, resume, pause, unpause, mute, unmute,
    /// consult, conference, transfer, key, hangup, each with its time, in a JSON file.
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// What is known of the recorder: the name of a profile (freeswitch, twilio-conference, vicidial)
    /// or a profile's file.
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// With -o: the mix's waveform as numbers in peaks.json, in audiowaveform's format; so many
    /// points per second.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100",
          requires = "output", value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub peaks: Option<u32>,
    /// With -o: labels for other tools: rttm, textgrid, audacity, vtt, csv.
    #[arg(long, value_name = "FORMAT,...", value_delimiter = ',', requires = "output", value_parser = label_format)]
    pub labels: Vec<LabelFormat>,
    /// With -o: page and labels name parties by number, address or name instead of role; the page
    /// shows paths.
    #[arg(long, requires = "output")]
    pub show_parties: bool,
    /// With -o: the mix is inside report.html too.
    #[arg(long, requires = "output", conflicts_with = "no_page")]
    pub embed_audio: bool,
    /// With -o: takes stretches of the call, in milliseconds, out of the mix and all that is made
    /// of it.
    #[arg(long, value_name = "START-END,...", value_delimiter = ',', requires = "output", group = "redacted",
          value_parser = stretch)]
    pub redact: Vec<Span>,
    /// With -o: takes every key press that is heard out of the mix.
    #[arg(long, requires = "output", group = "redacted")]
    pub redact_keys: bool,
    /// What is heard in place of what was taken out: silence, beep.
    #[arg(long, value_name = "COVER", requires = "redacted", value_parser = named(Cover::from_name, Cover::NAMES))]
    pub redact_with: Option<Cover>,
    /// With --redact-keys: stretches in which noise or a voice may hide a key are taken out too.
    #[arg(long, requires = "redact_keys")]
    pub redact_unsure: bool,
    /// With -o: each track anew without what was taken out, as long as it was, in redacted-0.wav and
    /// so on: wav, wav-ulaw, flac. Nothing is written where a key may have stayed.
    #[arg(long, value_name = "FORMAT", requires = "redacted", value_parser = named(Format::from_name, Format::NAMES))]
    pub redacted_tracks: Option<Format>,
    /// Writes the redacted tracks even where a key may have stayed.
    #[arg(long, requires = "redacted_tracks", conflicts_with = "redact_unsure")]
    pub keep_unsure: bool,
    /// With -o: each second's level by track in series.json.
    #[arg(long, requires = "output")]
    pub series: bool,
    /// With -o: no report.html.
    #[arg(long, requires = "output")]
    pub no_page: bool,
    /// Writes how long each step took to a file, as JSON; the report stays as it is.
    #[arg(long, value_name = "FILE")]
    pub timings: Option<PathBuf>,
    /// The same bits on every kind of CPU, slower.
    #[arg(long)]
    pub portable: bool,
    /// How many threads may work.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub sound: SoundArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct BatchArgs {
    #[command(flatten)]
    pub call: ProcessArgs,
    /// Works on each call in a process of its own: what ends that process costs one call.
    #[arg(long)]
    pub isolate: bool,
    /// Looks into the recordings to see whether a call is done, rather than at their sizes and
    /// times.
    #[arg(long)]
    pub compare_content: bool,
    /// Works on one line alone, and prints its answer.
    #[arg(long, hide = true, value_name = "N")]
    pub line: Option<usize>,
}

/// How recordings are read and what they are brought to.
#[derive(Debug, clap::Args)]
pub(super) struct SoundArgs {
    /// Samples per second: auto (the highest of the inputs, at most 16000), source, or 8000 to 48000.
    #[arg(long, value_parser = OutputRate::parse)]
    pub rate: Option<OutputRate>,
    /// The level of each party: -26dbov (active speech level), -23lufs (loudness), or off.
    #[arg(long, value_parser = LevelTarget::parse, allow_hyphen_values = true)]
    pub level: Option<LevelTarget>,
    /// What becomes of two channels: split, downmix.
    #[arg(long, value_parser = named(Stereo::from_name, Stereo::NAMES))]
    pub stereo: Option<Stereo>,
    /// Codec delay of an mp3 without a tag, in samples of its own rate.
    #[arg(long, value_name = "SAMPLES", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub mp3_delay: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ProbeArgs {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Prints one JSON document a line.
    #[arg(long)]
    pub json: bool,
    /// Asks only the first bytes: what the header says, unchecked, and nothing of damage.
    #[arg(long)]
    pub quick: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct NormalizeArgs {
    /// The recordings.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The folder for the wav files, each named after its recording.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// All channels in one.
    #[arg(long)]
    pub mono: bool,
    #[command(flatten)]
    pub sound: SoundArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct EvaluateArgs {
    /// The folder of the recordings: those of two channels, a party on each, are used.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Writes the counts to a file, as JSON.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Prints the counts to standard output as JSON, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// What the disturbances are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// What is done to the calls: split, shifted, start_times, cut, silence_shrunk, packets_dropped,
    /// transcoded, summed.
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = disturbance)]
    pub kinds: Vec<Disturbance>,
    /// Who is on the first channel, and who on the second.
    #[arg(long, value_name = "ROLE,ROLE", value_delimiter = ',', value_parser = role)]
    pub roles: Vec<Role>,
    /// A profile's name or file, to be judged.
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// What is known of the calls: lines of file,tag or file,tag,outcome.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// A configuration file (JSON).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How many threads may work.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CalibrateArgs {
    /// An evaluation, as evaluate -o writes it.
    #[arg(value_name = "FILE")]
    pub evaluation: PathBuf,
    /// The profile's name.
    #[arg(long, default_value = "calibrated")]
    pub name: String,
    /// Where the profile goes; without it, to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// The folder of the old reports.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The folder of the new ones.
    #[arg(value_name = "NEW")]
    pub new: Option<PathBuf>,
    /// Prints what changed as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SelfTestArgs {
    /// Prints what was found as JSON.
    #[arg(long)]
    pub json: bool,
    /// Prints the report of the built-in call as it is heard here, and judges nothing.
    #[arg(long, conflicts_with = "json")]
    pub report: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PeaksArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where they go: JSON, or audiowaveform's binary format where the name ends in .dat; without
    /// it, JSON on standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Points per second.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub points: u32,
    /// Bits of a value: 8, 16.
    #[arg(long, default_value = "8", value_parser = peak_bits)]
    pub bits: PeakBits,
}

fn label_format(name: &str) -> Result<LabelFormat, String> {
    let names: Vec<&str> = LabelFormat::ALL.iter().map(|format| format.name()).collect();
    LabelFormat::from_name(name).ok_or_else(|| format!("expected {}", names.join(", ")))
}

fn disturbance(name: &str) -> Result<Disturbance, String> {
    let names: Vec<&str> = Disturbance::ALL.iter().map(|kind| kind.name()).collect();
    let kind = Disturbance::ALL.into_iter().find(|kind| kind.name() == name);
    kind.ok_or_else(|| format!("expected {}", names.join(", ")))
}

fn peak_bits(text: &str) -> Result<PeakBits, String> {
    text.parse().ok().and_then(PeakBits::from_bits).ok_or_else(|| "expected 8 or 16".to_owned())
}

fn role(name: &str) -> Result<Role, String> {
    let names: Vec<&str> = Role::ALL.iter().map(|r| r.name()).collect();
    Role::from_name(name).ok_or_else(|| format!("expected {}", names.join(", ")))
}

/// A stretch of the call: two times in milliseconds with a dash between them.
fn stretch(text: &str) -> Result<Span, String> {
    let wrong = || format!("found {text}, expected two times in milliseconds, such as 12000-14500");
    let (start, end) = text.split_once('-').ok_or_else(wrong)?;
    let ms = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    Ok(Span::new(ms(start)?, ms(end)?))
}

/// A parser of names, which are told when it is given another.
fn named<T: Clone + Send + Sync + 'static>(
    parse: fn(&str) -> Option<T>,
    names: &'static [&'static str],
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| parse(text).ok_or_else(|| format!("expected {}", names.join(", ")))
}

impl ProcessArgs {
    /// The configuration: the file's, with the options' changes.
    pub(super) fn to_config(&self) -> Result<Config> {
        let mut config = profiled(config_of(self.config.as_deref())?, self.profile.as_deref())?;
        let sound = &self.sound;
        set(&mut config.mix.rate, sound.rate);
        set(&mut config.mix.level, sound.level);
        set(&mut config.mix.layout, self.layout);
        set(&mut config.mix.format, self.format);
        set(&mut config.decode.stereo, sound.stereo);
        set(&mut config.decode.assumed_mp3_delay, sound.mp3_delay);
        set(&mut config.detector, self.detector);
        set(&mut config.pii, self.pii);
        config.voices &= !self.no_voices;
        config.dtmf_digits |= self.dtmf_digits;
        config.portable |= self.portable;
        config.align.aligned |= self.aligned;
        config.validate()?;
        Ok(config)
    }
}

impl ProcessArgs {
    /// What is taken out of the call, if anything is.
    pub(super) fn to_redaction(&self) -> Option<Redaction> {
        let asked = self.redact_keys || !self.redact.is_empty();
        let cover = self.redact_with.unwrap_or_default();
        let (keys, unsure) = (self.redact_keys, self.redact_unsure);
        asked.then(|| Redaction { spans: self.redact.clone(), keys, unsure, cover })
    }

    /// What a phone system knows of the call.
    pub(super) fn known_facts(&self) -> Result<Vec<Fact>> {
        let Some(path) = &self.facts else { return Ok(Vec::new()) };
        let named = |e: Error| {
            Error::new(ErrorKind::InvalidArgument, Stage::Config, e.to_string()).in_input(path.display().to_string())
        };
        read_text(path, MAX_CONFIG, Stage::Config).and_then(|text| read_facts(&text)).map_err(named)
    }

    /// What is written beside the mix and the report.
    pub(super) fn to_write_options(&self) -> WriteOptions {
        WriteOptions {
            page: !self.no_page,
            embed_audio: self.embed_audio,
            peaks: self.peaks,
            series: self.series,
            labels: self.labels.clone(),
            names: if self.show_parties { Names::Parties } else { Names::Roles },
            redacted_tracks: self.redacted_tracks,
            keep_unsure: self.keep_unsure,
        }
    }
}

/// Sets a field where an option was given.
pub(super) fn set<T>(field: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *field = value;
    }
}

/// The most bytes of a configuration.
const MAX_CONFIG: u64 = 1 << 20;

/// The configuration of a file, or the default.
pub(super) fn config_of(path: Option<&Path>) -> Result<Config> {
    path.map_or_else(|| Ok(Config::default()), read_config)
}

/// A configuration over the profile of a name or a file, where one is given.
pub(super) fn profiled(config: Config, profile: Option<&str>) -> Result<Config> {
    profile.map_or_else(|| Ok(config.clone()), |profile| profile_of(profile)?.under(&config))
}

/// The profile of a name, or of a file.
fn profile_of(text: &str) -> Result<Profile> {
    if !text.ends_with(".json") {
        return Profile::preset(text);
    }
    let named = |e: Error| e.in_input(text.to_owned());
    Profile::from_json(&read_text(Path::new(text), MAX_CONFIG, Stage::Config).map_err(named)?).map_err(named)
}

fn read_config(path: &Path) -> Result<Config> {
    let named = |e: Error| e.in_input(path.display().to_string());
    let refused = |e: Error| named(Error::new(ErrorKind::InvalidArgument, Stage::Config, e.message()));
    let text = read_text(path, MAX_CONFIG, Stage::Config).map_err(refused)?;
    Config::from_json(&text).map_err(named)
}

/// An offset in milliseconds, and its uncertainty after a `~`.
fn known_offset(text: &str) -> Result<KnownOffset, String> {
    let (offset, uncertainty) = text.split_once('~').unwrap_or((text, "0"));
    let number =
        |text: &str| text.trim().parse().map(Millis).map_err(|_| format!("found {text}, expected milliseconds"));
    KnownOffset::new(number(offset)?, number(uncertainty)?)
        .ok_or_else(|| "expected milliseconds within a day".to_owned())
}
