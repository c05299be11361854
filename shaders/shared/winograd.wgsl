// Winograd's F(4×4, 3×3) (Lavin & Gray 2016, section 4.3) in one dimension; a tile of 4×4 outputs
// takes it along its rows, then along its columns.

struct Four {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

struct Six {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
    e: vec4<f32>,
    f: vec4<f32>,
}

// Bᵀ of six inputs.
fn forth(x: Six) -> Six {
    let even = x.e - 4.0 * x.c;
    let odd = x.d - 4.0 * x.b;
    let half_even = x.e - x.c;
    let half_odd = 2.0 * (x.d - x.b);
    return Six(
        4.0 * x.a - 5.0 * x.c + x.e,
        even + odd,
        even - odd,
        half_even + half_odd,
        half_even - half_odd,
        4.0 * x.b - 5.0 * x.d + x.f,
    );
}

// Aᵀ of six products.
fn back(m: Six) -> Four {
    let sum = m.b + m.c;
    let difference = m.b - m.c;
    let far_sum = m.d + m.e;
    let far_difference = 2.0 * (m.d - m.e);
    return Four(
        m.a + sum + far_sum,
        difference + far_difference,
        sum + 4.0 * far_sum,
        difference + 4.0 * far_difference + m.f,
    );
}

// A tile of 4×4 outputs, of four channels. Needs Params p with batch, height, width and channels.
struct Tile {
    n: u32,
    row: u32,
    column: u32,
    channel: u32,
    places: u32,  // from a place of the transform to the next: tiles times channels
}

fn tile(id: u32) -> Tile {
    let across = (p.width + 3u) / 4u;
    let down = (p.height + 3u) / 4u;
    let at = id / p.channels;
    return Tile(
        at / (across * down),
        at / across % down * 4u,
        at % across * 4u,
        id % p.channels,
        p.batch * across * down * p.channels,
    );
}
