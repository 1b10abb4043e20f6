//! x

pub mod artifact;
pub mod extract;
pub mod grant;
pub mod parse;
pub mod policy;
pub mod report;
pub mod rule;
pub mod score;
