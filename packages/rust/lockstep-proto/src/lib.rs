//! The protocol of Lockstep, fenced locks and replicated datasets, as messages and stubs.
//!
//! - [`v1`]: the messages, the client stubs (feature `client`, on by default) and the server traits
//!   (feature `server`). Generated.
//! - [`testing::v1`]: virtual time, for tests. Generated.
//! - [`error_detail`]: the reason of a refusal.

mod error_detail;

pub use error_detail::error_detail;

/// Locks, sessions, events and errors, as `lockstep.v1` defines them.
#[allow(missing_docs, clippy::pedantic)]
pub mod v1 {
    include!("gen/lockstep.v1.rs");
}

/// What only a server in test mode serves.
pub mod testing {
    /// The clock of a server in test mode, as `lockstep.testing.v1` defines it.
    #[allow(missing_docs, clippy::pedantic)]
    pub mod v1 {
        include!("gen/lockstep.testing.v1.rs");
    }
}
