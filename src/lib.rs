//! x

pub mod artifact;
pub mod extract;
pub mod grant;
pub mod host;
pub mod parse;
pub mod report;
pub mod rule;
pub mod source;
