//! Hears calls that come as media streams over a WebSocket: JSON messages, base64 mu-law, both
//! directions (Twilio's format): `live_media_streams PORT`. Every connection is a call; prints each
//! event, and the report at its end.

use std::error::Error;
use std::net::{TcpListener, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callweave::live::{Keep, LiveCall, LiveEvent, LiveOptions, LivePacket, LiveTrackOptions, SampleEncoding};
use callweave::units::{Millis, Rate};
use callweave::{Config, Report, Role, RunOptions};
use serde_json::Value;
use tungstenite::Message;

/// What may go wrong in a connection.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The directions by the names that messages have for them: inbound is the party at the other end of
/// the line.
const DIRECTIONS: [(&str, Role); 2] = [("inbound", Role::Customer), ("outbound", Role::Agent)];

/// A call that comes as media messages.
pub struct MediaStream {
    call: LiveCall,
    begun: [bool; DIRECTIONS.len()],
}

impl MediaStream {
    /// A call of which nothing has come.
    pub fn new() -> callweave::Result<Self> {
        let tracks = DIRECTIONS.map(|(name, role)| LiveTrackOptions {
            name: Some(name.to_owned()),
            ..LiveTrackOptions::new(Rate::NARROWBAND).role(role)
        });
        let options = LiveOptions::default().with_called(Some(0)).with_keep(Keep::Memory);
        Ok(Self { call: LiveCall::new(tracks.to_vec(), &Config::default(), &options)?, begun: Default::default() })
    }

    /// Takes a message; `false` where it ends the stream.
    pub fn take(&mut self, message: &str, tell: &mut impl FnMut(&LiveEvent)) -> Result<bool, Failed> {
        let said: Value = serde_json::from_str(message)?;
        match said["event"].as_str() {
            Some("media") => self.media(&said["media"])?,
            Some("stop") => return Ok(false),
            // What else comes says how the stream was begun, and which marks were played.
            _ => {}
        }
        self.tell(tell);
        Ok(true)
    }

    fn media(&mut self, media: &Value) -> Result<(), Failed> {
        let text = |name: &str| media[name].as_str().ok_or_else(|| format!("a media message without {name}"));
        let direction = text("track")?;
        let track = DIRECTIONS.iter().position(|known| known.0 == direction).ok_or("a track of another name")?;
        // Chunks are counted from 1 on each track; the timestamp is of the stream, in milliseconds.
        let (chunk, at_ms): (u64, u64) = (text("chunk")?.parse()?, text("timestamp")?.parse()?);
        if !std::mem::replace(&mut self.begun[track], true) {
            self.call.begin(track, Millis(at_ms as f64))?;
        }
        let payload = STANDARD.decode(text("payload")?)?;
        let packet = LivePacket { sequence: chunk as u16, timestamp: (8 * at_ms) as u32, payload: &payload };
        Ok(self.call.packet(track, SampleEncoding::MuLaw, packet)?)
    }

    /// Ends the call: its report, or none where no audio came.
    pub fn finish(mut self, tell: &mut impl FnMut(&LiveEvent)) -> callweave::Result<Option<Report>> {
        if self.begun == [false; 2] {
            return Ok(None);
        }
        let done = self.call.finish(&RunOptions::default())?;
        self.tell(tell);
        Ok(Some(done.report))
    }

    fn tell(&mut self, tell: &mut impl FnMut(&LiveEvent)) {
        while let Some(event) = self.call.next_event() {
            tell(&event);
        }
    }
}

/// Hears the call of one connection. One that is lost ends the call as `stop` does.
pub fn hear(connection: TcpStream, tell: &mut impl FnMut(&LiveEvent)) -> Result<Option<Report>, Failed> {
    let mut socket = tungstenite::accept(connection).map_err(|error| error.to_string())?;
    let mut stream = MediaStream::new()?;
    loop {
        match socket.read() {
            Ok(Message::Text(message)) if stream.take(&message, tell)? => {}
            Ok(Message::Text(_) | Message::Close(_)) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let _ = socket.close(None);
    Ok(stream.finish(tell)?)
}

#[allow(dead_code)]
fn main() -> Result<(), Failed> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(8080), |port| port.parse())?;
    for connection in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let connection = connection?;
        std::thread::spawn(move || {
            let mut print = |event: &LiveEvent| {
                println!("{:?} {} {:?} {}", event.certainty, event.kind.name(), event.track, event.start);
            };
            match hear(connection, &mut print) {
                Ok(Some(report)) => println!("{}", report.to_json().unwrap_or_default()),
                Ok(None) => println!("no audio came"),
                Err(error) => eprintln!("{error}"),
            }
        });
    }
    Ok(())
}
