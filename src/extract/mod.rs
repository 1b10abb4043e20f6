//! Rule x document to grants; the last room with secrets.

pub(crate) mod jwt;
pub mod secret;
