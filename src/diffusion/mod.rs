//! Schedules, predictions and samplers: the mathematics, free of any device.

pub mod row;
