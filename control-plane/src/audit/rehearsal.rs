//! Call records held against rules that nobody has set yet. Reads, and changes nothing.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{OTHER, Outcome},
    ids::EnvironmentId,
    operations::{FolderOf, Operation, Plane, operations},
    policy::{Explanation, Place, PolicyBook, Principal, key_subject},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::PageEnd;
use crate::{access::AccountGrant, store_error::StoreError, tables::call_records as rows};

/// Records that are read at once.
const PAGE: u64 = 500;
/// From so many kinds of calls on, folders of new kinds are left out: each kind is held against every rule.
const MOST_KINDS: usize = 2_000;

/// Calls of one kind that would be decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedCalls {
    /// The operation.
    pub operation: &'static Operation,
    /// The folder that they were about; none where the operation has none, or the rules give one answer for all folders.
    pub folder: Option<String>,
    /// How many.
    pub calls: i64,
    /// The last of them.
    pub last_at: DateTime<Utc>,
    /// Why they would be decided so, in a sentence.
    pub reason: String,
}

/// What rules would have come to. The calls of its four parts are together the calls that were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rehearsal {
    /// Calls that were permitted and would be refused, the most frequent first.
    pub newly_refused: Vec<ChangedCalls>,
    /// Calls that were refused and would be allowed, the most frequent first.
    pub newly_allowed: Vec<ChangedCalls>,
    /// How many calls would be decided as they were.
    pub unchanged: i64,
    /// How many calls cannot be decided: their operation or their key is not known, or the answer depends on a folder that is not.
    pub unknown: i64,
}

impl Rehearsal {
    /// How many calls were looked at.
    pub(crate) fn calls(&self) -> i64 {
        let changed = self.newly_refused.iter().chain(&self.newly_allowed).map(|calls| calls.calls);
        changed.chain([self.unchanged, self.unknown]).fold(0, i64::saturating_add)
    }
}

/// Holds the calls of an access key of the account against a policy that it does not have yet, those of hours that begin at or after
/// a moment. Among them are the calls of its product environment that were not told apart by key, because some of them may be its.
pub(crate) async fn rehearse(
    grant: &AccountGrant,
    environment: EnvironmentId,
    api_key: &str,
    policy: &PolicyBook,
    since: DateTime<Utc>,
) -> Result<Rehearsal, StoreError> {
    let actor = key_subject(api_key);
    let mut replay = Replay::default();
    let mut behind: Option<PageEnd> = None;
    loop {
        let mut chosen = rows::Entity::find()
            .filter(rows::Column::AccountId.eq(grant.account().id))
            .filter(rows::Column::EnvironmentId.eq(environment.0))
            .filter(rows::Column::Actor.is_in([actor.as_str(), OTHER]))
            .filter(rows::Column::Hour.gte(since));
        if let Some(place) = behind {
            chosen = chosen.filter(place.behind(rows::Column::Hour, rows::Column::Id));
        }
        let page = chosen
            .order_by_desc(rows::Column::Hour)
            .order_by_desc(rows::Column::Id)
            .limit(PAGE)
            .all(grant.foundation().database.reader())
            .await?;
        for record in &page {
            replay.add(record);
        }
        let is_full = page.len() as u64 == PAGE;
        match page.last().filter(|_| is_full) {
            Some(last) => behind = Some(PageEnd { at: last.hour, id: last.id }),
            None => return Ok(replay.against(&Draft { subject: &actor, book: policy })),
        }
    }
}

/// What rules can tell calls apart by, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    /// The operation's number in the table.
    operation: usize,
    /// The folder; none when there is none or it is not known.
    folder: Option<String>,
    was_permitted: bool,
}

/// How often, and when for the last time.
#[derive(Debug)]
struct Tally {
    operation: &'static Operation,
    calls: i64,
    last_at: DateTime<Utc>,
}

/// Call records, summed up by kind: however many there are, no more than the kinds are kept.
#[derive(Debug, Default)]
struct Replay {
    kinds: HashMap<Kind, Tally>,
    /// Calls that were not told apart by operation or by key.
    folded: i64,
}

impl Replay {
    fn add(&mut self, record: &rows::Model) {
        let known = operations().find(&record.operation).filter(|operation| operation.plane == Plane::Data);
        let Some(operation) = known.filter(|_| record.actor != OTHER) else {
            self.folded = self.folded.saturating_add(record.count);
            return;
        };
        let folder = record.folder.as_deref().filter(|_| operation.folder != FolderOf::Nothing);
        let kind = Kind {
            operation: operation.number,
            folder: folder.map(|folder| folder.trim_matches('/').to_owned()),
            // A call that came to nothing was one that the key may make.
            was_permitted: record.outcome != Outcome::Refused.name(),
        };
        let has_room = self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&kind);
        let kind = if has_room { kind } else { Kind { folder: None, ..kind } };
        let tally = self.kinds.entry(kind).or_insert(Tally { operation, calls: 0, last_at: record.last_at });
        tally.calls = tally.calls.saturating_add(record.count);
        tally.last_at = tally.last_at.max(record.last_at);
    }

    fn against(self, draft: &Draft<'_>) -> Rehearsal {
        let mut rehearsal = Rehearsal { unknown: self.folded, ..Rehearsal::default() };
        for (kind, Tally { operation, calls, last_at }) in self.kinds {
            let Some(decision) = draft.decide(operation, kind.folder.as_deref()) else {
                rehearsal.unknown = rehearsal.unknown.saturating_add(calls);
                continue;
            };
            let changed = match (kind.was_permitted, decision.permitted()) {
                (true, false) => &mut rehearsal.newly_refused,
                (false, true) => &mut rehearsal.newly_allowed,
                _ => {
                    rehearsal.unchanged = rehearsal.unchanged.saturating_add(calls);
                    continue;
                }
            };
            changed.push(ChangedCalls { operation, folder: kind.folder, calls, last_at, reason: decision.reason() });
        }
        for changed in [&mut rehearsal.newly_refused, &mut rehearsal.newly_allowed] {
            changed.sort_by(|a, b| {
                let by_name = (a.operation.number, &a.folder).cmp(&(b.operation.number, &b.folder));
                b.calls.cmp(&a.calls).then(by_name)
            });
        }
        rehearsal
    }
}

/// A policy that is not in force, and whom it is asked about.
struct Draft<'a> {
    subject: &'a str,
    book: &'a PolicyBook,
}

impl Draft<'_> {
    /// What would be decided; none where that depends on a folder that is not known.
    fn decide(&self, operation: &Operation, folder: Option<&str>) -> Option<Explanation> {
        let principal = Principal::unversioned(self.subject, self.book);
        let place = match (operation.folder, folder) {
            (FolderOf::Nothing, _) => Place::None,
            (_, Some(folder)) => Place::In(folder),
            (_, None) => {
                let scope = Explanation::scope(&principal, operation);
                if !scope.is_everywhere() && !scope.is_nowhere() {
                    return None;
                }
                Place::In("")
            }
        };
        Some(Explanation::of(&principal, operation, place))
    }
}

#[cfg(test)]
mod tests {
    use plane_kit::policy::{Effect, PolicyLine, RoleLink, rule::KeyRules, rules_subject};
    use uuid::Uuid;

    use super::*;

    /// What comes of a rule of a key that may do everything else.
    fn held_against(replay: Replay, rule: &str) -> Rehearsal {
        let subject = key_subject("1");
        let mut lines = vec![PolicyLine::new("role:all", "*", "*", Effect::Allow)];
        lines.extend(KeyRules::parse([rule]).unwrap().lines(&rules_subject(&subject)));
        let links = [RoleLink { member: subject.clone(), role: "role:all".to_owned() }];
        replay.against(&Draft { subject: &subject, book: &PolicyBook::new(&lines, &links) })
    }

    fn record(folder: Option<String>, outcome: Outcome) -> rows::Model {
        let at = DateTime::from_timestamp(1_795_435_200, 0).unwrap();
        rows::Model {
            id: Uuid::new_v4(),
            account_id: Uuid::nil(),
            environment_id: Uuid::nil(),
            region: "eu".into(),
            actor: "key:1".into(),
            operation: "upload".into(),
            method: "POST".into(),
            folder,
            outcome: outcome.name().into(),
            hour: at,
            count: 1,
            last_at: at,
        }
    }

    #[test]
    fn of_too_many_kinds_folders_are_left_out() {
        let extra = 3;
        let replay = || {
            let mut replay = Replay::default();
            for number in 0..MOST_KINDS + extra {
                replay.add(&record(Some(number.to_string()), Outcome::Permitted));
            }
            // What has its kind already keeps its folder.
            replay.add(&record(Some("0".into()), Outcome::Permitted));
            replay
        };
        assert_eq!(replay().kinds.len(), MOST_KINDS + 1);
        for (rules, refused, unknown) in
            [("@upload in 0", MOST_KINDS - 1, extra), ("@usage", MOST_KINDS + extra + 1, 0), ("@upload", 0, 0)]
        {
            let rehearsal = held_against(replay(), rules);
            let found: i64 = rehearsal.newly_refused.iter().map(|calls| calls.calls).sum();
            assert_eq!((found, rehearsal.unknown), (refused as i64, unknown as i64), "{rules}");
            assert_eq!(rehearsal.calls(), (MOST_KINDS + extra + 1) as i64, "{rules}");
        }
    }

    #[test]
    fn what_was_refused_already_is_not_refused_anew() {
        for (outcome, refused, unchanged) in [(Outcome::Permitted, 1, 0), (Outcome::Refused, 0, 1)] {
            let mut replay = Replay::default();
            replay.add(&record(Some("a".into()), outcome));
            let rehearsal = held_against(replay, "deny *");
            assert_eq!((rehearsal.newly_refused.len(), rehearsal.unchanged), (refused, unchanged), "{outcome:?}");
        }
    }
}
