//! What happens to a call.

use std::borrow::Cow;

use domain::RejectReason;
use serde::{Deserialize, Serialize};

use super::{InvalidKnobs, check_retry_after, require, within};
use crate::standing::is_code;

/// The default size of an enormous body: more than anybody should read.
const ENORMOUS_BYTES: u64 = 128 * 1024 * 1024;
/// The largest.
const ENORMOUS_MAX_BYTES: u64 = 100 * 1024 * 1024 * 1024;
/// Longest address of a redirect.
const LOCATION_MAX_BYTES: usize = 2_048;

/// What happens to a call once its latency has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The question is answered with what is on file.
    Answer,
    /// 200, with an AAA error in the body.
    Reject {
        /// The AAA code, documented or not: one to four letters and digits.
        code: String,
    },
    /// Another status, from 400 to 599.
    Status {
        /// The status.
        code: u16,
        /// An AAA code in the body, which some 400s have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reject: Option<String>,
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
    /// No answer, ever.
    Hang,
    /// The connection is reset (RST) before anything is answered.
    Reset,
    /// The connection is reset (RST) in the middle of the body.
    ResetMidway,
    /// The connection is closed in the middle of the body.
    Truncated,
    /// 200 and a complete body that is no JSON.
    Garbage,
    /// 200 and a body that is valid JSON and far too long, in chunks.
    Enormous {
        /// Its length. Default: 128 MiB.
        #[serde(default = "enormous_bytes")]
        bytes: u64,
    },
    /// 307 to another place, which would have the question posted there again.
    Redirect {
        /// Where to. Default: a path of this server that counts who comes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },
}

const fn enormous_bytes() -> u64 {
    ENORMOUS_BYTES
}

impl Outcome {
    /// 503.
    pub fn unavailable() -> Self {
        Self::Status { code: 503, reject: None, retry_after_s: None }
    }

    /// 429.
    pub fn too_many_requests(retry_after_s: u32) -> Self {
        Self::Status { code: 429, reject: None, retry_after_s: Some(retry_after_s) }
    }

    /// The word under which it is counted: one of a bounded number, whatever callers send.
    pub fn label(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Answer => "answer",
            Self::Reject { code } if code.parse::<RejectReason>().is_err() => "reject_unlisted",
            Self::Reject { code } => return format!("reject_{code}").into(),
            Self::Status { code, .. } => return format!("status_{code}").into(),
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::ResetMidway => "reset_midway",
            Self::Truncated => "truncated",
            Self::Garbage => "garbage",
            Self::Enormous { .. } => "enormous",
            Self::Redirect { .. } => "redirect",
        })
    }

    pub(super) fn check(&self, at: &str) -> Result<(), InvalidKnobs> {
        match self {
            Self::Reject { code } => check_code(code, &format!("{at}.reject.code")),
            Self::Status { code, reject, retry_after_s } => {
                within(400, 599, (*code).into(), &format!("{at}.status.code"))?;
                if let Some(reject) = reject {
                    check_code(reject, &format!("{at}.status.reject"))?;
                }
                let retry_after_s = retry_after_s.unwrap_or_default();
                check_retry_after(retry_after_s, &format!("{at}.status.retry_after_s"))
            }
            Self::Enormous { bytes } => {
                within(1, ENORMOUS_MAX_BYTES, *bytes, &format!("{at}.enormous.bytes"))
            }
            Self::Redirect { location: Some(location) } => {
                check_location(location, &format!("{at}.redirect.location"))
            }
            _ => Ok(()),
        }
    }
}

fn check_code(code: &str, at: &str) -> Result<(), InvalidKnobs> {
    require(is_code(code), at, || "must be one to four letters and digits".to_owned())
}

fn check_location(location: &str, at: &str) -> Result<(), InvalidKnobs> {
    let begins = ["http://", "https://", "/"].iter().any(|start| location.starts_with(start));
    let is_plain = location.bytes().all(|b| b.is_ascii_graphic());
    let is_short = location.len() <= LOCATION_MAX_BYTES;
    require(begins && is_plain && is_short, at, || {
        "must begin with http://, https:// or /, and be printable ASCII".to_owned()
    })
}
