//! The harness of the end-to-end tests: it starts the real program on real databases and talks to it as a client would.
//!
//! Every test file in `tests/` is one subject. Nothing here sleeps to wait for an event: [`harness::eventually`] asks until
//! the event is there or its deadline has passed.

pub mod harness;
pub mod workspace;

/// The crates that the compile-fail proof names, as this library was built with them.
pub mod proof {
    pub use {actix_web, plane_kit, utoipa};
}

/// Makes a test for SQLite, and one for all on PostgreSQL, out of cases that take a [`harness::client::Tenant`].
#[macro_export]
macro_rules! on_both_databases {
    ($($case:ident),* $(,)?) => {
        $crate::on_both_databases!(with &[]; $($case),*);
    };
    // The same with settings of the process that uploads and delivers.
    (with $settings:expr; $($case:ident),* $(,)?) => {
        mod sqlite {
            #[allow(unused_imports, reason = "only cases with settings of their own name something beside them")]
            use super::*;

            $(#[tokio::test]
            async fn $case() {
                let server = $crate::harness::server::Dev::start_with(&["--seed", "none"], $settings).await;
                super::$case(server.tenant()).await;
            })*
        }
        /// One pair of planes for all cases, each in an environment of its own.
        #[tokio::test]
        async fn postgres() {
            let planes = $crate::harness::planes::Planes::start_with_data($settings).await;
            let account = planes.provisioning(&planes.account);
            $({
                let environment = account.create_environment(&stringify!($case).replace('_', "-")).await;
                eprintln!("on PostgreSQL: {}", stringify!($case));
                $case(planes.tenant(&environment)).await;
            })*
        }
    };
}
