//! Taking away what was made by a transformation that is gone, or whose name stands for something else now.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use plane_kit::{audit::Origin, ids::EnvironmentId};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::ExprTrait};
use serde::{Deserialize, Serialize};
use transform::grammar::Transformation;

use super::{recorded::name_of, stored::StoredTransformation};
use crate::{
    Plane,
    assets::{
        AssetStore,
        list::starts_with,
        remove::{DerivedBy, Extent, Selection},
    },
    delivery::make::OnBehalfOf,
    jobs::{
        Claim, Job, Lane,
        runner::{Ended, JobError},
    },
    permitted::{Permitted, Told},
    tables::transformations::{Column, Entity, Model},
};

/// How many transformations are looked for at once.
const AT_ONCE: usize = 50;

/// The job of one transformation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Under what it was recorded.
    name: String,
    /// Whether that was a name.
    is_named: bool,
    /// What was made later stays.
    made_before: DateTime<Utc>,
}

impl Job for Cleanup {
    const KIND: &'static str = "transformation_cleanup";
    const LANE: Lane = Lane::Work;
}

impl Cleanup {
    /// The job that takes away what was made by a transformation until now.
    pub(super) fn of(row: &Model, now: DateTime<Utc>) -> Self {
        Self { name: row.name.clone(), is_named: row.is_named, made_before: now }
    }

    /// By what it was made: by the transformation itself, and if that was a name by whatever mentions it, directly or by another name.
    async fn derived_by(&self, plane: &Plane, environment: EnvironmentId) -> Result<Vec<DerivedBy>, DbErr> {
        let mut all = vec![DerivedBy::recorded(&self.name, self.is_named)];
        if self.is_named {
            let of = Entity::find().filter(Column::EnvironmentId.eq(environment.0));
            let named = of.clone().filter(Column::IsNamed.eq(true)).all(plane.database.reader()).await?;
            let names = depending_on(name_of(&self.name), &named);
            let of_names = names.iter().map(|name| DerivedBy::recorded(&format!("t_{name}"), true));
            all.extend(of_names.filter(|by| by.spellings[0] != self.name));
            // What is written and mentions a name has `t_` at the beginning of a component or of an item of one.
            let written = of.filter(Column::IsNamed.eq(false));
            let mentions =
                starts_with(Column::Name, "t_").or(Column::Name.contains("/t_")).or(Column::Name.contains(",t_"));
            for row in written.filter(mentions).all(plane.database.reader()).await? {
                let by = DerivedBy::recorded(&row.name, false);
                let chain = by.spellings.first().and_then(|chain| Transformation::parse(chain).ok());
                if chain.is_some_and(|chain| chain.names().any(|name| names.contains(name))) {
                    all.push(by);
                }
            }
        }
        for by in &mut all {
            by.made_before = Some(self.made_before);
        }
        Ok(all)
    }
}

/// A name, and all names that lead to it.
fn depending_on(name: &str, named: &[Model]) -> BTreeSet<String> {
    let mentions: HashMap<&str, Vec<String>> = named
        .iter()
        .filter_map(|row| {
            let stored = StoredTransformation::parse("transformation", row.definition.as_deref()?).ok()?;
            Some((name_of(&row.name), stored.transformation.names().map(str::to_owned).collect()))
        })
        .collect();
    let mut found = BTreeSet::from([name.to_owned()]);
    loop {
        let leads = |(other, names): (&&str, &Vec<String>)| {
            (!found.contains(*other) && names.iter().any(|name| found.contains(name))).then(|| (**other).to_owned())
        };
        let more: Vec<String> = mentions.iter().filter_map(leads).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Takes it away, a pass of assets at a time, until there is none.
pub async fn carry(plane: &Plane, claim: &Claim) -> Result<Ended, JobError> {
    let job: Cleanup = claim.read()?;
    if claim.is_spent {
        tracing::error!(name = job.name, "what was made by a transformation stays: taking it away broke off too often");
        claim.finish(plane.database.writer()).await?;
        return Ok(Ended::GivenUp);
    }
    let assets = AssetStore::of(&OnBehalfOf(claim.environment), &plane.database, &plane.settings.region.name);
    for some in job.derived_by(plane, claim.environment).await?.chunks(AT_ONCE) {
        let extent = Extent { keep_original: true, derived_by: Some(some.to_vec()) };
        let mut after = None;
        loop {
            let selection = Selection::DerivedBy(some.to_vec());
            let permitted = Permitted::by_decision(selection, Origin::PROGRAM, Told::NOBODY);
            let pass = assets.remove(permitted, &extent, after, plane.clock.now()).await?;
            plane.located.forget_all_of(claim.environment, pass.removed.into_iter().map(|removed| removed.name));
            plane.remove_objects(pass.orphans);
            match pass.next {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    let ended = claim.finish(plane.database.writer()).await?;
    Ok(if ended { Ended::Done } else { Ended::Lost })
}
