//! The quantiles of a symmetric beta distribution.

/// The x with I_x(a, a) = `share`; by bisection of the regularised incomplete beta function.
pub(super) fn beta_quantile(share: f64, a: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return share.clamp(0.0, 1.0);
    }
    let (mut low, mut high) = (0.0, 0.5);
    // By symmetry the quantile of the smaller tail is enough, and keeps its digits.
    let tail = share.min(1.0 - share);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if lower_tail(middle, a) < tail { low = middle } else { high = middle }
    }
    if share <= 0.5 { low } else { 1.0 - low }
}

/// I_x(a, a) for x ≤ ½: x^a(1 − x)^a/(a·B(a, a)) over a continued fraction
/// (Abramowitz & Stegun 26.5.8), evaluated by Lentz's method.
fn lower_tail(x: f64, a: f64) -> f64 {
    let log_beta = 2.0 * libm::lgamma(a) - libm::lgamma(2.0 * a);
    let front = libm::exp(a * libm::log(x) + a * libm::log1p(-x) - log_beta) / a;
    let (mut c, mut d) = (1.0, 1.0 / (1.0 - 2.0 * a * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..200 {
        let m = f64::from(m);
        let even = m * (a - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (2.0 * a + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / (1.0 + term * d);
            c = 1.0 + term / c;
            fraction *= c * d;
        }
    }
    front * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arcsine distribution, a = ½, has its quantile in closed form: sin²(πq/2).
    #[test]
    fn quantiles_of_the_arcsine_distribution() {
        for share in [0.001, 0.1, 0.3, 0.5, 0.77, 0.999] {
            let exact = libm::sin(std::f64::consts::FRAC_PI_2 * share).powi(2);
            assert!((beta_quantile(share, 0.5) / exact - 1.0).abs() < 1e-10, "{share}");
        }
        assert_eq!((beta_quantile(0.0, 0.6), beta_quantile(1.0, 0.6)), (0.0, 1.0));
    }
}
