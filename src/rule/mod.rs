//! Rules: data that says where tools keep credentials, and how to read them.

pub mod filter;
pub mod schema;

pub use schema::Dialect;
