//! Live frames that bring no event take no memory, and a call takes little of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use callweave::Config;
use callweave::live::{
    LiveCall, LiveOptions, LivePacket, LiveSamples, LiveTrackOptions, SampleEncoding, SpeechStream, StreamOptions,
};
use callweave::units::Rate;

/// The system's allocator, which counts what each thread asks of it, and what it holds.
struct CountingAllocator;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
    static MOST_HELD: Cell<i64> = const { Cell::new(0) };
}

/// Takes note of a request, and of bytes that are held since; one after the thread's end is
/// nobody's.
fn note(requests: u64, bytes: i64) {
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + requests));
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST_HELD.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as i64 - layout.size() as i64);
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

/// One side of a call.
fn side(name: &str) -> Vec<i16> {
    let path = format!("{}/../fixtures/reference/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    bytes[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Half a minute of a call with speech and pauses.
fn speech() -> Vec<i16> {
    side("caller")[..8_000 * 30].to_vec()
}

/// A call of two tracks, the first the called party's.
fn call() -> LiveCall {
    let tracks = vec![LiveTrackOptions::new(Rate::NARROWBAND); 2];
    let options = LiveOptions::default().with_called(Some(0));
    LiveCall::new(tracks, &Config::default(), &options).unwrap()
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

/// Pushes without an event, and those of them that took memory.
#[derive(Debug, Default)]
struct EventFree {
    pushes: u64,
    taking: u64,
}

impl EventFree {
    /// Does some work on a call, and takes its events.
    fn note(&mut self, call: &mut LiveCall, work: impl FnOnce(&mut LiveCall)) {
        let taken = asked(|| work(call));
        if std::iter::from_fn(|| call.next_event()).count() == 0 {
            self.pushes += 1;
            self.taking += u64::from(taken > 0);
        }
    }
}

#[test]
fn a_call_takes_memory_for_events_alone() {
    let (sides, mut call, mut free) = ([side("caller"), side("agent")], call(), EventFree::default());
    for n in 0..sides[0].len() / 160 {
        if n == 4 {
            // The first frames lay out what is as long as they are.
            free = EventFree::default();
        }
        for (track, side) in sides.iter().enumerate() {
            let frame = &side[n * 160 % (side.len() - 160)..][..160];
            free.note(&mut call, |call| call.push(track, frame).unwrap());
        }
    }
    assert!(free.pushes > 2_500 && free.taking == 0, "{free:?}");
}

#[test]
fn packets_out_of_order_take_no_memory() {
    let (samples, mut call, mut free) = (speech(), call(), EventFree::default());
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_be_bytes()).collect();
    for n in 0..samples.len() / 160 {
        if n == 4 {
            free = EventFree::default();
        }
        // One in fifty never comes, the others in pairs the wrong way round.
        let n = n ^ 1;
        if n % 50 == 7 || 320 * (n + 1) > bytes.len() {
            continue;
        }
        let payload = &bytes[320 * n..320 * (n + 1)];
        let packet = LivePacket { sequence: n as u16, timestamp: 160 * n as u32, payload };
        free.note(&mut call, |call| call.packet(0, SampleEncoding::S16Be, packet).unwrap());
    }
    assert!(free.pushes > 1_000 && free.taking == 0, "{free:?}");
}

#[test]
fn silence_takes_memory_once_a_minute() {
    let (mut call, mut free) = (call(), EventFree::default());
    for _ in 0..10 * 60 * 50 {
        for track in 0..2 {
            free.note(&mut call, |call| call.push(track, &[0i16; 160][..]).unwrap());
        }
    }
    assert!(free.pushes > 59_000 && free.taking <= 2 * 10 + 8, "{free:?}");
}

#[test]
fn an_hour_of_a_call_takes_less_than_4_mb() {
    let sides = [side("caller"), side("agent")];
    // What all calls share is there before.
    drop(call());
    let before = HELD.get();
    MOST_HELD.set(before);
    let mut call = call();
    println!("a call that begins: {} bytes", HELD.get() - before);
    for n in 0..60 * 60 * 50 {
        for (track, side) in sides.iter().enumerate() {
            call.push(track, &side[n * 160 % (side.len() - 160)..][..160]).unwrap();
        }
        while call.next_event().is_some() {}
        if n % 45_000 == 44_999 {
            println!("after {} min: {} bytes", (n + 1) / 3_000, HELD.get() - before);
        }
    }
    let most = MOST_HELD.get() - before;
    assert!(most < 4_000_000, "{most} bytes");
}
