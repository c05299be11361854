//! The natural logarithm in float32 as numpy has it.
//!
//! It is up to three units in the last place off, and diffusers cuts timesteps that are
//! found by it down to whole ones: only the same error gives the same timestep.

/// ln x = e·ln 2 + ln m with m from √½ to √2, and ln m = P(m − 1)/Q(m − 1).
const NUMERATOR: [f64; 6] = [
    2.589_979_117_907_922_7e-2,
    0.380_883_774_138_840_8,
    1.480_000_633_576_506_5,
    2.112_677_543_073_053,
    1.0,
    0.0,
];
const DENOMINATOR: [f64; 6] = [
    5.875_095_403_124_574e-3,
    0.154_647_637_498_390_68,
    0.986_494_295_851_941_9,
    2.453_006_071_784_736_4,
    2.612_677_543_073_109,
    1.0,
];

/// ln x of a normal number above 0; of others the usual limits.
pub(super) fn ln(x: f32) -> f32 {
    if !(x >= f32::MIN_POSITIVE && x.is_finite()) {
        return libm::log(x.into()) as f32;
    }
    const ONE_HALF: u32 = 126 << 23;
    let bits = x.to_bits();
    let (mut exponent, mut mantissa) =
        ((bits >> 23) as i32 - 126, f32::from_bits(bits & ((1 << 23) - 1) | ONE_HALF));
    if mantissa <= std::f32::consts::FRAC_1_SQRT_2 {
        (exponent, mantissa) = (exponent - 1, 2.0 * mantissa);
    }
    let quotient = polynomial(&NUMERATOR, mantissa - 1.0) / polynomial(&DENOMINATOR, mantissa - 1.0);
    fused(exponent as f32, std::f32::consts::LN_2, quotient)
}

/// Horner's rule, highest coefficient first.
fn polynomial(coefficients: &[f64], x: f32) -> f32 {
    coefficients[1..].iter().fold(coefficients[0] as f32, |sum, &next| fused(sum, x, next as f32))
}

/// a·b + c, rounded once.
fn fused(a: f32, b: f32, c: f32) -> f32 {
    (f64::from(a) * f64::from(b) + f64::from(c)) as f32
}

#[cfg(test)]
mod tests {
    use super::ln;

    /// `numpy.log` of float32, where it is not the nearest number.
    #[test]
    fn logarithms_are_numpys() {
        let known = [
            (0.787_086_5f32, -0.239_417_17f32),
            (0.809_608_64, -0.211_204_34),
            (1.132_558_2, 0.124_478_97),
            (0.013_288_29, -4.320_872_3),
            (92.832_985, 4.530_802),
            (1.0, 0.0),
        ];
        for (x, expected) in known {
            assert_eq!(ln(x), expected, "ln {x}");
        }
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert!(ln(-1.0).is_nan());
    }
}
