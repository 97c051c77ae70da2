//! The choice among the ways to compute the network.

use fearless_simd::Level;

#[cfg(target_arch = "x86_64")]
use super::integer::Integer;
use super::model::Model;
use crate::threads;

/// The arithmetic of a detector.
#[derive(Clone, Copy)]
pub(super) enum Arithmetic {
    /// f32 without fused multiply-adds, by instructions that every machine of the target has.
    Portable,
    /// f32 with fused multiply-adds.
    Fused(Level),
    /// f32, and 16-bit integers for the LSTM.
    #[cfg(target_arch = "x86_64")]
    Integer(Integer),
}

impl Arithmetic {
    /// Returns the fastest arithmetic of this machine.
    pub(super) fn new(portable: bool) -> Self {
        if portable {
            return Self::Portable;
        }
        let level = Level::new();
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = level.as_avx512() {
            return Self::Integer(Integer(avx512));
        }
        Self::Fused(level)
    }

    /// Arranges the network's weights, those of integers beside the others. They are arranged at
    /// their first use otherwise, for which every thread but one waits.
    pub(super) fn prepare(self) {
        let lstm = || match self {
            Self::Portable | Self::Fused(_) => (),
            #[cfg(target_arch = "x86_64")]
            Self::Integer(_) => Integer::prepare(),
        };
        threads::join(Model::shared, lstm);
    }

    /// Returns the name that reports give.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Fused(_) => "f32",
            #[cfg(target_arch = "x86_64")]
            Self::Integer(_) => "int16",
        }
    }
}

/// Runs an expression on the [`Network`](super::network::Network) of an [`Arithmetic`], compiled for its instructions.
macro_rules! compute {
    ($arithmetic:expr, $network:ident => $body:expr) => {
        match $arithmetic {
            Arithmetic::Portable => fearless_simd::dispatch!(fearless_simd::Level::baseline(), simd => {
                let $network = $crate::simd::Cpu::<_, false>(simd);
                $body
            }),
            Arithmetic::Fused(level) => fearless_simd::dispatch!(level, simd => {
                let $network = $crate::simd::Cpu::<_, true>(simd);
                $body
            }),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Integer($network) => fearless_simd::Simd::vectorize(
                $network.0,
                #[inline(always)]
                || $body,
            ),
        }
    };
}
pub(super) use compute;
