//! Rules: data that says where tools keep credentials, and how to read them.

pub mod check;
pub mod docs;
pub mod duration;
pub mod filter;
pub mod load;
pub mod schema;

pub use load::RuleSet;
pub use schema::Dialect;
