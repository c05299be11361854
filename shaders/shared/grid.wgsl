// A flat index over a dispatch of 64-wide workgroups. One grid dimension holds
// only 65,535 workgroups, so larger dispatches fold into a second one.
const WORKGROUP: u32 = 64u;

fn flat_index(workgroup: vec3<u32>, workgroups: vec3<u32>, local: u32) -> u32 {
    return (workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + local;
}
