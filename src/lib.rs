//! x

pub mod artifact;
pub mod extract;
pub mod grant;
pub mod output;
pub mod parse;
pub mod report;
pub mod rule;
