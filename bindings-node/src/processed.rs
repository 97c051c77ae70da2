//! A processed call and the work on it, on libuv's threads.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callweave::export::Names;
use callweave::process::{PartyChunk, Redaction};
use callweave::units::{Rate, Span};
use callweave::{Config, RunOptions, WriteOptions, host};
use napi::bindgen_prelude::{AsyncTask, Float32Array, ObjectFinalize};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::json;

use crate::arguments::{self, CancelSwitch};
use crate::error::raise;
use crate::samples::{self, AudioParts, Planes};
use crate::tasks::taken;

type Shared = Arc<Mutex<callweave::Processed>>;

fn lock(call: &Shared) -> MutexGuard<'_, callweave::Processed> {
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A processed call: its report, and its tracks for a mix.
#[napi(custom_finalize)]
pub struct Processed {
    call: Shared,
    report: String,
    /// Bytes of the samples, of which JavaScript's garbage collector would not know.
    weight: i64,
}

impl ObjectFinalize for Processed {
    fn finalize(self, env: Env) -> napi::Result<()> {
        env.adjust_external_memory(-self.weight).map(drop)
    }
}

impl Processed {
    pub(crate) fn new(env: Env, call: callweave::Processed, report: String) -> napi::Result<Self> {
        let samples: usize = call.tracks.iter().map(|placed| placed.track.samples.len()).sum();
        let weight = i64::try_from(samples * size_of::<i16>()).unwrap_or(i64::MAX);
        env.adjust_external_memory(weight)?;
        Ok(Self { call: Arc::new(Mutex::new(call)), report, weight })
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
        let (call, config, run) = (self.call.clone(), arguments::config(&config)?, cancel.run(None));
        Ok(AsyncTask::new(MixTask { call, config, run, threads }))
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

    /// Where the chunks for a transcriber lie, and the placements of their tracks, as JSON.
    #[napi]
    pub fn chunks(
        &self,
        config: String,
        longest_ms: Option<f64>,
        pad_ms: Option<f64>,
    ) -> napi::Result<AsyncTask<CallTask>> {
        let config = arguments::config(&config)?;
        let options = host::chunk_options(&config, longest_ms, pad_ms).map_err(raise)?;
        Ok(self.task(move |call| {
            let chunks: Vec<_> = call.chunks(&config, &options)?.iter().map(chunk_json).collect();
            let knots: Vec<_> = call.tracks.iter().map(|placed| placed.placement.knots()).collect();
            Ok(json!({ "chunks": chunks, "knots": knots }).to_string())
        }))
    }

    /// The samples of a stretch of a track, at a rate.
    #[napi]
    pub fn cut(&self, placed: u32, start_ms: f64, end_ms: f64, rate_hz: Option<u32>) -> AsyncTask<CutTask> {
        let span = Span::new(start_ms, end_ms);
        AsyncTask::new(CutTask { call: self.call.clone(), placed: placed as usize, span, rate_hz })
    }

    fn task(
        &self,
        work: impl FnOnce(&mut callweave::Processed) -> callweave::Result<String> + Send + 'static,
    ) -> AsyncTask<CallTask> {
        AsyncTask::new(CallTask { call: self.call.clone(), work: Some(Box::new(work)) })
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
        })
    }
}

fn chunk_json(party: &PartyChunk) -> serde_json::Value {
    let (on_track, on_call) = (party.chunk.track, party.chunk.call);
    json!({
        "placed": party.placed,
        "track": party.track,
        "voice": party.voice,
        "role": party.role.name(),
        "trackStartMs": on_track.start.0,
        "trackEndMs": on_track.end.0,
        "startMs": on_call.start.0,
        "endMs": on_call.end.0,
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
        host::guarded(|| work(&mut lock(&self.call))).map_err(raise)
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

/// `Processed.cut`.
pub struct CutTask {
    call: Shared,
    placed: usize,
    span: Span,
    rate_hz: Option<u32>,
}

#[napi]
impl Task for CutTask {
    type Output = (Vec<f32>, u32);
    type JsValue = CutParts;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = || {
            let rate = self.rate_hz.map_or(Ok(host::CHUNK_RATE), Rate::new)?;
            let call = lock(&self.call);
            let placed = call.tracks.get(self.placed).ok_or_else(|| host::refused("no such track"))?;
            Ok((placed.cut(self.span, rate)?, rate.hz()))
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
        let call = lock(&self.call);
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
