//! Locates the audio of an MP4 or MOV by its sample tables (ISO/IEC 14496-12, 8.5 to 8.8), and
//! reads its sample entry. Tables are iterated, never expanded, because they may claim any size.

use std::ops::Range;

use super::mp4::{audio_track, be, boxes, find, scale_of};
use super::track::{TrackPart, TrackParts};

/// The sample entry of the first audio track.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SampleEntry {
    pub(crate) letters: [u8; 4],
    pub(crate) channels: u16,
    pub(crate) bits: u16,
    /// Samples per second. The field of version 0 holds only values below 65536.
    pub(crate) hz: u32,
    /// Flags of QuickTime's version 2: 1 floating point, 2 big-endian, 4 signed.
    pub(crate) flags: u32,
    /// The rest of the entry: its boxes.
    pub(crate) boxes: Vec<u8>,
}

impl SampleEntry {
    /// Reads the first sample entry of the first audio track.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let track = audio_track(find(bytes, &[b"moov"])?)?;
        let table = find(track, &[b"mdia", b"minf", b"stbl", b"stsd"])?;
        let (letters, body) = boxes(table.get(8..)?).next()?;
        let field = |at: usize| be(body, at, 2) as u16;
        let (channels, bits, hz) = (field(16), field(18), be(body, 24, 2) as u32);
        let mut entry = Self { letters, channels, bits, hz, flags: 0, boxes: Vec::new() };
        // QuickTime's versions 1 and 2 have further fields. Version 2 has its own fields for rate,
        // channels and width.
        let length = match field(8) {
            1 => 44,
            2 => {
                entry.hz = f64::from_be_bytes(*body.get(32..)?.first_chunk()?).clamp(0.0, 1e6) as u32;
                (entry.channels, entry.bits) = (be(body, 40, 4).min(65_535) as u16, be(body, 48, 4).min(64) as u16);
                entry.flags = be(body, 52, 4) as u32;
                64
            }
            _ => 28,
        };
        entry.boxes = body.get(length..).unwrap_or_default().to_vec();
        Some(entry)
    }

    /// Returns the body of a box in the entry or in QuickTime's `wave` box.
    pub(crate) fn child(&self, kind: &[u8; 4]) -> Option<&[u8]> {
        find(&self.boxes, &[kind]).or_else(|| find(&self.boxes, &[b"wave", kind]))
    }
}

/// Returns the first audio track's time scale in ticks per second, and its duration in ticks (0:
/// unknown).
pub(crate) fn clock(bytes: &[u8]) -> (u32, u64) {
    let header = find(bytes, &[b"moov"]).and_then(audio_track).and_then(|track| find(track, &[b"mdia", b"mdhd"]));
    let body = header.unwrap_or_default();
    let ticks = if body.first() == Some(&1) { be(body, 24, 8) } else { be(body, 16, 4) };
    (scale_of(body).unwrap_or(1), ticks)
}

/// Iterates over the sample tables of a movie, then its fragments.
#[derive(Debug, Default)]
pub(crate) struct MovieParts {
    /// Bytes of one sample of all channels if uncompressed. Whole chunks are taken then.
    frame: u64,
    offsets: Range<usize>,
    wide: bool,
    chunks: Range<usize>,
    sizes: Range<usize>,
    /// Size of every sample, or 0 if the table lists sizes; bits per entry of that table.
    size: u64,
    width: usize,
    samples: u64,
    times: Range<usize>,
    /// Next chunk, sample within the chunk, byte position, and sample of the track.
    chunk: u64,
    in_chunk: u64,
    at: u64,
    sample: u64,
    fragments: MovieFragments,
}

/// Returns the range of a slice within the bytes that contain it.
fn place(bytes: &[u8], part: Option<&[u8]>) -> Range<usize> {
    let Some(part) = part else { return 0..0 };
    let start = (part.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
    start..start + part.len()
}

/// Returns the position of another file after the movie. `None` also for a fragmented movie,
/// because fragments are read up to the last byte.
pub(crate) fn next_file(bytes: &[u8]) -> Option<usize> {
    if find(bytes, &[b"moov", b"mvex"]).is_some() {
        return None;
    }
    let (mut start, mut movie) = (0, false);
    for (kind, body) in boxes(bytes) {
        if movie && &kind == b"ftyp" {
            return Some(start);
        }
        movie |= matches!(&kind, b"moov" | b"mdat");
        start = place(bytes, Some(body)).end;
    }
    None
}

impl MovieParts {
    /// Reads the tables of the first audio track. `frame`: bytes of one sample of all channels if
    /// uncompressed, or 0.
    pub(crate) fn open(bytes: &[u8], frame: usize) -> Self {
        let moov = find(bytes, &[b"moov"]).unwrap_or_default();
        let track = audio_track(moov).unwrap_or_default();
        let tables = find(track, &[b"mdia", b"minf", b"stbl"]).unwrap_or_default();
        let table = |kind: &[u8; 4]| find(tables, &[kind]);
        let header = table(b"stsz").or(table(b"stz2")).unwrap_or_default();
        let compact = table(b"stsz").is_none();
        let wide = table(b"stco").is_none();
        let number =
            find(track, &[b"tkhd"]).map_or(0, |body| be(body, if body.first() == Some(&1) { 20 } else { 12 }, 4));
        // The number of samples is limited by the length of the table or of the bytes.
        let (size, width) = if compact { (0, be(header, 7, 1) as usize) } else { (be(header, 4, 4), 32) };
        let room = if size > 0 { bytes.len() } else { header.len().saturating_sub(12) * 8 / width.max(4) };
        Self {
            frame: frame as u64,
            offsets: place(bytes, if wide { table(b"co64") } else { table(b"stco") }),
            wide,
            chunks: place(bytes, table(b"stsc")),
            sizes: place(bytes, Some(header)),
            size,
            width,
            samples: be(header, 8, 4).min(room as u64),
            times: place(bytes, table(b"stts")),
            fragments: MovieFragments::open(moov, number),
            ..Self::default()
        }
    }

    /// Returns the number of samples in the current chunk, from the sample-to-chunk table.
    fn chunk_samples(&self, bytes: &[u8]) -> u64 {
        let table = bytes.get(self.chunks.clone()).unwrap_or_default();
        let entries = table.get(8..).unwrap_or_default().as_chunks::<12>().0;
        let entries = entries.get(..entries.len().min(be(table, 4, 4) as usize)).unwrap_or_default();
        // Entries are sorted by their first chunk, which counts from 1.
        let after = entries.partition_point(|entry| be(entry, 0, 4) <= self.chunk + 1);
        after.checked_sub(1).and_then(|i| entries.get(i)).map_or(0, |entry| be(entry, 4, 4))
    }

    /// Returns the start of the current chunk, or `None` after the last.
    fn chunk_start(&self, bytes: &[u8]) -> Option<u64> {
        let table = bytes.get(self.offsets.clone())?;
        let width = if self.wide { 8 } else { 4 };
        let at = 8usize.checked_add(usize::try_from(self.chunk).ok()?.checked_mul(width)?)?;
        (self.chunk < be(table, 4, 4)).then_some(())?;
        table.get(at..at.checked_add(width)?).map(|field| be(field, 0, width))
    }

    fn sample_size(&self, bytes: &[u8]) -> u64 {
        let table = bytes.get(self.sizes.clone()).unwrap_or_default();
        let sample = self.sample as usize;
        match self.width {
            _ if self.size > 0 => self.size,
            4 => be(table, 12 + sample / 2, 1) >> (4 * (1 - sample % 2)) & 15,
            8 => be(table, 12 + sample, 1),
            16 => be(table, 12 + 2 * sample, 2),
            _ => be(table, 12 + 4 * sample, 4),
        }
    }

    /// Returns a sample's duration by the first entry of the table. Encoders of constant frames
    /// write only one.
    fn ticks(&self, bytes: &[u8]) -> u64 {
        bytes.get(self.times.clone()).map_or(0, |table| be(table, 12, 4))
    }

    fn next_of_tables(&mut self, bytes: &[u8]) -> Option<TrackPart> {
        while self.sample < self.samples {
            if self.in_chunk == 0 {
                self.at = self.chunk_start(bytes)?;
            }
            let count = self.chunk_samples(bytes).min(self.samples - self.sample + self.in_chunk);
            if self.in_chunk >= count {
                (self.chunk, self.in_chunk) = (self.chunk + 1, 0);
                continue;
            }
            let whole_chunk = self.frame > 0 && self.size > 0;
            let taken = if whole_chunk { count } else { 1 };
            let length = if whole_chunk { count.saturating_mul(self.frame) } else { self.sample_size(bytes) };
            let unit = TrackPart { at: self.at, length, ticks: self.ticks(bytes) };
            self.at = self.at.saturating_add(length);
            self.sample += taken;
            self.in_chunk += taken;
            return Some(unit);
        }
        None
    }
}

impl TrackParts for MovieParts {
    fn next(&mut self, bytes: &[u8]) -> Option<TrackPart> {
        self.next_of_tables(bytes).or_else(|| self.fragments.next(bytes))
    }
}

/// Iterates over the fragments of a movie.
#[derive(Debug, Default)]
struct MovieFragments {
    track: u64,
    /// Default sample duration and size from the movie's `trex`.
    ticks: u64,
    size: u64,
    /// Position of the next top-level box.
    next_box: usize,
    /// Runs of the current fragment in reverse order; next byte position and sample of the current
    /// (last) run.
    runs: Vec<FragmentRun>,
    at: u64,
    index: u64,
}

/// A `trun`: position of its body, base of its offsets, and the fragment's defaults.
#[derive(Debug, Clone)]
struct FragmentRun {
    body: Range<usize>,
    base: u64,
    ticks: u64,
    size: u64,
}

impl MovieFragments {
    fn open(moov: &[u8], track: u64) -> Self {
        let extends = find(moov, &[b"mvex"]).unwrap_or_default();
        let ours = boxes(extends).find(|(kind, body)| kind == b"trex" && be(body, 4, 4) == track);
        let body = ours.map_or(&[][..], |(_, body)| body);
        Self { track, ticks: be(body, 12, 4), size: be(body, 16, 4), ..Self::default() }
    }

    /// Finds the runs of the next fragment that contains the track. Returns `false` after the last.
    fn advance(&mut self, bytes: &[u8]) -> bool {
        while let Some(rest) = bytes.get(self.next_box..).filter(|rest| rest.len() >= 8) {
            let Some((kind, body)) = boxes(rest).next() else { return false };
            let (start, end) = (self.next_box, place(bytes, Some(body)).end);
            self.next_box = end.max(start + 8);
            if &kind == b"moof" {
                boxes(body).filter(|(kind, _)| kind == b"traf").for_each(|(_, traf)| self.add_runs(bytes, traf, start));
                self.runs.reverse();
            }
            if !self.runs.is_empty() {
                return true;
            }
        }
        false
    }

    /// Adds the runs of a track fragment (ISO/IEC 14496-12, 8.8.7 and 8.8.8).
    fn add_runs(&mut self, bytes: &[u8], traf: &[u8], moof: usize) {
        let Some(header) = find(traf, &[b"tfhd"]).filter(|body| be(body, 4, 4) == self.track) else { return };
        let flags = be(header, 1, 3);
        let mut at = 8;
        let mut field = |flag: u64, width: usize| {
            let value = (flags & flag != 0).then(|| be(header, at, width));
            at += if value.is_some() { width } else { 0 };
            value
        };
        let base = field(1, 8).unwrap_or(moof as u64);
        field(2, 4);
        let ticks = field(8, 4).unwrap_or(self.ticks);
        let size = field(16, 4).unwrap_or(self.size);
        let runs = boxes(traf).filter(|(kind, _)| kind == b"trun");
        self.runs.extend(runs.map(|(_, body)| FragmentRun { body: place(bytes, Some(body)), base, ticks, size }));
    }

    /// Returns the next sample of the current run.
    fn next_of_run(&mut self, bytes: &[u8]) -> Option<TrackPart> {
        let run = self.runs.last()?;
        let body = bytes.get(run.body.clone())?;
        let flags = be(body, 1, 3);
        let mut at = 8;
        if flags & 1 != 0 {
            if self.index == 0 {
                self.at = run.base.saturating_add_signed(i64::from(be(body, at, 4) as i32));
            }
            at += 4;
        }
        at += if flags & 4 != 0 { 4 } else { 0 };
        let fields = [0x100, 0x200, 0x400, 0x800].map(|flag| usize::from(flags & flag != 0) * 4);
        let entry = at.checked_add(usize::try_from(self.index).ok()?.checked_mul(fields.iter().sum())?)?;
        let ticks = if fields[0] > 0 { be(body, entry, 4) } else { run.ticks };
        let length = if fields[1] > 0 { be(body, entry + fields[0], 4) } else { run.size };
        let ends = self.index >= be(body, 4, 4) || entry > body.len() || length == 0;
        let unit = TrackPart { at: self.at, length, ticks };
        (!ends && self.at < bytes.len() as u64).then(|| {
            self.index += 1;
            self.at = self.at.saturating_add(length);
            unit
        })
    }

    fn next(&mut self, bytes: &[u8]) -> Option<TrackPart> {
        loop {
            if let Some(unit) = self.next_of_run(bytes) {
                return Some(unit);
            }
            self.index = 0;
            self.runs.pop();
            if self.runs.is_empty() && !self.advance(bytes) {
                return None;
            }
        }
    }
}
