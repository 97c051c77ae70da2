//! ITU-T G.722 at 64 kbit/s: two bands of ADPCM, two samples at 16 kHz per byte, in the standard's
//! integer arithmetic. Names in comments are those of the standard's blocks.

use super::blocks::BlockCodec;

/// QM6 and QM4: inverse quantizers of the lower band.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360,
    -1040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9360, 8576, 7856, 7192, 6576,
    6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QM4: [i32; 16] =
    [0, -20_456, -12_896, -8968, -6288, -4240, -2584, -1200, 20_456, 12_896, 8968, 6288, 4240, 2584, 1200, 0];
/// QM2: inverse quantizer of the higher band.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// WL by RL42: change of the logarithmic scale by a code of the lower band.
const WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// WH by RH2: change of the logarithmic scale by a code of the higher band.
const WH: [i32; 4] = [798, -214, 798, -214];
/// ILB: the inverse logarithm.
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Every second coefficient of the receive filter. The others are the same in reverse.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

fn saturate(x: i32) -> i32 {
    x.clamp(-32_768, 32_767)
}

/// Adaptive predictor and scale of one band.
#[derive(Default)]
struct Subband {
    /// The prediction, and the part of the zeros in it.
    s: i32,
    sz: i32,
    /// Reconstructed and partly reconstructed signal, latest first.
    r: [i32; 2],
    p: [i32; 2],
    /// Coefficients of poles and zeros.
    a: [i32; 2],
    b: [i32; 6],
    /// Quantized differences, latest first.
    d: [i32; 6],
    /// Logarithmic scale, and the scale itself.
    nb: i32,
    det: i32,
}

impl Subband {
    /// LOGSC and SCALE: updates the scale.
    fn scale(&mut self, step: i32, most: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, most);
        let base = ILB.get((self.nb >> 6 & 31) as usize).copied().unwrap_or(0);
        let down = shift - (self.nb >> 11);
        self.det = if down < 0 { base << -down } else { base >> down } << 2;
    }

    /// Blocks 4: adapts the predictor to a difference and predicts the next sample.
    fn adapt(&mut self, d: i32) {
        let r = saturate(self.s + d);
        let p = saturate(self.sz + d);
        let same = |other: i32| (p >> 15) == (other >> 15);
        // UPPOL2
        let wd1 = saturate(self.a[0] << 2);
        let wd2 = if same(self.p[0]) { -wd1 } else { wd1 }.min(32_767);
        let wd3 = (wd2 >> 7) + if same(self.p[1]) { 128 } else { -128 } + ((self.a[1] * 32_512) >> 15);
        let a2 = wd3.clamp(-12_288, 12_288);
        // UPPOL1
        let wd1 = if same(self.p[0]) { 192 } else { -192 };
        let most = saturate(15_360 - a2);
        let a1 = saturate(wd1 + ((self.a[0] * 32_640) >> 15)).clamp(-most, most);
        // UPZERO
        let size = if d == 0 { 0 } else { 128 };
        for (b, past) in self.b.iter_mut().zip(&self.d) {
            let step = if (past >> 15) == (d >> 15) { size } else { -size };
            *b = saturate(step + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.d.rotate_right(1);
        self.d[0] = d;
        (self.r, self.p, self.a) = ([r, self.r[0]], [p, self.p[0]], [a1, a2]);
        // FILTEP, FILTEZ, PREDIC
        let poles = self.a.iter().zip(&self.r).map(|(a, r)| (a * saturate(r + r)) >> 15).sum();
        self.sz = saturate(self.b.iter().zip(&self.d).map(|(b, d)| (b * saturate(d + d)) >> 15).sum());
        self.s = saturate(saturate(poles) + self.sz);
    }
}

/// The decoder and its state.
pub(crate) struct G722 {
    low: Subband,
    high: Subband,
    /// State of the receive filter, oldest first: sums and differences of the bands alternate.
    past: [i32; 24],
}

impl G722 {
    pub(crate) fn new() -> Self {
        let band = |det| Subband { det, ..Subband::default() };
        Self { low: band(32), high: band(8), past: [0; 24] }
    }

    fn byte(&mut self, code: u8) -> [i32; 2] {
        let (low, high) = (usize::from(code & 63), usize::from(code >> 6));
        let of = |table: &[i32], i: usize| table.get(i).copied().unwrap_or(0);
        let limit = |x: i32| x.clamp(-16_384, 16_383);

        let rlow = limit(self.low.s + ((self.low.det * of(&QM6, low)) >> 15));
        let dlow = (self.low.det * of(&QM4, low >> 2)) >> 15;
        self.low.scale(of(&WL, low >> 2), 18_432, 8);
        self.low.adapt(dlow);

        let dhigh = (self.high.det * of(&QM2, high)) >> 15;
        let rhigh = limit(self.high.s + dhigh);
        self.high.scale(of(&WH, high), 22_528, 10);
        self.high.adapt(dhigh);

        self.past.copy_within(2.., 0);
        (self.past[22], self.past[23]) = (rlow + rhigh, rlow - rhigh);
        let (mut first, mut second) = (0, 0);
        for ((pair, forward), backward) in self.past.chunks_exact(2).zip(QMF).zip(QMF.iter().rev()) {
            if let [sum, difference] = pair {
                second += sum * forward;
                first += difference * backward;
            }
        }
        [saturate(first >> 11), saturate(second >> 11)]
    }
}

impl BlockCodec for G722 {
    fn block_bytes(&self) -> usize {
        1
    }

    fn block_samples(&self) -> usize {
        2
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let [out, ..] = planes else { return };
        for &byte in bytes {
            out.extend(self.byte(byte).map(|x| x as f32 / 32_768.0));
        }
    }
}
