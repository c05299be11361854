// Draws a batch as a grid of images, a texel for each pixel: a combination of two
// batches in one buffer, as a moment and the one before. Values from `low` to
// `high` become black to white; one channel is grey, three or more are RGB.

struct Params {
    samples: u32,
    columns: u32,
    width: u32,     // of a sample
    height: u32,
    gap: u32,       // texels between samples
    channels: u32,
    pitch: u32,     // vec4s of a pixel
    offset: u32,    // of the first sample, in vec4s
    stride: u32,    // from sample to sample; 0 draws the first one everywhere
    factor: f32,
    other: u32,     // the other batch's offset
    other_factor: f32,
    low: f32,
    high: f32,
    _0: u32,
    _1: u32,
    background: vec4<f32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;  // (…, N, H, W, pitch)

// One triangle that covers the target.
@vertex
fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = vec2<u32>(position.xy);
    let cell = vec2(p.width + p.gap, p.height + p.gap);
    let place = at / cell;
    let inside = at % cell;
    let sample = place.y * p.columns + place.x;
    if place.x >= p.columns || sample >= p.samples || inside.x >= p.width || inside.y >= p.height {
        return p.background;
    }
    let pixel = sample * p.stride + (inside.y * p.width + inside.x) * p.pitch;
    let value = p.factor * x[p.offset + pixel] + p.other_factor * x[p.other + pixel];
    let unit = clamp((value - p.low) / (p.high - p.low), vec4(0.0), vec4(1.0));
    return vec4(select(unit.rgb, unit.rrr, p.channels == 1u), 1.0);
}
