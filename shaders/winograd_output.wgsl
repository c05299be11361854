// The output of a 3×3 convolution by Winograd's F(4×4, 3×3): Y = Aᵀ M A of the 36 places of every
// tile, 4×4 pixels; then bias, time embedding and residual are added, and all is scaled. A thread
// makes a tile of four channels.
#import winograd

struct Params {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,        // channels, pitches and offsets in vec4s
    pitch: u32,
    offset: u32,
    temb_pitch: u32,      // 0: no time embedding
    temb_offset: u32,
    residual_pitch: u32,  // 0: no residual
    residual_offset: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;         // (36, tiles, channels)
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;      // (channels)
@group(0) @binding(3) var<storage, read> temb: array<vec4<f32>>;      // (N, temb_pitch)
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;  // (N, H, W, residual_pitch)
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;   // (N, H, W, pitch)

const WORKGROUP: u32 = 16u;

fn products(at: u32, next: u32) -> Four {
    return back(Six(
        m[at],
        m[at + next],
        m[at + 2u * next],
        m[at + 3u * next],
        m[at + 4u * next],
        m[at + 5u * next],
    ));
}

fn store(pixel: u32, channel: u32, value: vec4<f32>) {
    var v = value;
    if p.residual_pitch != 0u {
        v += residual[pixel * p.residual_pitch + p.residual_offset + channel];
    }
    y[pixel * p.pitch + p.offset + channel] = v * p.scale;
}

// A column of pixels, of which so many are inside.
fn store_column(pixel: u32, channel: u32, start: vec4<f32>, products: Six, inside: u32) {
    let y = back(products);
    store(pixel, channel, start + y.a);
    if inside > 1u { store(pixel + p.width, channel, start + y.b); }
    if inside > 2u { store(pixel + 2u * p.width, channel, start + y.c); }
    if inside > 3u { store(pixel + 3u * p.width, channel, start + y.d); }
}

@compute @workgroup_size(16)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let t = tile(id);
    if t.n >= p.batch {
        return;
    }

    var start = bias[t.channel];
    if p.temb_pitch != 0u {
        start += temb[t.n * p.temb_pitch + p.temb_offset + t.channel];
    }
    let r0 = products(id, t.places);
    let r1 = products(id + 6u * t.places, t.places);
    let r2 = products(id + 12u * t.places, t.places);
    let r3 = products(id + 18u * t.places, t.places);
    let r4 = products(id + 24u * t.places, t.places);
    let r5 = products(id + 30u * t.places, t.places);
    let pixel = (t.n * p.height + t.row) * p.width + t.column;
    let left = p.width - t.column;
    let inside = p.height - t.row;
    store_column(pixel, t.channel, start, Six(r0.a, r1.a, r2.a, r3.a, r4.a, r5.a), inside);
    if left > 1u {
        store_column(pixel + 1u, t.channel, start, Six(r0.b, r1.b, r2.b, r3.b, r4.b, r5.b), inside);
    }
    if left > 2u {
        store_column(pixel + 2u, t.channel, start, Six(r0.c, r1.c, r2.c, r3.c, r4.c, r5.c), inside);
    }
    if left > 3u {
        store_column(pixel + 3u, t.channel, start, Six(r0.d, r1.d, r2.d, r3.d, r4.d, r5.d), inside);
    }
}
