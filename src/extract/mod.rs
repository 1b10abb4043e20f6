//! Rule x document to grants; the last room with secrets.

pub mod secret;
