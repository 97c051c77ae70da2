//! Many live calls at once, RTP over loopback: `live_load CALLS SECONDS WAV...`.
//!
//! The program starts itself as the sender, a process of its own: a port for each call, two streams
//! on it, mu-law, 50 packets a second each, paced by the clock. The server hears all calls in one
//! thread, and prints the processor's time that it alone took, how much of a core that is for a
//! call, and how long after the sending of a packet its events were there. A run says something
//! where no packet was lost and the sender kept its clock, which it prints too: elsewhere the
//! machine was the limit. `live_load --hour WAV...` pushes an hour of a two-track call as fast as
//! it can, and prints what memory it took (Linux).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::io::ErrorKind;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callweave::config::DecodeOptions;
use callweave::live::{LiveCall, LiveOptions, LiveSamples, LiveTrackOptions, SampleEncoding};
use callweave::units::Rate;
use callweave::{Config, Input, decode};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

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

/// Sends the streams of all calls, each call to its port.
fn send(seconds: u64, ports: &str, paths: &[String]) {
    let sounds: Vec<Vec<u8>> = paths.iter().map(|path| mulaw(path)).collect();
    let ports: Vec<u16> = ports.split(',').map(|port| port.parse().unwrap()).collect();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (streams, begun, mut behind) = (2 * ports.len(), Instant::now(), Vec::new());
    for n in 0..seconds * 1000 / FRAME_MS {
        for stream in 0..streams {
            // Streams are spread over the 20 ms, and each call begins elsewhere in its sound.
            let due = Duration::from_micros(n * FRAME_MS * 1000 + (stream * 20_000 / streams) as u64);
            if let Some(wait) = due.checked_sub(begun.elapsed()).filter(|wait| wait.as_micros() > 500) {
                std::thread::sleep(wait);
            }
            let sound = &sounds[stream % sounds.len()];
            let at = (stream / 2 * 37 * FRAME + n as usize * FRAME) % (sound.len() - FRAME);
            let datagram = packet(stream as u32, n, &sound[at..at + FRAME]);
            let _ = socket.send_to(&datagram, ("127.0.0.1", ports[stream / 2]));
            behind.push(begun.elapsed().saturating_sub(due).as_secs_f64() * 1000.0);
        }
    }
    behind.sort_by(f64::total_cmp);
    let late = behind[(behind.len() - 1) * 99 / 100];
    println!("{} packets sent, at 99 % not more than {late:.1} ms behind the clock", behind.len());
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

/// What the server heard.
#[derive(Default)]
struct LoadFigures {
    packets: u64,
    events: u64,
    /// From a packet's sending to its events, in milliseconds.
    late: Vec<f64>,
}

/// Takes all packets of a call that are there.
fn drain(socket: &UdpSocket, call: &mut LiveCall, figures: &mut LoadFigures) {
    let mut bytes = [0; 2048];
    loop {
        let datagram = match socket.recv(&mut bytes) {
            Ok(length) => &bytes[..length],
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        };
        figures.packets += 1;
        let stream = u32::from_be_bytes(datagram[8..12].try_into().unwrap()) as usize;
        let sent = u64::from_be_bytes(datagram[16..24].try_into().unwrap());
        call.rtp(stream % 2, SampleEncoding::MuLaw, datagram).unwrap();
        let told = std::iter::from_fn(|| call.next_event()).count();
        if told > 0 {
            figures.late.push((now_ns() - sent) as f64 / 1e6);
        }
        figures.events += told as u64;
    }
}

fn serve(calls: usize, seconds: u64, paths: &[String]) {
    let mut poll = Poll::new().unwrap();
    let mut sockets: Vec<UdpSocket> =
        (0..calls).map(|_| UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap()).collect();
    for (call, socket) in sockets.iter_mut().enumerate() {
        poll.registry().register(socket, Token(call), Interest::READABLE).unwrap();
    }
    let ports: Vec<String> = sockets.iter().map(|socket| socket.local_addr().unwrap().port().to_string()).collect();
    let mut live: Vec<LiveCall> = (0..calls).map(|_| call()).collect();
    let mut sender = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--send", &seconds.to_string(), &ports.join(",")])
        .args(paths)
        .spawn()
        .unwrap();
    let (mut ready, mut figures, before) = (Events::with_capacity(calls), LoadFigures::default(), cpu_seconds());
    loop {
        // The sender decodes its sounds first.
        let patience = Duration::from_secs(if figures.packets == 0 { 60 } else { 2 });
        poll.poll(&mut ready, Some(patience)).unwrap();
        if ready.is_empty() {
            break;
        }
        for event in &ready {
            let call = event.token().0;
            drain(&sockets[call], &mut live[call], &mut figures);
        }
    }
    let cpu = cpu_seconds() - before;
    sender.wait().unwrap();
    let LoadFigures { packets, events, mut late } = figures;
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    let sent = 2 * calls as u64 * seconds * 1000 / FRAME_MS;
    let share = 100.0 * cpu / seconds as f64 / calls as f64;
    println!("{calls} calls of {seconds} s: {packets} packets, {} lost, {events} events", sent - packets);
    println!("{cpu:.2} s of the processor: {share:.3} % of a core for each call, {:.0} calls a core", 100.0 / share);
    println!("from a packet's sending to its events: {:.2} ms median, {:.2} ms at 99 %", at(0.5), at(0.99));
    println!("{:.2} MB for each call", resident_kb() as f64 / 1024.0 / calls as f64);
}

fn hour(paths: &[String]) {
    let sounds: Vec<Vec<u8>> = paths.iter().map(|path| mulaw(path)).collect();
    // What all calls share is laid out by a first one.
    let mut first = call();
    let _ = first.push(0, &[0i16; 8_000][..]);
    drop(first);
    let (before, cpu) = (resident_kb(), cpu_seconds());
    let mut call = call();
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
        "--send" => send(number(1), &arguments[2], &arguments[3..]),
        "--hour" => hour(&arguments[1..]),
        _ => serve(number(0) as usize, number(1), &arguments[2..]),
    }
}
