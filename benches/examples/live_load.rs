//! Many live calls at once, RTP over loopback: `live_load CALLS SECONDS WAV...`.
//!
//! The program starts itself as the sender, a process of its own: two streams a call, mu-law, 50
//! packets a second each, paced by the clock. The server hears them in one thread, and prints the
//! processor's time that it took, how much of a core that is for a call, and how long after the
//! arrival of a packet its events were there. `live_load --hour WAV...` pushes an hour of a two-track
//! call as fast as it can, and prints what memory it took (Linux).
#![allow(clippy::unwrap_used, clippy::expect_used)]
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callweave::config::DecodeOptions;
use callweave::live::{LiveCall, LiveOptions, LiveSamples, LiveTrackOptions, SampleEncoding};
use callweave::units::Rate;
use callweave::{Config, Input, decode};

const FRAME: usize = 160;
const FRAME_MS: u64 = 20;

/// Mu-law of a recording (ITU-T G.711).
fn mulaw(path: &str) -> Vec<u8> {
    let track = decode(Input::path(path), &DecodeOptions::default()).unwrap().remove(0);
    let step = track.rate.hz() as usize / 8_000;
    track.samples.iter().step_by(step).map(|&x| code(x)).collect()
}

fn code(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (31 - magnitude.leading_zeros()) as i32 - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 15;
    !(if sample < 0 { 0x80u8 } else { 0 } | (exponent << 4) as u8 | mantissa as u8)
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// A packet whose extension holds when it was sent.
fn packet(stream: u32, n: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x90, 0];
    bytes.extend((n as u16).to_be_bytes());
    bytes.extend(((n * FRAME as u64) as u32).to_be_bytes());
    bytes.extend(stream.to_be_bytes());
    bytes.extend([0, 0, 0, 2]);
    bytes.extend(now_ns().to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn send(port: u16, calls: usize, seconds: u64, paths: &[String]) {
    let sounds: Vec<Vec<u8>> = paths.iter().map(|path| mulaw(path)).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    let begun = Instant::now();
    for n in 0..seconds * 1000 / FRAME_MS {
        for stream in 0..2 * calls {
            // Streams are spread over the 20 ms, and each call begins elsewhere in its sound.
            let due = Duration::from_micros(n * FRAME_MS * 1000 + (stream * 20_000 / (2 * calls)) as u64);
            if let Some(wait) = due.checked_sub(begun.elapsed()).filter(|wait| wait.as_micros() > 500) {
                std::thread::sleep(wait);
            }
            let sound = &sounds[stream % sounds.len()];
            let at = (stream / 2 * 37 * FRAME + n as usize * FRAME) % (sound.len() - FRAME);
            let _ = socket.send(&packet(stream as u32, n, &sound[at..at + FRAME]));
        }
    }
}

/// Seconds of the processor that this process has taken.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Linux counts in hundredths.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Kilobytes of memory that are in use.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn call() -> LiveCall {
    let options = LiveOptions { called: Some(0), ..LiveOptions::default() };
    let tracks = vec![LiveTrackOptions::new(Rate::NARROWBAND); 2];
    LiveCall::new(tracks, &Config::default(), &options).unwrap()
}

fn serve(calls: usize, seconds: u64, paths: &[String]) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut live: Vec<LiveCall> = (0..calls).map(|_| call()).collect();
    let mut sender = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--send", &port.to_string(), &calls.to_string(), &seconds.to_string()])
        .args(paths)
        .spawn()
        .unwrap();
    let (mut bytes, mut late, mut events, mut packets) = ([0; 2048], Vec::new(), 0, 0u64);
    let before = cpu_seconds();
    while let Ok(length) = socket.recv(&mut bytes) {
        packets += 1;
        let datagram = &bytes[..length];
        let stream = u32::from_be_bytes(datagram[8..12].try_into().unwrap()) as usize;
        let sent = u64::from_be_bytes(datagram[16..24].try_into().unwrap());
        let call = &mut live[stream / 2];
        call.rtp(stream % 2, SampleEncoding::MuLaw, datagram).unwrap();
        let mut told = false;
        while call.next_event().is_some() {
            (told, events) = (true, events + 1);
        }
        if told {
            late.push((now_ns() - sent) as f64 / 1e6);
        }
    }
    let cpu = cpu_seconds() - before;
    sender.wait().unwrap();
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    let lost: u64 = live
        .iter()
        .flat_map(|call| [0, 1].map(|track| call.packets(track).unwrap().map_or(0, |counts| counts.lost)))
        .sum();
    let share = 100.0 * cpu / seconds as f64 / calls as f64;
    println!("{calls} calls of {seconds} s: {packets} packets, {lost} lost, {events} events");
    println!("{cpu:.2} s of the processor: {share:.3} % of a core for each call, {:.0} calls a core", 100.0 / share);
    println!("from a packet's sending to its events: {:.2} ms median, {:.2} ms at 99 %", at(0.5), at(0.99));
    println!("{:.2} MB for each call", resident_kb() as f64 / 1024.0 / calls as f64);
}

fn hour(paths: &[String]) {
    let sounds: Vec<Vec<u8>> = paths.iter().map(|path| mulaw(path)).collect();
    let (mut call, before, cpu) = (call(), resident_kb(), cpu_seconds());
    for n in 0..180_000usize {
        for track in 0..2 {
            let sound = &sounds[track % sounds.len()];
            let at = n * FRAME % (sound.len() - FRAME);
            call.push(track, LiveSamples::Bytes(SampleEncoding::MuLaw, &sound[at..at + FRAME])).unwrap();
        }
        while call.next_event().is_some() {}
        if n % 45_000 == 44_999 {
            let grown = (resident_kb() - before) as f64 / 1024.0;
            println!("after {:2} min: {grown:.1} MB, {:.2} s", (n + 1) / 3_000, cpu_seconds() - cpu);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse::<u64>().expect("a number");
    match arguments[0].as_str() {
        "--send" => send(number(1) as u16, number(2) as usize, number(3), &arguments[4..]),
        "--hour" => hour(&arguments[1..]),
        _ => serve(number(0) as usize, number(1), &arguments[2..]),
    }
}
