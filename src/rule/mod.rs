//! Rules: data that says where tools keep credentials, and how to read them.

pub mod schema;
pub mod token;

pub use schema::Dialect;
