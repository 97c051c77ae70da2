//! AMR out of RTP: packets are gathered into a recording.

use std::sync::{Mutex, PoisonError};

use callweave::decode;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raise;

/// The packets of one stream.
#[pyclass(frozen, module = "callweave._callweave")]
pub struct AmrPackets {
    packets: Mutex<decode::AmrPackets>,
}

#[pymethods]
impl AmrPackets {
    #[new]
    fn new(wideband: bool, octet_aligned: bool, crc: bool) -> Self {
        let packets = decode::AmrPackets::new(wideband, octet_aligned);
        Self { packets: Mutex::new(if crc { packets.with_crc() } else { packets }) }
    }

    fn push(&self, py: Python<'_>, timestamp: u32, payload: Vec<u8>) -> PyResult<()> {
        let mut packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
        packets.push(timestamp, &payload).map_err(|e| raise(py, e))
    }

    fn finish<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        PyBytes::new(py, &packets.finish())
    }
}
