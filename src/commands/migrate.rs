//! `safelight migrate`

use plane_kit::database::Database;

use super::{Failure, Outcome, print};
use crate::{
    installation,
    settings::{Given, Says, load},
};

/// Opens and migrates a regional database.
pub async fn open_regional(url: &str, region: &str) -> Outcome<Database> {
    let schema = format!("region_{}", region.replace('-', "_"));
    let database = Database::open(url, &schema).await?;
    migrations::migrate_regional(database.writer()).await?;
    Ok(database)
}

pub async fn run(given: Given) -> Outcome {
    let mut settings = load(given, Says::default())?;
    installation::complete(&mut settings)?;
    let mut count = 0;
    if !settings.control.database_url.is_empty() {
        let database = Database::open(&settings.control.database_url, "control").await?;
        migrations::migrate_control(database.writer()).await?;
        print("the control database is at the newest state");
        count += 1;
    }
    if !settings.region.database_url.is_empty() {
        open_regional(&settings.region.database_url, &settings.region.name).await?;
        print(format_args!("the database of region {} is at the newest state", settings.region.name));
        count += 1;
    }
    if count == 0 {
        return Err(Failure::new("neither control.database_url nor region.database_url is set"));
    }
    Ok(())
}
