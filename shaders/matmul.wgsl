// Matrix products (rows, C_in) × (C_in, C_out) for an adapter that is a processor: a thread makes
// sixteen rows of sixteen output channels, so that 32 texels serve 64 products of a block of weights
// and a vec4. A linear layer is one product, a convolution by Winograd's method 36 of them.
#import matmul

fn column(i: u32, a: Rows, b: Rows, c: Rows, d: Rows) -> Rows {
    switch i {
        case 0u: { return a; }
        case 1u: { return b; }
        case 2u: { return c; }
        default: { return d; }
    }
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = place((workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane, 16u);
    if at.product >= p.products {
        return;
    }
    let rows0 = starts(at.product, at.row);
    let rows1 = starts(at.product, at.row + 4u);
    let rows2 = starts(at.product, at.row + 8u);
    let rows3 = starts(at.product, at.row + 12u);
    let k0 = clamped(at.channel);
    let k1 = clamped(at.channel + 1u);
    let k2 = clamped(at.channel + 2u);
    let k3 = clamped(at.channel + 3u);
    var a0 = start(k0);
    var a1 = a0;
    var a2 = a0;
    var a3 = a0;
    var b0 = start(k1);
    var b1 = b0;
    var b2 = b0;
    var b3 = b0;
    var c0 = start(k2);
    var c1 = c0;
    var c2 = c0;
    var c3 = c0;
    var d0 = start(k3);
    var d1 = d0;
    var d2 = d0;
    var d3 = d0;
    var w = at.product * 4u * p.in_channels * p.out_channels;
    for (var c = 0u; c < p.in_channels; c++) {
        let w0 = block(w + k0);
        let w1 = block(w + k1);
        let w2 = block(w + k2);
        let w3 = block(w + k3);
        let x0 = rows_at(rows0, c);
        a0 += w0 * x0;
        b0 += w1 * x0;
        c0 += w2 * x0;
        d0 += w3 * x0;
        let x1 = rows_at(rows1, c);
        a1 += w0 * x1;
        b1 += w1 * x1;
        c1 += w2 * x1;
        d1 += w3 * x1;
        let x2 = rows_at(rows2, c);
        a2 += w0 * x2;
        b2 += w1 * x2;
        c2 += w2 * x2;
        d2 += w3 * x2;
        let x3 = rows_at(rows3, c);
        a3 += w0 * x3;
        b3 += w1 * x3;
        c3 += w2 * x3;
        d3 += w3 * x3;
        w += 4u * p.out_channels;
    }
    // One column after the other: a quarter of the code.
    for (var i = 0u; i < 4u; i++) {
        let channel = at.channel + i;
        store_rows(at, at.row, channel, column(i, a0, b0, c0, d0));
        store_rows(at, at.row + 4u, channel, column(i, a1, b1, c1, d1));
        store_rows(at, at.row + 8u, channel, column(i, a2, b2, c2, d2));
        store_rows(at, at.row + 12u, channel, column(i, a3, b3, c3, d3));
    }
}
