//! Keeps samples as they arrived, in memory or in a file.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::decode::{ALAW, Input, ULAW};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::track::to_i16;
use crate::units::Rate;

use super::{LiveSamples, SampleEncoding};

/// What happens to a call's samples.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Keep {
    /// They are dropped once analyzed.
    #[default]
    Nothing,
    /// They are kept in memory as they arrived: 1 byte per sample for mu-law and A-law, 2 for 16
    /// bits, 4 for floats.
    Memory,
    /// They are kept in files in this folder, in the same form, and removed with the call.
    Spool(PathBuf),
}

/// A folder for kept samples, as an option.
impl From<PathBuf> for Keep {
    fn from(folder: PathBuf) -> Self {
        Self::Spool(folder)
    }
}

/// Bytes reserved at once: 8 s of mu-law.
const KEPT_AT_ONCE: usize = 65_536;

/// How kept samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptForm {
    MuLaw,
    ALaw,
    I16,
    F32,
}

impl KeptForm {
    fn of(samples: LiveSamples<'_>) -> Self {
        match samples {
            LiveSamples::F32(_) | LiveSamples::Bytes(SampleEncoding::F32, _) => Self::F32,
            LiveSamples::Bytes(SampleEncoding::MuLaw, _) => Self::MuLaw,
            LiveSamples::Bytes(SampleEncoding::ALaw, _) => Self::ALaw,
            _ => Self::I16,
        }
    }
}

/// Where they are stored.
#[derive(Debug)]
enum KeptPlace {
    Memory(Vec<u8>),
    File(BufWriter<File>, PathBuf),
}

/// One track's samples.
#[derive(Debug)]
pub(super) struct KeptSamples {
    form: Option<KeptForm>,
    place: KeptPlace,
    scratch: Vec<u8>,
}

impl Drop for KeptSamples {
    fn drop(&mut self) {
        if let KeptPlace::File(_, path) = &self.place {
            // What cannot be removed is in a folder of the caller's choice.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl KeptSamples {
    /// Creates storage for a track, or returns `None` if nothing is kept.
    ///
    /// # Errors
    /// `io` if a file cannot be created.
    pub fn new(keep: &Keep) -> Result<Option<Self>> {
        let place = match keep {
            Keep::Nothing => return Ok(None),
            Keep::Memory => KeptPlace::Memory(Vec::new()),
            Keep::Spool(folder) => spooled(folder)?,
        };
        Ok(Some(Self { form: None, place, scratch: Vec::new() }))
    }

    /// Checks that samples have the same form as those before.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn accept(&mut self, samples: LiveSamples<'_>) -> Result<()> {
        let form = KeptForm::of(samples);
        if *self.form.get_or_insert(form) == form {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidArgument,
            Stage::Input,
            "the encoding changed on a track whose samples are kept",
        )
        .with_mismatch(format!("{form:?}"), format!("{:?}", self.form.unwrap_or(form))))
    }

    /// Stores the next samples. `law` holds their bytes if they are mu-law or A-law.
    ///
    /// # Errors
    /// `io` if a file cannot be written.
    pub fn push(&mut self, samples: &[f32], law: Option<&[u8]>) -> Result<()> {
        let Self { form, place, scratch } = self;
        scratch.clear();
        match form {
            Some(KeptForm::F32) => scratch.extend(samples.iter().flat_map(|x| x.to_le_bytes())),
            Some(KeptForm::MuLaw) => scratch.extend(samples.iter().map(|_| SILENT_MULAW)),
            Some(KeptForm::ALaw) => scratch.extend(samples.iter().map(|_| SILENT_ALAW)),
            _ => scratch.extend(samples.iter().flat_map(|&x| to_i16(x).to_le_bytes())),
        }
        let bytes = law.unwrap_or(scratch);
        match place {
            KeptPlace::Memory(all) => {
                if all.capacity() - all.len() < bytes.len() {
                    all.reserve_exact(bytes.len().max(all.len() / 8).max(KEPT_AT_ONCE));
                }
                all.extend_from_slice(bytes);
            }
            KeptPlace::File(file, _) => file.write_all(bytes).map_err(|e| Error::io(Stage::Input, e))?,
        }
        Ok(())
    }

    /// Returns the track as an input.
    ///
    /// # Errors
    /// `io` if its file cannot be read.
    pub fn input(&mut self, name: &str, rate: Rate) -> Result<Input> {
        let read;
        let bytes = match &mut self.place {
            KeptPlace::Memory(all) => &*all,
            KeptPlace::File(file, _) => {
                read = read_back(file).map_err(|e| Error::io(Stage::Input, e))?;
                &read
            }
        };
        let wide = || bytes.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect::<Vec<i16>>();
        Ok(match self.form {
            Some(KeptForm::F32) => {
                let samples: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
                Input::samples(name, samples, rate)
            }
            Some(KeptForm::MuLaw) => Input::samples(name, expanded(bytes, &ULAW), rate),
            Some(KeptForm::ALaw) => Input::samples(name, expanded(bytes, &ALAW), rate),
            _ => Input::samples(name, wide(), rate),
        })
    }
}

/// Reads everything written to a file.
fn read_back(file: &mut BufWriter<File>) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    file.flush()?;
    file.seek(SeekFrom::Start(0))?;
    file.get_mut().read_to_end(&mut all)?;
    Ok(all)
}

/// The codes of silence (ITU-T G.711).
const SILENT_MULAW: u8 = 0xFF;
const SILENT_ALAW: u8 = 0xD5;

fn expanded(codes: &[u8], table: &[i16; 256]) -> Vec<i16> {
    codes.iter().map(|&code| table[usize::from(code)]).collect()
}

/// Creates a file in a folder, with a name that no other call uses.
fn spooled(folder: &Path) -> Result<KeptPlace> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let failed = |path: &Path, e| Error::io(Stage::Input, e).in_input(path.display().to_string());
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("callweave-{}-{number}.samples", std::process::id()));
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => return Ok(KeptPlace::File(BufWriter::new(file), path)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(&path, e)),
        }
    }
}
