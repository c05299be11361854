//! From an attention of the graph to dispatches.

use super::choose::{self, Attention};
use super::graph::{Graph, TensorId};
use super::plan::{Plan, Share};
use crate::kernels::{
    Dispatch, attention, attention_scores, attention_scores_wide, attention_values, attention_values_wide,
    softmax,
};

impl Plan {
    /// `dim`: of a head.
    pub(super) fn attention(
        &self,
        graph: &Graph,
        [qkv, y]: [TensorId; 2],
        heads: usize,
        dim: usize,
        whole: Share,
    ) -> Vec<(Dispatch, Share)> {
        let batch = self.batch as u32;
        let tokens = graph.tensor(qkv).pixels() as u32;
        let (heads, head_dim, scale) = (heads as u32, dim.div_ceil(4) as u32, 1.0 / (dim as f32).sqrt());
        let of_scores = attention_scores::Params { batch, tokens, heads, head_dim, scale };
        let of_values = attention_values::Params { batch, tokens, heads, head_dim };
        let (qkv, y) = (self.buffer(qkv), self.buffer(y));
        let [scores, _] = self.between(whole.op);
        let (first, last) = match choose::attention(self.class, tokens, head_dim) {
            Attention::Whole => {
                let p = attention::Params { batch, tokens, heads, head_dim, scale };
                return vec![(attention::dispatch(&p, [qkv, y]), whole)];
            }
            Attention::One => (
                attention_scores::dispatch(&of_scores, [qkv, scores]),
                attention_values::dispatch(&of_values, [qkv, scores, y]),
            ),
            Attention::Four => (
                attention_scores_wide::dispatch(&of_scores, [qkv, scores]),
                attention_values_wide::dispatch(&of_values, [qkv, scores, y]),
            ),
        };
        let rows = softmax::Params { rows: batch * heads * tokens, columns: tokens };
        // Queries and keys go into the scores, values into the result.
        let inner = u64::from(batch * tokens * heads * head_dim * 4);
        let table = u64::from(batch * heads) * u64::from(tokens).pow(2);
        let share = |flops, words| Share { flops, words, ..whole };
        vec![
            (first, share(whole.flops / 2, 2 * inner + table)),
            (softmax::dispatch(&rows, [scores]), share(0, 2 * table)),
            (last, share(whole.flops / 2, 2 * inner + table)),
        ]
    }
}
