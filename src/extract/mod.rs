//! Rule x document to grants; the last room with secrets.

#[allow(dead_code, reason = "nothing calls it before the rooms are joined")]
pub(crate) mod commands;
#[allow(dead_code, reason = "nothing calls it before the rooms are joined")]
pub(crate) mod placeholder;
pub mod secret;
