//! Offboarding.
