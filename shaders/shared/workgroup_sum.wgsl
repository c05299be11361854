// The sum of two numbers of each of a workgroup's 256 invocations, in every one of them.

var<workgroup> partial: array<vec2<f32>, 256>;

fn workgroup_sum(lane: u32, mine: vec2<f32>) -> vec2<f32> {
    partial[lane] = mine;
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            partial[lane] += partial[lane + width];
        }
    }
    workgroupBarrier();
    let sum = partial[0];
    workgroupBarrier();
    return sum;
}
