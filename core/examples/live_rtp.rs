//! Hears a call that comes as RTP over UDP, a stream for each direction, as Asterisk's ARI sends
//! external media: `live_rtp ulaw|alaw|slin|slin16 PORT PORT`. Prints each event, and the report
//! once nothing came for five seconds.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use callweave::error::ErrorKind;
use callweave::live::{Keep, LiveCall, LiveEvent, LiveOptions, LiveTrackOptions, SampleEncoding};
use callweave::units::{Millis, Rate};
use callweave::{Config, Report, Result, Role, RunOptions};

/// Nothing came for so long: the call is over.
const OVER: Duration = Duration::from_secs(5);

/// Asterisk's names of formats: how RTP writes their samples, and their rate.
pub fn format(name: &str) -> Option<(SampleEncoding, Rate)> {
    match name {
        "ulaw" => Some((SampleEncoding::MuLaw, Rate::NARROWBAND)),
        "alaw" => Some((SampleEncoding::ALaw, Rate::NARROWBAND)),
        "slin" => Some((SampleEncoding::S16Be, Rate::NARROWBAND)),
        "slin16" => Some((SampleEncoding::S16Be, Rate::WIDEBAND)),
        _ => None,
    }
}

/// The datagrams of some sockets, each with the track that its socket is.
pub fn datagrams(sockets: Vec<UdpSocket>) -> Receiver<(usize, Vec<u8>)> {
    let (out, all) = channel();
    for (track, socket) in sockets.into_iter().enumerate() {
        let out = out.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok(length) = socket.recv(&mut bytes) {
                if out.send((track, bytes.get(..length).unwrap_or_default().to_vec())).is_err() {
                    return;
                }
            }
        });
    }
    all
}

/// Hears a call until nothing came for a while. It begins with the first packet of either direction.
pub fn hear(
    packets: &Receiver<(usize, Vec<u8>)>,
    (encoding, rate): (SampleEncoding, Rate),
    over: Duration,
    mut tell: impl FnMut(&LiveEvent),
) -> Result<Report> {
    let tracks = [Role::Customer, Role::Agent].map(|role| LiveTrackOptions::new(rate).role(role));
    let options = LiveOptions { keep: Keep::Memory, called: Some(0), ..LiveOptions::default() };
    let mut call = LiveCall::new(tracks.to_vec(), &Config::default(), &options)?;
    let (mut begun, mut first) = (BTreeMap::new(), None);
    loop {
        // Before the first packet there is no call that could be over.
        let next = if first.is_some() {
            packets.recv_timeout(over)
        } else {
            packets.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let Ok((track, datagram)) = next else { break };
        let since = first.get_or_insert_with(Instant::now).elapsed();
        if begun.insert(track, ()).is_none() {
            call.begin(track, Millis(since.as_secs_f64() * 1000.0))?;
        }
        match call.rtp(track, encoding, &datagram) {
            // What is no packet is left out.
            Err(error) if error.kind() == ErrorKind::Malformed => {}
            taken => taken?,
        }
        while let Some(event) = call.next_event() {
            tell(&event);
        }
    }
    let done = call.finish(&RunOptions::default())?;
    while let Some(event) = call.next_event() {
        tell(&event);
    }
    Ok(done.report)
}

#[allow(dead_code)]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, ports @ ..] = arguments.as_slice() else { return Err("a format and two ports".into()) };
    let form = format(name).ok_or("ulaw, alaw, slin or slin16")?;
    let sockets = ports.iter().map(|port| UdpSocket::bind(("0.0.0.0", port.parse()?)).map_err(Into::into));
    let sockets = sockets.collect::<std::result::Result<Vec<_>, Box<dyn std::error::Error>>>()?;
    let print =
        |event: &LiveEvent| println!("{:?} {} {:?} {}", event.certainty, event.kind.name(), event.track, event.start);
    println!("{}", hear(&datagrams(sockets), form, OVER, print)?.to_json()?);
    Ok(())
}
