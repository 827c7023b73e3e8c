//! What the insurer has on file of a member.

use domain::{BenefitCode, MemberId, PayerId};

use crate::draw::Draw;

/// How a member stands with a payer.
///
/// A member id that ends in `-` and one of these words has that standing with every payer and
/// seed; all others are drawn, from the seed, the payer and the id:
///
/// | ending | standing | share of the drawn |
/// |---|---|---|
/// | `ACTIVE` | one active plan without an end | 80 % |
/// | `INACTIVE` | a plan that ended | 6 % |
/// | `TERMED` | a plan that ends on the 15th of the month that is asked for | 2 % |
/// | `TWOPLANS` | one plan that ended and one that is active | 2 % |
/// | `PENDING5`, `PENDING7`, `PENDING8` | benefit code 5, 7 or 8 | 1 % each |
/// | `INVESTIGATE` | somebody else has to be asked (benefit code U) | 1 % |
/// | `AAA` and a code, such as `AAA42` | that rejection, with HTTP 200 | 75: 3 %; 71, 72, 73: 1 % each |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// One active plan.
    Active,
    /// A plan that ended.
    Inactive,
    /// A plan that ends in the middle of the month that is asked for.
    Termed,
    /// One plan that ended, one active.
    TwoPlans,
    /// Neither yes nor no.
    Unsettled(BenefitCode),
    /// No answer but this AAA code.
    Rejected(String),
}

impl Standing {
    /// How `member` stands with `payer`.
    pub fn of(seed: u64, payer: &PayerId, member: &MemberId) -> Self {
        let wish = member.as_str().rsplit_once('-').and_then(|(_, word)| Self::named(word));
        wish.unwrap_or_else(|| Self::drawn(seed, payer, member))
    }

    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "ACTIVE" => Self::Active,
            "INACTIVE" => Self::Inactive,
            "TERMED" => Self::Termed,
            "TWOPLANS" => Self::TwoPlans,
            "PENDING5" => Self::Unsettled(BenefitCode::ActivePendingInvestigation),
            "PENDING7" => Self::Unsettled(BenefitCode::InactivePendingUpdate),
            "PENDING8" => Self::Unsettled(BenefitCode::InactivePendingInvestigation),
            "INVESTIGATE" => Self::Unsettled(BenefitCode::ContactOtherEntity),
            _ => Self::Rejected(word.strip_prefix("AAA").filter(|code| is_code(code))?.to_owned()),
        })
    }

    fn drawn(seed: u64, payer: &PayerId, member: &MemberId) -> Self {
        let parts = [b"standing", payer.as_str().as_bytes(), member.as_str().as_bytes()];
        match Draw::new(seed, &parts).below(0, 100) {
            0..80 => Self::Active,
            80..86 => Self::Inactive,
            86..88 => Self::Termed,
            88..90 => Self::TwoPlans,
            90 => Self::Unsettled(BenefitCode::ActivePendingInvestigation),
            91 => Self::Unsettled(BenefitCode::InactivePendingUpdate),
            92 => Self::Unsettled(BenefitCode::InactivePendingInvestigation),
            93 => Self::Unsettled(BenefitCode::ContactOtherEntity),
            94..97 => Self::Rejected("75".to_owned()),
            97 => Self::Rejected("71".to_owned()),
            98 => Self::Rejected("72".to_owned()),
            _ => Self::Rejected("73".to_owned()),
        }
    }
}

/// Whether a text can stand for an AAA code, documented or not: one to four letters and digits.
pub fn is_code(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn of(seed: u64, payer: &str, member: &str) -> Standing {
        Standing::of(seed, &payer.parse().unwrap(), &member.parse().unwrap())
    }

    #[test]
    fn a_members_ending_decides() {
        for seed in [1, 2] {
            assert_eq!(of(seed, "1", "M-1-INACTIVE"), Standing::Inactive);
            assert_eq!(of(seed, "2", "-AAA42"), Standing::Rejected("42".to_owned()));
            let pending = Standing::Unsettled(BenefitCode::InactivePendingUpdate);
            assert_eq!(of(seed, "3", "M-PENDING7"), pending);
        }
    }

    #[test]
    fn otherwise_chance_decides_the_same_every_time() {
        let all = |seed, payer| -> Vec<_> {
            (0..2000).map(|n| of(seed, payer, &format!("M-{n}"))).collect()
        };
        assert_eq!(all(1, "1"), all(1, "1"));
        assert_ne!(all(1, "1"), all(2, "1"));
        assert_ne!(all(1, "1"), all(1, "2"));
        let mut counts = HashMap::new();
        for standing in all(1, "1") {
            *counts.entry(format!("{standing:?}")).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 12, "every standing occurs: {counts:?}");
        assert!((1500..1700).contains(&counts["Active"]), "{counts:?}");
    }
}
