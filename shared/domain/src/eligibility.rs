//! What is known of a coverage, and how an insurer's benefit codes say it.

use crate::coded::coded;

coded! {
    /// How a visit's coverage stands, for people at a screen.
    EligibilityStatus {
        /// Nobody asked yet.
        NotChecked = "not_checked",
        /// The insurer is being asked.
        Checking = "checking",
        /// Covered on the day of the visit.
        Active = "active",
        /// The insurer said that it doesn't cover.
        Inactive = "inactive",
        /// The insurer answered, and a person must act on it.
        NeedsAttention = "needs_attention",
        /// Nobody knows: the insurer could not be asked, and will be asked again. Never "not
        /// covered".
        PendingVerification = "pending_verification",
        /// The patient pays; nobody is asked.
        SelfPay = "self_pay",
    }
}

coded! {
    /// What a person decided about a check.
    EligibilityDecision {
        /// Somebody asked the insurer by telephone, and the visit is covered.
        VerifiedByPhone = "verified_by_phone",
        /// The patient pays; nobody is asked.
        SelfPay = "self_pay",
    }
}

coded! {
    /// X12 element EB01, as far as eligibility needs it: what a line of benefits is about.
    BenefitCode {
        /// The plan is active.
        Active = "1",
        /// Active, all care paid for per head.
        ActiveFullRiskCapitation = "2",
        /// Active, some care paid for per head.
        ActiveServicesCapitated = "3",
        /// Active, primary care paid for per head.
        ActiveCapitatedToPrimaryCare = "4",
        /// Active for now; the insurer is looking into it.
        ActivePendingInvestigation = "5",
        /// The plan is not active.
        Inactive = "6",
        /// Not active in the insurer's books, which are about to change.
        InactivePendingUpdate = "7",
        /// Not active for now; the insurer is looking into it.
        InactivePendingInvestigation = "8",
        /// The patient's share of a cost, as a fraction.
        CoInsurance = "A",
        /// The patient's share per visit, as an amount.
        CoPayment = "B",
        /// What the patient pays before the plan does.
        Deductible = "C",
        /// Something is limited.
        Limitation = "F",
        /// The most that the patient pays.
        OutOfPocket = "G",
        /// A service that the plan doesn't pay for.
        NonCovered = "I",
        /// Somebody else has to be asked.
        ContactOtherEntity = "U",
        /// The insurer could not work it out.
        CannotProcess = "V",
    }
}

coded! {
    /// What an answered question comes to.
    CoverageFinding {
        /// At least one plan is active.
        Active = "active",
        /// No plan is active, and the insurer is sure.
        Inactive = "inactive",
        /// The insurer is not sure: a person has to look.
        Investigate = "investigate",
    }
}

impl CoverageFinding {
    /// What all lines of an answer say together. One active plan is enough, because people have
    /// more than one; silence is not "not covered".
    pub fn of(lines: impl IntoIterator<Item = BenefitCode>) -> Self {
        use BenefitCode as Code;
        let (mut is_active, mut is_open, mut is_inactive) = (false, false, false);
        for line in lines {
            match line {
                Code::Active
                | Code::ActiveFullRiskCapitation
                | Code::ActiveServicesCapitated
                | Code::ActiveCapitatedToPrimaryCare => is_active = true,
                Code::ActivePendingInvestigation
                | Code::InactivePendingUpdate
                | Code::InactivePendingInvestigation
                | Code::ContactOtherEntity
                | Code::CannotProcess => is_open = true,
                Code::Inactive => is_inactive = true,
                _ => {}
            }
        }
        match (is_active, is_open, is_inactive) {
            (true, _, _) => Self::Active,
            (false, false, true) => Self::Inactive,
            _ => Self::Investigate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BenefitCode as Code;
    use super::*;

    #[test]
    fn one_active_plan_is_enough() {
        let lines = [Code::Inactive, Code::CoPayment, Code::Active];
        assert_eq!(CoverageFinding::of(lines), CoverageFinding::Active);
    }

    #[test]
    fn only_a_plain_no_is_a_no() {
        assert_eq!(CoverageFinding::of([Code::Inactive]), CoverageFinding::Inactive);
        for lines in [
            &[][..],
            &[Code::NonCovered],
            &[Code::CannotProcess],
            &[Code::Inactive, Code::InactivePendingUpdate],
            &[Code::ActivePendingInvestigation],
        ] {
            let finding = CoverageFinding::of(lines.iter().copied());
            assert_eq!(finding, CoverageFinding::Investigate, "{lines:?}");
        }
    }

    #[test]
    fn codes_read_back() {
        for code in BenefitCode::ALL {
            assert_eq!(code.as_str().parse::<BenefitCode>().unwrap(), *code);
        }
        assert!("Z".parse::<BenefitCode>().is_err());
    }
}
