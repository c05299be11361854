// The activations of UNet2DModel, by the numbers of kernels/activation.rs.
const IDENTITY: u32 = 0u;
const SILU: u32 = 1u;
const GELU: u32 = 2u;
const RELU: u32 = 3u;
const MISH: u32 = 4u;

fn silu(x: vec4<f32>) -> vec4<f32> {
    // exp(88) is the last finite one; beyond it the quotient is 0 anyway.
    return x / (1.0 + exp(min(-x, vec4(80.0))));
}

// erf by Abramowitz & Stegun 7.1.26, |error| <= 1.5e-7; WGSL has none.
fn erf(x: vec4<f32>) -> vec4<f32> {
    let a = min(abs(x), vec4(6.0));
    let t = 1.0 / (1.0 + 0.3275911 * a);
    let poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(x) * (1.0 - poly * exp(-a * a));
}

fn gelu(x: vec4<f32>) -> vec4<f32> {
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}

// x·tanh(ln(1 + eˣ)), with the tanh of a logarithm written as a quotient.
fn mish(x: vec4<f32>) -> vec4<f32> {
    let e = exp(min(x, vec4(20.0)));
    let n = e * (e + 2.0);
    return x * n / (n + 2.0);
}

fn activate(kind: u32, x: vec4<f32>) -> vec4<f32> {
    switch kind {
        case SILU: { return silu(x); }
        case GELU: { return gelu(x); }
        case RELU: { return max(x, vec4(0.0)); }
        case MISH: { return mish(x); }
        default: { return x; }
    }
}
