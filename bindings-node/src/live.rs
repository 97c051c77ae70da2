//! Streams and calls that go on. A push takes some microseconds for each 32 ms of sound and is done
//! at once; a call's end is work for libuv's threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callweave::live::{self, LivePacket, LiveSamples, SampleEncoding};
use callweave::units::{Millis, Rate};
use callweave::{Result, RunOptions, host};
use napi::bindgen_prelude::{AsyncTask, Float32Array, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use crate::arguments::{self, CancelSwitch};
use crate::error::raise;
use crate::processed::Processed;

/// One line of samples.
#[napi]
pub struct NativeSpeechStream {
    stream: live::SpeechStream,
}

#[napi]
impl NativeSpeechStream {
    /// A stream of samples of a rate, with options in JSON.
    #[napi(constructor)]
    pub fn new(sample_rate_hz: f64, options: String) -> napi::Result<Self> {
        Ok(Self { stream: host::speech_stream(hertz(sample_rate_hz), &options).map_err(raise)? })
    }

    /// Events as JSON; none where there are none.
    #[napi]
    pub fn push(
        &mut self,
        bytes: Uint8Array,
        encoding: String,
        sample_rate_hz: Option<f64>,
    ) -> napi::Result<Option<String>> {
        let stream = &mut self.stream;
        let mut pushed = || {
            let rate = sample_rate_hz.map_or(Ok(stream.rate()), |hz| Rate::new(hertz(hz)))?;
            host::events(stream.push_at(rate, samples(&encoding, &bytes)?)?)
        };
        pushed().map_err(raise)
    }

    /// Events as JSON.
    #[napi]
    pub fn flush(&mut self) -> napi::Result<Option<String>> {
        self.stream.flush().and_then(host::events).map_err(raise)
    }

    /// Begins another track.
    #[napi]
    pub fn reset(&mut self) -> napi::Result<()> {
        self.stream.reset().map_err(raise)
    }

    /// Those of the last push.
    #[napi(getter)]
    pub fn probabilities(&self) -> Float32Array {
        Float32Array::new(self.stream.probabilities().to_vec())
    }

    /// That of the last frame.
    #[napi(getter)]
    pub fn probability(&self) -> f64 {
        f64::from(self.stream.probability())
    }

    /// How much was pushed.
    #[napi(getter)]
    pub fn heard_ms(&self) -> f64 {
        self.stream.heard().0
    }

    /// Whether speech was told that has not ended.
    #[napi(getter)]
    pub fn speaking(&self) -> bool {
        self.stream.is_speaking()
    }
}

/// A rate that JavaScript says; 0 for what is none.
fn hertz(hz: f64) -> u32 {
    if hz.fract() == 0.0 { hz as u32 } else { 0 }
}

fn samples<'a>(encoding: &str, bytes: &'a [u8]) -> Result<LiveSamples<'a>> {
    Ok(LiveSamples::Bytes(SampleEncoding::from_name(encoding)?, bytes))
}

type SharedCall = Arc<Mutex<live::LiveCall>>;

fn locked(call: &SharedCall) -> MutexGuard<'_, live::LiveCall> {
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that goes on.
#[napi]
pub struct NativeLiveCall {
    call: SharedCall,
}

#[napi]
impl NativeLiveCall {
    /// A call of tracks with options, in JSON.
    #[napi(constructor)]
    pub fn new(tracks: String, config: String, options: String) -> napi::Result<Self> {
        let config = arguments::config(&config)?;
        let call = host::live_call(&tracks, &config, &options).map_err(raise)?;
        Ok(Self { call: Arc::new(Mutex::new(call)) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut live::LiveCall) -> Result<T>) -> napi::Result<T> {
        work(&mut locked(&self.call)).map_err(raise)
    }

    /// Events as JSON; none where there are none.
    #[napi]
    pub fn push(
        &self,
        track: u32,
        bytes: Uint8Array,
        encoding: String,
        sample_rate_hz: Option<f64>,
    ) -> napi::Result<Option<String>> {
        self.with(|call| {
            let (track, samples) = (track as usize, samples(&encoding, &bytes)?);
            match sample_rate_hz {
                Some(hz) => call.push_at(track, Rate::new(hertz(hz))?, samples)?,
                None => call.push(track, samples)?,
            }
            host::next_events(call)
        })
    }

    /// Takes a packet; events as JSON.
    #[napi]
    pub fn packet(
        &self,
        track: u32,
        sequence: u32,
        timestamp: u32,
        payload: Uint8Array,
        encoding: String,
    ) -> napi::Result<Option<String>> {
        self.with(|call| {
            let packet = LivePacket { sequence: sequence as u16, timestamp, payload: &payload };
            call.packet(track as usize, SampleEncoding::from_name(&encoding)?, packet)?;
            host::next_events(call)
        })
    }

    /// Takes a packet of RTP; events as JSON.
    #[napi]
    pub fn rtp(&self, track: u32, datagram: Uint8Array, encoding: String) -> napi::Result<Option<String>> {
        self.with(|call| {
            call.rtp(track as usize, SampleEncoding::from_name(&encoding)?, &datagram)?;
            host::next_events(call)
        })
    }

    /// Says when a track begins.
    #[napi]
    pub fn begin(&self, track: u32, at_ms: f64) -> napi::Result<()> {
        self.with(|call| call.begin(track as usize, Millis(at_ms)))
    }

    /// Ends a track; events as JSON.
    #[napi]
    pub fn end(&self, track: u32) -> napi::Result<Option<String>> {
        self.with(|call| {
            call.end(track as usize)?;
            host::next_events(call)
        })
    }

    /// The events that were not taken yet, as JSON.
    #[napi]
    pub fn events(&self) -> napi::Result<Option<String>> {
        self.with(host::next_events)
    }

    /// How the packets of a track came, as JSON; `null` where it has taken none.
    #[napi]
    pub fn packets(&self, track: u32) -> napi::Result<String> {
        self.with(|call| host::text(&call.packets(track as usize)?))
    }

    /// How much was heard.
    #[napi(getter)]
    pub fn heard_ms(&self) -> f64 {
        locked(&self.call).heard().0
    }

    /// The report so far, as JSON.
    #[napi]
    pub fn snapshot(&self) -> napi::Result<String> {
        self.with(|call| call.snapshot()?.to_json())
    }

    /// Ends the call.
    #[napi]
    pub fn finish(&self, threads: u32, cancel: &CancelSwitch) -> AsyncTask<FinishTask> {
        AsyncTask::new(FinishTask { call: Arc::clone(&self.call), run: cancel.run(None), threads })
    }
}

/// The end of a call.
pub struct FinishTask {
    call: SharedCall,
    run: RunOptions,
    threads: u32,
}

#[napi]
impl Task for FinishTask {
    type Output = (callweave::Processed, String);
    type JsValue = Processed;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = || {
            let processed = locked(&self.call).finish(&self.run)?;
            let report = processed.report.to_json()?;
            Ok((processed, report))
        };
        host::on_own(Some(self.threads as usize), work).map_err(raise)
    }

    fn resolve(&mut self, env: Env, (call, report): Self::Output) -> napi::Result<Self::JsValue> {
        Processed::new(env, call, report)
    }
}
