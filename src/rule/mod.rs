//! Rules: data that says where tools keep credentials, and how to read them.

#[allow(dead_code, reason = "nothing calls it before the rooms are joined")]
pub mod command;
pub mod schema;

pub use schema::Dialect;
