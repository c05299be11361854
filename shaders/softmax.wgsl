// Softmax of each row, in place; the row's maximum is subtracted first. A thread
// takes a row: the rows of an attention are short and many.
#import grid

struct Params {
    rows: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;  // (rows, columns)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_index(workgroup, workgroups, local);
    if row >= p.rows {
        return;
    }
    let base = row * p.columns;
    var highest = x[base];
    for (var i = 1u; i < p.columns; i++) {
        highest = max(highest, x[base + i]);
    }
    var sum = 0.0;
    for (var i = 0u; i < p.columns; i++) {
        let e = exp(x[base + i] - highest);
        x[base + i] = e;
        sum += e;
    }
    let inverse = 1.0 / sum;
    for (var i = 0u; i < p.columns; i++) {
        x[base + i] *= inverse;
    }
}
