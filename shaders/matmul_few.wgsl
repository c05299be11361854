// Matrix products as `matmul` makes them, for few rows: a thread makes four of sixteen channels.
#import matmul

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = place((workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane, 4u);
    if at.product >= p.products {
        return;
    }
    let rows0 = starts(at.product, at.row);
    let k0 = clamped(at.channel);
    let k1 = clamped(at.channel + 1u);
    let k2 = clamped(at.channel + 2u);
    let k3 = clamped(at.channel + 3u);
    var a0 = start(k0);
    var b0 = start(k1);
    var c0 = start(k2);
    var d0 = start(k3);
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
        w += 4u * p.out_channels;
    }
    store_rows(at, at.row, at.channel, a0);
    store_rows(at, at.row, at.channel + 1u, b0);
    store_rows(at, at.row, at.channel + 2u, c0);
    store_rows(at, at.row, at.channel + 3u, d0);
}
