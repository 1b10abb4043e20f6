//! Age: how long a grant will live by itself, and how long it has.

use super::{Case, Factor, plural};
use crate::report::{AgeBasis, Reason, State};
use crate::score::lifetime::in_file;

/// See the module.
pub(super) const FACTOR: Factor = Factor {
    name: "age",
    about: "never ends, renews itself or lives long; issued or rotated long ago",
    max: 30,
    assess,
};

/// Points for an age of so many percent of the limit; below 100, up to 6 in proportion.
const OVER_LIMIT: [(i64, i16); 9] = [
    (800, 16),
    (600, 15),
    (400, 14),
    (300, 13),
    (250, 12),
    (200, 11),
    (150, 10),
    (125, 9),
    (100, 8),
];

fn assess(case: &Case<'_>, _: i16) -> Vec<Reason> {
    [life(case), since(case)].into_iter().flatten().collect()
}

/// Points for the life the grant has by itself, at most 14.
fn life(case: &Case<'_>) -> Option<Reason> {
    let (points, text) = match case.lifetime.state {
        State::NoExpiry => (14, "never ends by itself".into()),
        State::Renewable => (12, "renews itself without a person".into()),
        State::Unknown => (7, "no end is stated".into()),
        State::Live => {
            return case
                .lives()
                .map(|(days, limit)| bounded(days, limit))
                .max_by_key(|life| life.points);
        }
        State::Expired => return None,
    };
    Some(Reason { points, text })
}

/// Points for a life of so many whole days.
fn bounded(days: i64, limit: i64) -> Reason {
    if days == 0 {
        return Reason { points: 2, text: "lives less than a day".into() };
    }
    let points = match percent(days, limit) {
        share @ ..=100 => 3 + i16::try_from(share * 4 / 100).unwrap_or(0),
        101..200 => 8,
        200..400 => 10,
        400..800 => 12,
        800.. => 13,
    };
    Reason { points, text: format!("lives {}, limit {limit}", plural(days, "day")) }
}

/// Points for the time since issue or last rotation, at most 16.
fn since(case: &Case<'_>) -> Option<Reason> {
    let limit = case.limit;
    let Some(days) = case.lifetime.age_days else {
        // A keychain or helper may rotate what nobody sees.
        return in_file(case.grant.storage)
            .then(|| Reason { points: 4, text: "its age is not known".into() });
    };
    let points = aged(days, limit);
    let days = plural(days, "day");
    let text = match case.lifetime.age_basis {
        AgeBasis::FileModified => format!("in this file for at least {days}, limit {limit}"),
        _ => format!("issued {days} ago, limit {limit}"),
    };
    Some(Reason { points, text })
}

fn aged(days: i64, limit: i64) -> i16 {
    let share = percent(days, limit);
    OVER_LIMIT
        .iter()
        .find(|(least, _)| share >= *least)
        .map_or_else(|| i16::try_from(share * 7 / 100).unwrap_or(0), |(_, points)| *points)
}

fn percent(days: i64, limit: i64) -> i64 {
    days.saturating_mul(100) / limit.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_for_an_age() {
        for (days, limit, points) in [
            (0, 90, 0),
            (30, 90, 2),
            (89, 90, 6),
            (90, 90, 8),
            (180, 90, 11),
            (412, 90, 14),
            (720, 90, 16),
            (412, 180, 11),
            (i64::MAX, 1, 16),
        ] {
            assert_eq!(aged(days, limit), points, "{days} of {limit}");
        }
    }

    #[test]
    fn points_for_a_life() {
        for (days, limit, points) in [
            (0, 90, 2),
            (0, 1, 2),
            (1, 90, 3),
            (1, 1, 7),
            (45, 90, 5),
            (89, 90, 6),
            (90, 90, 7),
            (91, 90, 8),
            (365, 90, 12),
            (3650, 90, 13),
        ] {
            let reason = bounded(days, limit);
            assert_eq!(reason.points, points, "{days} of {limit}: {}", reason.text);
        }
    }
}
