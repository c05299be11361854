// What the variants of the 3×3 convolution have in common: their bindings but for the input and the
// weights, and the epilogue that adds the residual and scales.
struct Params {
    batch: u32,
    height: u32,
    width: u32,
    in_channels: u32,     // all channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
    out_channels: u32,
    out_pitch: u32,
    out_offset: u32,
    temb_pitch: u32,      // 0: no time embedding
    temb_offset: u32,
    residual_pitch: u32,  // 0: no residual
    residual_offset: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;      // (C_out/4)
@group(0) @binding(4) var<storage, read> temb: array<vec4<f32>>;      // (N, temb_pitch)
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>;  // (N, H, W, residual_pitch)
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;   // (N, H, W, out_pitch)

// Pixels are the columns of a matrix: four in a row, four output channels each.
alias Pixels = mat4x4<f32>;
// Weights of one tap: four input channels to four output channels.
alias Tap = mat4x4<f32>;

fn store(pixel: u32, channel: u32, value: vec4<f32>) {
    var v = value;
    if p.residual_pitch != 0u {
        v += residual[pixel * p.residual_pitch + p.residual_offset + channel];
    }
    y[pixel * p.out_pitch + p.out_offset + channel] = v * p.scale;
}
