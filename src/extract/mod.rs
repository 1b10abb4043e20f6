//! Rule x document to grants; the last room with secrets.

pub(crate) mod check;
pub(crate) mod jwt;
pub(crate) mod placeholder;
pub mod secret;
pub(crate) mod time;
