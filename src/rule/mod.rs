//! Rules: data that says where tools keep credentials, and how to read them.

pub mod check;
pub mod command;
pub mod controls;
pub mod docs;
pub mod duration;
pub mod filter;
pub mod glob;
pub mod list;
pub mod load;
pub mod pack;
pub mod pages;
pub mod paths;
pub mod places;
pub mod sample;
pub mod schema;
pub mod token;

pub use schema::Dialect;
