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
use crate::units::{Rate, Span};

use super::values::{disturbance, downsample_rate, known_offset, label_format, named, peak_bits, role, stretch};

/// Turns the recordings of a phone call into one call: aligned, levelled, labelled.
#[derive(Debug, Parser)]
#[command(
    name = "callweave",
    version,
    max_term_width = 100,
    after_help = "Exit status: 0 done, 1 failed, 2 wrong arguments. Warnings go to standard error."
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Analyze and mix one call.
    Process(Box<ProcessArgs>),
    /// Process many calls, each into its own folder.
    ///
    /// Writes one line of JSON per call to DIR/calls.jsonl. When run again, continues where it
    /// stopped.
    #[command(
        mut_arg("inputs", |arg| arg.value_name("LIST").num_args(1).help(
            "List of calls, one per line: a path relative to the list, or a manifest as JSON")),
        mut_arg("output", |arg| arg.required(true).help("Output folder; each call gets a folder in it")),
        mut_arg("json", |arg| arg.help("Also print the calls' JSON lines to standard output, and nothing else")),
        mut_arg("redact", |arg| arg.hide(true)),
        mut_arg("offsets", |arg| arg.hide(true)),
        mut_arg("facts", |arg| arg.hide(true)),
        mut_arg("timings", |arg| arg.hide(true)),
        mut_arg("vcon", |arg| arg.hide(true))
    )]
    Batch(Box<BatchArgs>),
    /// Show a recording's actual format and what is wrong with it.
    Probe(ProbeArgs),
    /// Convert recordings to WAV at one rate and level.
    Normalize(NormalizeArgs),
    /// Measure accuracy on your own two-channel calls.
    ///
    /// Splits, shifts, cuts, thins, transcodes and sums the recordings, and compares the results
    /// with what is known about them. The output holds only counts.
    Evaluate(EvaluateArgs),
    /// Make a profile fitted to your own calls.
    ///
    /// An evaluation says how sure placements are. Reports of separate recordings say how far apart
    /// the recorders of the customer and the agent start.
    Calibrate(CalibrateArgs),
    /// Show what changed between two folders of reports.
    ///
    /// Lists the calls worth listening to. With one folder, lists the calls that this version would
    /// analyze differently.
    Compare(CompareArgs),
    /// Check this installation with a built-in call.
    ///
    /// Shows the processor and the features compiled in, and compares the analysis of a built-in
    /// call with the expected one.
    SelfTest(SelfTestArgs),
    /// Write a recording's waveform as minimum and maximum samples, in audiowaveform's formats.
    Peaks(PeaksArgs),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group(ArgGroup::new("redacted").multiple(true)))]
pub(super) struct ProcessArgs {
    /// The recordings of one call; or a manifest or a provider's JSON next to its audio.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Output folder for the mix, report.json and the page report.html.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Print the report to standard output, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// Who speaks on each track, in order: customer, agent, transfer, participant, mixed, unknown.
    #[arg(long, value_name = "ROLE,...", value_delimiter = ',', value_parser = role, help_heading = CALL)]
    pub roles: Vec<Role>,
    /// One recorder made all tracks, so they start together.
    #[arg(long, conflicts_with = "offsets", help_heading = CALL)]
    pub aligned: bool,
    /// Start of each recording on the call's timeline, in order, in milliseconds; optionally with
    /// an uncertainty, as in 0,1200~50.
    #[arg(long, value_name = "MS[~MS],...", value_delimiter = ',', value_parser = known_offset,
          allow_hyphen_values = true, help_heading = CALL)]
    pub offsets: Vec<KnownOffset>,
    /// UTC offset of times that a provider writes without one (Wellcloud, 3CX), such as +08:00.
    #[arg(long, value_name = "+HH:MM", value_parser = parse_offset, allow_hyphen_values = true, help_heading = CALL)]
    pub utc_offset: Option<i32>,
    /// JSON file of timed facts from the phone system: answer, hold, resume, pause, unpause, mute,
    /// unmute, consult, conference, transfer, key, hangup.
    #[arg(long, value_name = "FILE", help_heading = CALL)]
    pub facts: Option<PathBuf>,
    /// Profile of the recorder: a built-in one (freeswitch, genesys-audiohook, twilio-conference,
    /// vicidial), or a profile's .json file.
    #[arg(long, value_name = "PROFILE", help_heading = CALL)]
    pub profile: Option<String>,
    /// Channels of the mix: split (one per party), mono, or voices (also one per voice of a mixed
    /// track) [default: split].
    #[arg(long, requires = "output", value_parser = named(Layout::from_name, Layout::NAMES), help_heading = MIX)]
    pub layout: Option<Layout>,
    /// Format of the mix: wav (16-bit), wav-ulaw (8-bit mu-law), flac [default: wav].
    #[arg(long, requires = "output", value_parser = named(Format::from_name, Format::NAMES), help_heading = MIX)]
    pub format: Option<Format>,
    /// Speech detector: silero, webrtc [default: silero].
    #[arg(long, value_parser = named(DetectorKind::from_name, DetectorKind::NAMES), help_heading = ANALYSIS)]
    pub detector: Option<DetectorKind>,
    /// Do not separate the voices of mixed tracks.
    #[arg(long, help_heading = ANALYSIS)]
    pub no_voices: bool,
    /// Report the digits of key presses.
    #[arg(long, help_heading = ANALYSIS)]
    pub dtmf_digits: bool,
    /// Parties, paths and names in the report: keep, drop [default: keep].
    #[arg(long, value_parser = named(Pii::from_name, Pii::NAMES), help_heading = ANALYSIS)]
    pub pii: Option<Pii>,
    /// Configuration file (JSON); other options override it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write the mix's waveform to peaks.json in audiowaveform's format, with N points per second
    /// (100 if N is omitted).
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100",
          requires = "output", value_parser = clap::value_parser!(u32).range(1..=4000), help_heading = FILES)]
    pub peaks: Option<u32>,
    /// Write labels for other tools: rttm, textgrid, audacity, vtt, csv.
    #[arg(long, value_name = "FORMAT,...", value_delimiter = ',', requires = "output", value_parser = label_format,
          help_heading = FILES)]
    pub labels: Vec<LabelFormat>,
    /// Name parties by number, address or name instead of role, in page and labels; show paths on
    /// the page.
    #[arg(long, requires = "output", help_heading = FILES)]
    pub show_parties: bool,
    /// Embed the mix in report.html.
    #[arg(long, requires = "output", conflicts_with = "no_page", help_heading = FILES)]
    pub embed_audio: bool,
    /// Remove spans of the call, in milliseconds, from all tracks and everything made from them.
    #[arg(long, value_name = "START-END,...", value_delimiter = ',', requires = "output", group = "redacted",
          value_parser = stretch, help_heading = REDACTION)]
    pub redact: Vec<Span>,
    /// Remove every key press, detected or told as a fact, from all tracks.
    #[arg(long, requires = "output", group = "redacted", help_heading = REDACTION)]
    pub redact_keys: bool,
    /// What replaces removed audio: silence, beep [default: silence].
    #[arg(long, value_name = "COVER", requires = "redacted", value_parser = named(Cover::from_name, Cover::NAMES),
          help_heading = REDACTION)]
    pub redact_with: Option<Cover>,
    /// With --redact-keys, also remove spans in which noise or speech may hide a key press.
    #[arg(long, requires = "redact_keys", help_heading = REDACTION)]
    pub redact_unsure: bool,
    /// Write each redacted track, at its original length, to redacted-0.wav and so on: wav,
    /// wav-ulaw, flac. Nothing is written if a key press may remain.
    #[arg(long, value_name = "FORMAT", requires = "redacted", value_parser = named(Format::from_name, Format::NAMES),
          help_heading = REDACTION)]
    pub redacted_tracks: Option<Format>,
    /// Write the redacted tracks even if a key press may remain.
    #[arg(long, requires = "redacted_tracks", conflicts_with = "redact_unsure", help_heading = REDACTION)]
    pub keep_unsure: bool,
    /// Write each track's level, second by second, to series.json.
    #[arg(long, requires = "output", help_heading = FILES)]
    pub series: bool,
    /// Do not write report.html.
    #[arg(long, requires = "output", help_heading = FILES)]
    pub no_page: bool,
    /// Write the given vCon with the report as another analysis to this file. The given one does
    /// not change. Not with a redaction: the vCon holds its audio and texts as they were.
    #[arg(long, value_name = "FILE")]
    pub vcon: Option<PathBuf>,
    /// Write the duration of each step to this file as JSON; the report does not change.
    #[arg(long, value_name = "FILE")]
    pub timings: Option<PathBuf>,
    /// Give bit-identical results on every kind of CPU; slower.
    #[arg(long, help_heading = ANALYSIS)]
    pub portable: bool,
    /// Number of threads, 1 to 1024 [default: all processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub sound: SoundArgs,
}

/// Options that say what is known about the call.
const CALL: &str = "Known about the call";
/// Options of the analysis.
const ANALYSIS: &str = "Analysis";
/// Options of the mix.
const MIX: &str = "Audio";
/// Options of the files in the output folder.
const FILES: &str = "Files (with --output)";
/// Options of redaction.
const REDACTION: &str = "Redaction (with --output)";

#[derive(Debug, clap::Args)]
pub(super) struct BatchArgs {
    #[command(flatten)]
    pub call: ProcessArgs,
    /// Run each call in its own process, so that a crash costs one call.
    #[arg(long)]
    pub isolate: bool,
    /// Detect finished calls by the recordings' content instead of their sizes and times.
    #[arg(long)]
    pub compare_content: bool,
    /// Process only this line of the list, and print its result.
    #[arg(long, hide = true, value_name = "N")]
    pub line: Option<usize>,
}

/// How recordings are decoded, and the rate and level of the output.
#[derive(Debug, clap::Args)]
pub(super) struct SoundArgs {
    /// Sample rate in Hz: auto (the highest input rate, up to 16000), source (the highest input
    /// rate), or 8000 to 48000 [default: auto].
    #[arg(long, requires = "output", value_parser = OutputRate::parse, help_heading = MIX)]
    pub rate: Option<OutputRate>,
    /// Level of each party: -26dbov (active speech level), -23lufs (loudness), or off; `normalize`
    /// levels a whole recording [default: -26dbov].
    #[arg(long, value_parser = LevelTarget::parse, allow_hyphen_values = true, help_heading = MIX)]
    pub level: Option<LevelTarget>,
    /// Two channels are two tracks (split) or one (downmix) [default: split].
    #[arg(long, value_parser = named(Stereo::from_name, Stereo::NAMES), help_heading = MIX)]
    pub stereo: Option<Stereo>,
    /// Codec delay of an MP3 without a delay tag, in samples at its own rate [default: 1105].
    #[arg(long, value_name = "SAMPLES", value_parser = clap::value_parser!(u32).range(0..=10_000), help_heading = MIX)]
    pub mp3_delay: Option<u32>,
    /// Decode recordings of a higher rate at this rate, 8000 to 48000 Hz, and measure everything at
    /// it: faster, with less memory [default: each recording's own rate].
    #[arg(long, value_name = "HZ", value_parser = downsample_rate, help_heading = MIX)]
    pub downsample: Option<Rate>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ProbeArgs {
    /// The recordings.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON document per line.
    #[arg(long)]
    pub json: bool,
    /// Read only the header. Does not verify it or look for damage.
    #[arg(long)]
    pub quick: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct NormalizeArgs {
    /// The recordings.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Output folder. Each WAV file is named after its recording.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Mix all channels into one.
    #[arg(long)]
    pub mono: bool,
    #[command(flatten)]
    pub sound: SoundArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct EvaluateArgs {
    /// Folder of recordings. Only those with two channels, one party on each, are used.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Write the counts to this file as JSON.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the counts to standard output as JSON, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// Seed of the random disturbances.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Disturbances to apply: split, shifted, start_times, cut, silence_shrunk, packets_dropped,
    /// transcoded, summed [default: all].
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = disturbance)]
    pub kinds: Vec<Disturbance>,
    /// Who speaks on the first and the second channel [default: unknown,unknown].
    #[arg(long, value_name = "ROLE,ROLE", value_delimiter = ',', value_parser = role)]
    pub roles: Vec<Role>,
    /// Profile to evaluate: a name or a file.
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// File of known tags, with lines of file,tag or file,tag,outcome.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Configuration file (JSON).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Number of threads, 1 to 1024 [default: all processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CalibrateArgs {
    /// Evaluation written by `callweave evaluate -o`.
    #[arg(value_name = "FILE", required_unless_present = "reports")]
    pub evaluation: Option<PathBuf>,
    /// Folders of reports written by `callweave process` or `batch` without an offset prior.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub reports: Vec<PathBuf>,
    /// Name of the profile.
    #[arg(long, default_value = "calibrated")]
    pub name: String,
    /// Write the profile to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// Folder of the old reports.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Folder of the new reports.
    #[arg(value_name = "NEW")]
    pub new: Option<PathBuf>,
    /// Print the changes as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SelfTestArgs {
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print the built-in call's report, without comparing it.
    #[arg(long, conflicts_with = "json")]
    pub report: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PeaksArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write to this file instead of standard output: binary if its name ends in .dat, else JSON.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Points per second, 1 to 4000.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub points: u32,
    /// Bits per value: 8, 16.
    #[arg(long, default_value = "8", value_parser = peak_bits)]
    pub bits: PeakBits,
}

impl ProcessArgs {
    /// Returns the configuration: the file's, overridden by the options.
    pub(super) fn to_config(&self) -> Result<Config> {
        let mut config = config_of(self.config.as_deref(), self.profile.as_deref())?;
        let sound = &self.sound;
        set(&mut config.mix.rate, sound.rate);
        set(&mut config.mix.level, sound.level);
        set(&mut config.mix.layout, self.layout);
        set(&mut config.mix.format, self.format);
        set(&mut config.decode.stereo, sound.stereo);
        set(&mut config.decode.assumed_mp3_delay, sound.mp3_delay);
        set(&mut config.decode.downsample_hz, sound.downsample.map(Some));
        set(&mut config.detector, self.detector);
        set(&mut config.pii, self.pii);
        config.voices &= !self.no_voices;
        config.dtmf_digits |= self.dtmf_digits;
        config.portable |= self.portable;
        config.align.aligned |= self.aligned;
        config.validate()?;
        self.check(&config)?;
        Ok(config)
    }

    /// Rejects options that contradict each other.
    fn check(&self, config: &Config) -> Result<()> {
        let refuse = |option: &str, found: &str, expected: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, option).with_mismatch(found, expected))
        };
        if self.show_parties && config.pii == Pii::Drop {
            return refuse("--show-parties", "names that are dropped (pii)", "names that are kept");
        }
        if self.show_parties && self.no_page && self.labels.is_empty() {
            return refuse("--show-parties", "neither a page nor labels", "a page or labels");
        }
        if self.no_voices && self.layout == Some(Layout::Voices) {
            return refuse("--layout voices", "--no-voices", "voices that are told apart");
        }
        Ok(())
    }

    /// Returns what to redact, if anything.
    pub(super) fn to_redaction(&self) -> Option<Redaction> {
        let asked = self.redact_keys || !self.redact.is_empty();
        let cover = self.redact_with.unwrap_or_default();
        let (keys, unsure) = (self.redact_keys, self.redact_unsure);
        asked.then(|| Redaction { spans: self.redact.clone(), keys, unsure, cover })
    }

    /// Returns the files that are read besides the recordings.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let profile = self.profile.as_deref().filter(|name| is_file(name)).map(Path::new);
        self.inputs.iter().chain(&self.config).chain(&self.facts).map(PathBuf::as_path).chain(profile)
    }

    /// Reads the facts from the phone system.
    pub(super) fn known_facts(&self) -> Result<Vec<Fact>> {
        let Some(path) = &self.facts else { return Ok(Vec::new()) };
        let facts = read_text(path, MAX_CONFIG, Stage::Config).and_then(|text| read_facts(&text));
        facts.map_err(|e| refused(path, e))
    }

    /// Returns the options for writing files.
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

impl EvaluateArgs {
    /// Returns the files that are read besides the recordings.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let profile = self.profile.as_deref().filter(|name| is_file(name)).map(Path::new);
        self.config.iter().chain(&self.labels).map(PathBuf::as_path).chain(profile)
    }
}

/// Sets a field if an option was given.
pub(super) fn set<T>(field: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *field = value;
    }
}

/// Largest configuration file in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// Reads a configuration file, on top of a profile, if one is given by name or file; without a
/// file, the profile's configuration, or the default.
pub(super) fn config_of(path: Option<&Path>, profile: Option<&str>) -> Result<Config> {
    let profile = profile.map(profile_of).transpose()?;
    match (path, profile) {
        (None, None) => Ok(Config::default()),
        (None, Some(profile)) => profile.config(),
        (Some(path), profile) => {
            let text = read_text(path, MAX_CONFIG, Stage::Config).map_err(|e| refused(path, e))?;
            Config::from_json_over(&text, profile).map_err(|e| e.in_input(path.display().to_string()))
        }
    }
}

/// Whether a profile is given by its file.
fn is_file(profile: &str) -> bool {
    profile.ends_with(".json")
}

/// Returns the profile with this name, or from this file.
fn profile_of(text: &str) -> Result<Profile> {
    if !is_file(text) {
        return Profile::preset(text);
    }
    let named = |e: Error| e.in_input(text.to_owned());
    Profile::from_json(&read_text(Path::new(text), MAX_CONFIG, Stage::Config).map_err(named)?).map_err(named)
}

/// The refusal of an option's file, in the words of what is wrong with it.
fn refused(path: &Path, error: Error) -> Error {
    let told = Error::new(ErrorKind::InvalidArgument, Stage::Config, error.message());
    let told = match (error.found(), error.expected()) {
        (Some(found), Some(expected)) => told.with_mismatch(found, expected),
        _ => told,
    };
    told.in_input(path.display().to_string()).caused_by(error)
}
