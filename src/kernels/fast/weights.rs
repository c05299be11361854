//! Weights in the form that products want them in, made when they are first asked for and kept until
//! their buffer changes: that is work for once, not for every pass.

use crate::kernels::BufferId;

/// Which form, of a matrix `[depth, columns]`, or of `[3, 3, depth, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Panels { depth: usize, columns: usize },
    Winograd { depth: usize, columns: usize },
}

/// The forms of all buffers.
#[derive(Debug, Default)]
pub struct Weights {
    /// By the number of their buffer.
    forms: Vec<Vec<(Form, Vec<f32>)>>,
    /// What they take.
    bytes: u64,
}

impl Weights {
    /// A form of a buffer; `make` writes it where it is not there yet.
    pub fn of(&mut self, buffer: BufferId, form: Form, make: impl FnOnce(&mut Vec<f32>)) -> &[f32] {
        if self.forms.len() <= buffer.0 {
            self.forms.resize_with(buffer.0 + 1, Vec::new);
        }
        let forms = &mut self.forms[buffer.0];
        let place = forms.iter().position(|(other, _)| *other == form).unwrap_or_else(|| {
            let mut made = Vec::new();
            make(&mut made);
            self.bytes += 4 * made.len() as u64;
            forms.push((form, made));
            forms.len() - 1
        });
        &forms[place].1
    }

    /// The buffer has, or will have, other contents.
    pub fn forget(&mut self, buffer: BufferId) {
        let Some(forms) = self.forms.get_mut(buffer.0) else { return };
        self.bytes -= forms.drain(..).map(|(_, made)| 4 * made.len() as u64).sum::<u64>();
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_made_once_and_again_after_a_change() {
        const FORM: Form = Form::Panels { depth: 1, columns: 2 };
        let mut weights = Weights::default();
        let mut made = 0;
        let mut ask = |weights: &mut Weights, form| {
            weights.of(BufferId(3), form, |panels| {
                made += 1;
                panels.resize(2, made as f32);
            });
            made
        };
        assert_eq!([ask(&mut weights, FORM), ask(&mut weights, FORM)], [1, 1]);
        assert_eq!(ask(&mut weights, Form::Winograd { depth: 1, columns: 2 }), 2);
        assert_eq!(weights.bytes(), 16);
        weights.forget(BufferId(2));
        weights.forget(BufferId(9));
        assert_eq!(ask(&mut weights, FORM), 2);
        weights.forget(BufferId(3));
        assert_eq!(weights.bytes(), 0);
        assert_eq!(ask(&mut weights, FORM), 3);
    }
}
