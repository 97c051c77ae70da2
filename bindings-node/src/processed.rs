//! A processed call and the work on it, on libuv's threads.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use callweave::config::Format;
use callweave::export::Names;
use callweave::process::{PartyChunk, Redaction};
use callweave::units::Span;
use callweave::{Config, RunOptions, WriteOptions, host};
use napi::bindgen_prelude::{AsyncTask, Buffer, Float32Array, ObjectFinalize};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::json;

use crate::arguments::{self, CancelSwitch};
use crate::error::raise;
use crate::samples::{self, AudioParts, Planes};
use crate::tasks::taken;

/// The call, which a stream of its mix reads while others do.
type Shared = Arc<RwLock<callweave::Processed>>;

fn read(call: &Shared) -> RwLockReadGuard<'_, callweave::Processed> {
    call.read().unwrap_or_else(PoisonError::into_inner)
}

/// A processed call: its report, and its tracks for a mix.
#[napi(custom_finalize)]
pub struct Processed {
    /// JavaScript holds the object shared while work on it goes on.
    call: Mutex<Shared>,
    report: String,
    /// Bytes of the samples, of which JavaScript's garbage collector would not know.
    weight: AtomicI64,
}

impl ObjectFinalize for Processed {
    fn finalize(self, env: Env) -> napi::Result<()> {
        env.adjust_external_memory(-self.weight.load(Ordering::Relaxed)).map(drop)
    }
}

impl Processed {
    pub(crate) fn new(env: Env, call: callweave::Processed, report: String) -> napi::Result<Self> {
        let samples: usize = call.tracks.iter().map(|placed| placed.track.samples.len()).sum();
        let weight = i64::try_from(samples * size_of::<i16>()).unwrap_or(i64::MAX);
        env.adjust_external_memory(weight)?;
        let (call, weight) = (Mutex::new(Arc::new(RwLock::new(call))), AtomicI64::new(weight));
        Ok(Self { call, report, weight })
    }

    fn call(&self) -> Shared {
        self.call.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[napi]
impl Processed {
    /// The report as JSON, as it was when the call had been processed.
    #[napi]
    pub fn report_json(&self) -> &str {
        &self.report
    }

    /// The mix as 16-bit samples.
    #[napi]
    pub fn mix(&self, config: String, threads: u32, cancel: &CancelSwitch) -> napi::Result<AsyncTask<MixTask>> {
        let (call, config, run) = (self.call(), arguments::config(&config)?, cancel.run(None));
        Ok(AsyncTask::new(MixTask { call, config, run, threads }))
    }

    /// The mix as the bytes of a file, piece by piece.
    #[napi]
    pub fn mix_stream(&self, config: String, cancel: &CancelSwitch) -> napi::Result<MixStream> {
        let (call, config, run) = (self.call(), arguments::config(&config)?, cancel.run(None));
        let (give, taken) = sync_channel(PIECES);
        let work = move || {
            let to = BufWriter::with_capacity(PIECE, Giving(give.clone()));
            if let Err(error) = host::on_own(Some(1), || read(&call).write_mix(to, &config.mix, &run)) {
                // Nobody hears of it where the stream was given up.
                let _ = give.send(Err(error));
            }
        };
        std::thread::Builder::new().name("callweave-mix".into()).spawn(work)?;
        Ok(MixStream(Arc::new(Mutex::new(taken))))
    }

    /// The page to look at, as text.
    #[napi]
    pub fn page(&self, config: String, show_parties: bool, cancel: &CancelSwitch) -> napi::Result<AsyncTask<CallTask>> {
        let (config, run) = (arguments::config(&config)?, cancel.run(None));
        let names = if show_parties { Names::Parties } else { Names::Roles };
        Ok(self.task(move |call| call.page(&config.mix, names, &run)))
    }

    /// Lets go of the samples now: afterwards there is the report alone. Work that reads them keeps
    /// them until it ends.
    #[napi]
    pub fn release(&self, env: Env) -> napi::Result<()> {
        let mut held = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(report) = held.try_read().map(|call| call.report.clone()) else { return Ok(()) };
        *held = Arc::new(RwLock::new(report.into()));
        env.adjust_external_memory(-self.weight.swap(0, Ordering::Relaxed)).map(drop)
    }

    /// Writes the mix, the report and what else is asked for to a folder; the report that names
    /// them.
    #[napi]
    pub fn write(
        &self,
        folder: String,
        config: String,
        options: WriteSpec,
        threads: u32,
        cancel: &CancelSwitch,
    ) -> napi::Result<AsyncTask<CallTask>> {
        let (config, options, run) = (arguments::config(&config)?, options.options()?, cancel.run(None));
        Ok(self.task(move |call| {
            host::on_own(Some(threads as usize), || {
                call.write_with(Path::new(&folder), &config.mix, &options, &run)?;
                call.report.to_json()
            })
        }))
    }

    /// Takes what a redaction, as JSON, names out of every track; the report that names it.
    #[napi]
    pub fn redact(&self, what: String) -> napi::Result<AsyncTask<CallTask>> {
        let what: Redaction = host::from_json(&what).map_err(raise)?;
        Ok(self.task(move |call| {
            call.redact(&what)?;
            call.report.to_json()
        }))
    }

    /// Each second's level by track, as JSON.
    #[napi]
    pub fn series(&self) -> AsyncTask<CallTask> {
        self.task(|call| call.series())
    }

    /// The chunks for a transcriber, as JSON.
    #[napi]
    pub fn chunks(
        &self,
        config: String,
        longest_ms: Option<f64>,
        pad_ms: Option<f64>,
        merge_gap_ms: Option<f64>,
    ) -> napi::Result<AsyncTask<CallTask>> {
        let config = arguments::config(&config)?;
        let options = host::chunk_options(&config, longest_ms, pad_ms, merge_gap_ms).map_err(raise)?;
        Ok(self.task(move |call| {
            let chunks = call.chunks(&config, &options)?;
            let chunks: Vec<_> = chunks.iter().map(|chunk| chunk_json(chunk, host::chunk_knots(call, chunk))).collect();
            Ok(json!(chunks).to_string())
        }))
    }

    /// The samples of a chunk: of a track's place, a voice and a stretch of the track's time, at a
    /// rate.
    #[napi]
    pub fn cut(&self, chunk: CutSpec) -> AsyncTask<CutTask> {
        AsyncTask::new(CutTask { call: self.call(), chunk })
    }

    fn task(
        &self,
        work: impl FnOnce(&mut callweave::Processed) -> callweave::Result<String> + Send + 'static,
    ) -> AsyncTask<CallTask> {
        AsyncTask::new(CallTask { call: self.call(), work: Some(Box::new(work)) })
    }
}

/// Bytes of a piece of a mix.
const PIECE: usize = 1 << 18;
/// Pieces that wait to be taken.
const PIECES: usize = 2;

type Piece = callweave::Result<Vec<u8>>;

/// Gives what is written to who takes it, and waits while there is enough.
struct Giving(SyncSender<Piece>);

impl Write for Giving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(Ok(bytes.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A mix as the bytes of a file. Nothing is mixed ahead of what is taken but for two pieces.
#[napi]
pub struct MixStream(Arc<Mutex<Receiver<Piece>>>);

#[napi]
impl MixStream {
    /// The next piece; null at the end.
    #[napi]
    pub fn next(&self) -> AsyncTask<PieceTask> {
        AsyncTask::new(PieceTask(self.0.clone()))
    }
}

/// `MixStream.next`.
pub struct PieceTask(Arc<Mutex<Receiver<Piece>>>);

#[napi]
impl Task for PieceTask {
    type Output = Option<Vec<u8>>;
    type JsValue = Option<Buffer>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().ok().transpose().map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output.map(Buffer::from))
    }
}

/// What is written beside the mix and the report.
#[napi(object)]
pub struct WriteSpec {
    /// Whether there is a page to look at.
    pub page: bool,
    /// Whether the mix is inside it.
    pub embed_audio: bool,
    /// The mix's waveform, at so many points per second.
    pub peaks: Option<u32>,
    /// Whether each second's level is written.
    pub series: bool,
    /// Formats of labels.
    pub labels: Vec<String>,
    /// Whether page and labels name parties.
    pub show_parties: bool,
    /// The format of tracks without what was redacted.
    pub redacted_tracks: Option<String>,
    /// Whether they are written where keys may have stayed.
    pub keep_unsure: bool,
}

impl WriteSpec {
    fn options(self) -> napi::Result<WriteOptions> {
        let format = |name: &String| host::label_format(name).map_err(raise);
        Ok(WriteOptions {
            page: self.page,
            embed_audio: self.embed_audio,
            peaks: self.peaks,
            series: self.series,
            labels: self.labels.iter().map(format).collect::<napi::Result<_>>()?,
            names: if self.show_parties { Names::Parties } else { Names::Roles },
            redacted_tracks: self.redacted_tracks.as_deref().map(audio_format).transpose()?,
            keep_unsure: self.keep_unsure,
        })
    }
}

/// A format of audio files by its name.
fn audio_format(name: &str) -> napi::Result<Format> {
    host::audio_format(Some(name), None).map_err(raise)
}

fn chunk_json(party: &PartyChunk, knots: Vec<(f64, f64)>) -> serde_json::Value {
    let parts: Vec<f64> = party.parts.iter().flat_map(|part| [part.start.0, part.end.0]).collect();
    json!({
        "placed": party.placed,
        "track": party.track,
        "voice": party.voice,
        "role": party.role.name(),
        "parts": parts,
        "knots": knots,
        "startMs": party.chunk.call.start.0,
        "endMs": party.chunk.call.end.0,
    })
}

type CallWork = Box<dyn FnOnce(&mut callweave::Processed) -> callweave::Result<String> + Send>;

/// Work on a processed call that answers with JSON.
pub struct CallTask {
    call: Shared,
    work: Option<CallWork>,
}

#[napi]
impl Task for CallTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = taken(&mut self.work)?;
        host::guarded(|| work(&mut self.call.write().unwrap_or_else(PoisonError::into_inner))).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output)
    }
}

/// The samples of a chunk, as JavaScript sees them.
#[napi(object, object_from_js = false)]
pub struct CutParts {
    /// The samples, within −1 and 1.
    pub samples: Float32Array,
    /// Samples per second.
    pub sample_rate_hz: u32,
}

/// Which chunk is cut, and how.
#[napi(object)]
#[derive(Clone)]
pub struct CutSpec {
    /// The track's place among those that are here.
    pub placed: u32,
    /// The voice that speaks, where the track holds several.
    pub voice: Option<u32>,
    /// Where its parts begin and end, in the track's time, one after the other.
    pub parts: Vec<f64>,
    /// The padding that it was made with.
    pub pad_ms: Option<f64>,
    /// The rate of the samples.
    pub rate_hz: Option<u32>,
}

/// `Processed.cut`.
pub struct CutTask {
    call: Shared,
    chunk: CutSpec,
}

#[napi]
impl Task for CutTask {
    type Output = (Vec<f32>, u32);
    type JsValue = CutParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let chunk = &self.chunk;
        let work = || {
            let options = host::chunk_options(&Config::default(), None, chunk.pad_ms, None)?;
            let place = (chunk.placed as usize, chunk.voice.map(|voice| voice as usize));
            let parts = chunk.parts.as_chunks::<2>().0.iter().map(|[start, end]| Span::new(*start, *end)).collect();
            let (samples, rate) = host::chunk_samples(&read(&self.call), place, parts, &options, chunk.rate_hz)?;
            Ok((samples, rate.hz()))
        };
        host::guarded(work).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        let (samples, sample_rate_hz) = output;
        Ok(CutParts { samples: Float32Array::new(samples), sample_rate_hz })
    }
}

/// `Processed.mix`.
pub struct MixTask {
    call: Shared,
    config: Config,
    run: RunOptions,
    threads: u32,
}

impl MixTask {
    fn work(&self) -> callweave::Result<(Planes, u32)> {
        let call = read(&self.call);
        samples::gather(call.mix(&self.config.mix)?, &self.run)
    }
}

#[napi]
impl Task for MixTask {
    type Output = (Planes, u32);
    type JsValue = AudioParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        host::on_own(Some(self.threads as usize), || self.work()).map_err(raise)
    }

    fn resolve(&mut self, _env: Env, (planes, rate): Self::Output) -> napi::Result<Self::JsValue> {
        Ok(AudioParts::new(planes, rate, None))
    }
}
