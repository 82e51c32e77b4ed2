pub mod v1 { include!("gen/lockstep.v1.rs"); }
pub mod testing { pub mod v1 { include!("gen/lockstep.testing.v1.rs"); } }
