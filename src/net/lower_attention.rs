//! From an attention to dispatches.

use super::choose::{self, Attention};
use super::graph::TensorId;
use super::lower::Lowering;
use crate::kernels::{
    attention, attention_scores, attention_scores_wide, attention_values, attention_values_wide, softmax,
};

impl Lowering<'_> {
    /// `dim`: of a head.
    pub(super) fn attention(&mut self, [qkv, y]: [TensorId; 2], heads: usize, dim: usize) {
        let batch = self.batch;
        let tokens = self.network.tensor(qkv).pixels() as u32;
        let (heads, head_dim, scale) = (heads as u32, dim.div_ceil(4) as u32, 1.0 / (dim as f32).sqrt());
        let (qkv, y) = (self.tensor(qkv), self.tensor(y));
        let chosen = choose::attention(self.network.class, tokens, head_dim);
        if chosen == Attention::Whole {
            let p = attention::Params { batch, tokens, heads, head_dim, scale };
            return self.push(attention::dispatch(&p, [qkv, y]));
        }
        let table = u64::from(heads) * u64::from(tokens);
        let scores = self.between(table * u64::from(tokens.next_multiple_of(4)));
        let of_scores = attention_scores::Params { batch, tokens, heads, head_dim, scale };
        let of_values = attention_values::Params { batch, tokens, heads, head_dim };
        let (first, last) = match chosen {
            Attention::Four => (
                attention_scores_wide::dispatch(&of_scores, [qkv, scores]),
                attention_values_wide::dispatch(&of_values, [qkv, scores, y]),
            ),
            Attention::One | Attention::Whole => (
                attention_scores::dispatch(&of_scores, [qkv, scores]),
                attention_values::dispatch(&of_values, [qkv, scores, y]),
            ),
        };
        let rows = softmax::Params { rows: batch * heads * tokens, columns: tokens };
        // Queries and keys go into the scores, values into the result.
        let inner = u64::from(batch * tokens * heads * head_dim * 4);
        let table = u64::from(batch) * table * u64::from(tokens);
        let flops = self.flops() / 2;
        self.push_part(first, flops, 2 * inner + table);
        self.push_part(softmax::dispatch(&rows, [scores]), 0, 2 * table);
        self.push_part(last, flops, 2 * inner + table);
    }
}
