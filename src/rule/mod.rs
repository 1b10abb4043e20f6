//! Rules: data that says where tools keep credentials, and how to read them.

pub mod paths;
pub mod places;
pub mod pack;
pub mod sample;
pub mod schema;

pub use schema::Dialect;
