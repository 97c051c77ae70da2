//! Live frames that bring no event take no memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use callweave::Config;
use callweave::live::{
    LiveCall, LiveOptions, LiveSamples, LiveTrackOptions, SampleEncoding, SpeechStream, StreamOptions,
};
use callweave::units::Rate;

/// The system's allocator, which counts what each thread asks of it.
struct CountingAllocator;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// Takes note of a request; one after the thread's end is nobody's.
fn note() {
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn asked(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

/// Half a minute of a call with speech and pauses.
fn speech() -> Vec<i16> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/reference/caller.wav");
    let bytes = std::fs::read(path).unwrap();
    bytes[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).take(8_000 * 30).collect()
}

#[test]
fn an_allocation_is_seen() {
    assert!(asked(|| drop(std::hint::black_box(vec![0u8; 100]))) > 0);
}

#[test]
fn a_stream_takes_memory_for_events_alone() {
    let samples = speech();
    for hz in [8_000, 16_000] {
        let mut stream = SpeechStream::new(Rate::new(hz).unwrap(), &StreamOptions::default()).unwrap();
        let frame = hz as usize / 50;
        // The first frames lay out the network's weights.
        stream.push(&samples[..2 * frame]).unwrap();
        let (mut silent, mut events) = (0, 0);
        for frame in samples.chunks(frame) {
            let mut told = 0;
            let taken = asked(|| told = stream.push(frame).unwrap().len());
            silent += if told == 0 { taken } else { 0 };
            events += told;
        }
        assert!(events > 4, "{hz} Hz: {events} events");
        assert_eq!(silent, 0, "{hz} Hz");
        let bytes: Vec<u8> = vec![0xFF; frame];
        let taken = asked(|| {
            stream.push(LiveSamples::Bytes(SampleEncoding::MuLaw, &bytes)).unwrap();
        });
        assert_eq!(taken, 0);
    }
}

/// Figures of each 10 ms are kept for the report, in lists that double; sounds that may be music or a
/// tone are looked at closely, as some vowels are.
#[test]
fn a_call_takes_memory_for_few_frames_without_an_event() {
    let samples = speech();
    let tracks = vec![LiveTrackOptions::new(Rate::NARROWBAND); 2];
    let mut call = LiveCall::new(tracks, &Config::default(), &LiveOptions::default()).unwrap();
    let (mut pushes, mut taking) = (0, 0);
    for frame in samples.chunks(160) {
        for track in 0..2 {
            let taken = asked(|| call.push(track, frame).unwrap());
            let told = std::iter::from_fn(|| call.next_event()).count();
            pushes += u64::from(told == 0);
            taking += u64::from(told == 0 && taken > 0);
        }
    }
    assert!(pushes > 2_500, "{pushes} pushes without an event");
    assert!(taking * 10 <= pushes, "{taking} of {pushes} pushes without an event took memory");
}
