// The input of a 3×3 convolution by Winograd's F(4×4, 3×3): V = Bᵀ d B of every 6×6 inputs d that
// four by four outputs depend on, by its 36 places; d may be SiLU(factor·x + term) of what there is,
// and twice as large by the nearest pixel. A thread makes a tile of four channels.
#import winograd
#import activation
#import texel

struct Params {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,      // channels, pitches and offset in vec4s
    pitch: u32,
    offset: u32,
    affine_pitch: u32,  // between samples; 0: d is x
    upsampled: u32,     // 1: x is half as high and wide
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;                        // (N, H, W, pitch)
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;   // (N, channels, factor|term)
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;  // (36, tiles, channels)

const WORKGROUP: u32 = 16u;

// Six rows of six.
struct Rows {
    r0: Six,
    r1: Six,
    r2: Six,
    r3: Six,
    r4: Six,
    r5: Six,
}

fn transposed(t: Rows) -> Rows {
    return Rows(
        Six(t.r0.a, t.r1.a, t.r2.a, t.r3.a, t.r4.a, t.r5.a),
        Six(t.r0.b, t.r1.b, t.r2.b, t.r3.b, t.r4.b, t.r5.b),
        Six(t.r0.c, t.r1.c, t.r2.c, t.r3.c, t.r4.c, t.r5.c),
        Six(t.r0.d, t.r1.d, t.r2.d, t.r3.d, t.r4.d, t.r5.d),
        Six(t.r0.e, t.r1.e, t.r2.e, t.r3.e, t.r4.e, t.r5.e),
        Six(t.r0.f, t.r1.f, t.r2.f, t.r3.f, t.r4.f, t.r5.f),
    );
}

struct Affine {
    factor: vec4<f32>,
    term: vec4<f32>,
}

// `line`: pixels before the row. Rows and columns wrap far beyond the end where they lie before the
// first; what lies outside may be outside of the texture, too, and does not count.
fn input(line: u32, column: u32, channel: u32, a: Affine, inside: bool) -> vec4<f32> {
    let at = (line + (column >> p.upsampled)) * p.pitch + channel;
    let value = textureLoad(x, texel(at), 0) * a.factor + a.term;
    let activated = select(value, silu(value), p.affine_pitch != 0u);
    return select(vec4(0.0), activated, inside && column < p.width);
}

// The six inputs of a row, from the one before the tile's first column on.
fn input_row(n: u32, row: u32, column: u32, channel: u32, a: Affine) -> Six {
    let inside = row < p.height;
    let line = (n * (p.height >> p.upsampled) + (row >> p.upsampled)) * (p.width >> p.upsampled);
    return forth(Six(
        input(line, column - 1u, channel, a, inside),
        input(line, column, channel, a, inside),
        input(line, column + 1u, channel, a, inside),
        input(line, column + 2u, channel, a, inside),
        input(line, column + 3u, channel, a, inside),
        input(line, column + 4u, channel, a, inside),
    ));
}

fn store(at: u32, next: u32, column: Six) {
    let y = forth(column);
    v[at] = y.a;
    v[at + next] = y.b;
    v[at + 2u * next] = y.c;
    v[at + 3u * next] = y.d;
    v[at + 4u * next] = y.e;
    v[at + 5u * next] = y.f;
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

    var a = Affine(vec4(1.0), vec4(0.0));
    if p.affine_pitch != 0u {
        let at = t.n * p.affine_pitch + 2u * t.channel;
        a = Affine(affine[at], affine[at + 1u]);
    }
    let c = p.offset + t.channel;
    let columns = transposed(Rows(
        input_row(t.n, t.row - 1u, t.column, c, a),
        input_row(t.n, t.row, t.column, c, a),
        input_row(t.n, t.row + 1u, t.column, c, a),
        input_row(t.n, t.row + 2u, t.column, c, a),
        input_row(t.n, t.row + 3u, t.column, c, a),
        input_row(t.n, t.row + 4u, t.column, c, a),
    ));
    store(id, 6u * t.places, columns.r0);
    store(id + t.places, 6u * t.places, columns.r1);
    store(id + 2u * t.places, 6u * t.places, columns.r2);
    store(id + 3u * t.places, 6u * t.places, columns.r3);
    store(id + 4u * t.places, 6u * t.places, columns.r4);
    store(id + 5u * t.places, 6u * t.places, columns.r5);
}
