//! ITU-T G.711: converts 8-bit mu-law and A-law to 16-bit linear samples, by tables.

/// Mu-law to linear, scaled to 16 bits (14-bit values times 4).
pub(crate) static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let exponent = (bits >> 4) & 7;
        let magnitude = ((((bits & 15) as i16) << 3) + 0x84) << exponent;
        let linear = magnitude - 0x84;
        table[code] = if bits & 0x80 == 0 { linear } else { -linear };
        code += 1;
    }
    table
};

/// A-law to linear, scaled to 16 bits (13-bit values times 8).
pub(crate) static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = (code as u8) ^ 0x55;
        let exponent = (bits >> 4) & 7;
        let mantissa = ((bits & 15) as i16) << 4;
        let linear = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
        table[code] = if bits & 0x80 != 0 { linear } else { -linear };
        code += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_corner_values() {
        // G.711 tables 1 and 2: largest, smallest and zero codes, at 16-bit scale.
        assert_eq!((ULAW[0x80], ULAW[0x00], ULAW[0xFF], ULAW[0x7F]), (32_124, -32_124, 0, 0));
        assert_eq!((ALAW[0xAA], ALAW[0x2A], ALAW[0xD5], ALAW[0x55]), (32_256, -32_256, 8, -8));
    }

    #[test]
    fn magnitudes_grow_along_each_half() {
        for code in 0..127usize {
            assert!(ULAW[code] < ULAW[code + 1], "{code}");
            assert!(ALAW[code ^ 0x55] > ALAW[(code + 1) ^ 0x55], "{code}");
        }
    }
}
