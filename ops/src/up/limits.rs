//! How strict the API is here. A machine to try things out on has one address and many people, and
//! nobody's phone at hand: so limits are wide and second factors optional, unless somebody has set
//! them. What holds is said when everything is ready.

use std::num::NonZeroU32;

use runtime::settings::{ApiSettings, SecondFactor};

use crate::settings;

/// Per second, of one caller or one address.
const REQUESTS_PER_S: u32 = 1_000;
const REQUESTS_BURST: u32 = 2_000;

/// Per minute, of one address.
const SIGN_INS_PER_MIN: u32 = 60_000;
const SIGN_INS_BURST: u32 = 10_000;

/// What api is told, and what people are.
#[derive(Debug)]
pub struct Limits {
    /// Variables for api, beside those that are set.
    pub environment: Vec<(&'static str, String)>,
    /// One line.
    pub summary: String,
}

impl Limits {
    /// Those of development, but for what is set.
    pub fn of(api: &ApiSettings) -> Self {
        Self::unless(api, |variable| settings::is_given(&[variable]))
    }

    fn unless(api: &ApiSettings, is_given: impl Fn(&str) -> bool) -> Self {
        let default = ApiSettings::default();
        let mut environment = Vec::new();
        let mut kept = false;
        let mut number = |name, set: NonZeroU32, default: NonZeroU32, development: u32| {
            if set != default || is_given(name) {
                kept = true;
                return set.get();
            }
            environment.push((name, development.to_string()));
            development
        };
        let per_s = (api.caller_per_s, default.caller_per_s);
        let caller_per_s = number("MC_API__CALLER_PER_S", per_s.0, per_s.1, REQUESTS_PER_S);
        let burst = (api.caller_burst, default.caller_burst);
        number("MC_API__CALLER_BURST", burst.0, burst.1, REQUESTS_BURST);
        let per_s = (api.anonymous_per_s, default.anonymous_per_s);
        let address_per_s = number("MC_API__ANONYMOUS_PER_S", per_s.0, per_s.1, REQUESTS_PER_S);
        let burst = (api.anonymous_burst, default.anonymous_burst);
        number("MC_API__ANONYMOUS_BURST", burst.0, burst.1, REQUESTS_BURST);
        let per_min = (api.sign_in_per_min, default.sign_in_per_min);
        let sign_ins = number("MC_API__SIGN_IN_PER_MIN", per_min.0, per_min.1, SIGN_INS_PER_MIN);
        let burst = (api.sign_in_burst, default.sign_in_burst);
        number("MC_API__SIGN_IN_BURST", burst.0, burst.1, SIGN_INS_BURST);
        let second_factor = "MC_API__SECOND_FACTOR";
        let is_optional = if is_given(second_factor) || api.second_factor != default.second_factor {
            kept = true;
            api.second_factor == SecondFactor::Optional
        } else {
            environment.push((second_factor, "optional".to_owned()));
            true
        };
        if !is_given("MC_API__SERVE_DOCS") {
            environment.push(("MC_API__SERVE_DOCS", "true".to_owned()));
        }
        let profile = if kept { "as set" } else { "development" };
        let factor = if is_optional { "optional" } else { "required for staff" };
        let summary = format!(
            "limits: {profile} ({caller_per_s} requests/s of a caller, {address_per_s} of an \
             address, {sign_ins} sign-ins/min; second factor {factor})"
        );
        Self { environment, summary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_counts_and_the_rest_is_for_development() {
        let limits = Limits::unless(&ApiSettings::default(), |_| false);
        assert!(limits.summary.starts_with("limits: development (1000 requests/s"));
        assert_eq!(limits.environment.len(), 8);

        let caller_per_s = NonZeroU32::new(7).unwrap();
        let strict = ApiSettings { caller_per_s, ..ApiSettings::default() };
        let limits = Limits::unless(&strict, |name| name == "MC_API__SECOND_FACTOR");
        assert!(limits.summary.starts_with("limits: as set (7 requests/s"), "{}", limits.summary);
        assert!(limits.summary.ends_with("second factor required for staff)"));
        assert_eq!(limits.environment.len(), 6);
    }
}
