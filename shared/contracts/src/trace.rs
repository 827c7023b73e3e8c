//! W3C Trace Context, as strings in and out, with or without an exporter.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The specification's limits on `tracestate`.
const TRACESTATE_MAX_BYTES: usize = 512;
const TRACESTATE_MAX_MEMBERS: usize = 32;

/// "Sampled", the only flag of version 00.
const SAMPLED: u8 = 0x01;

/// A position in a trace: the trace, the span that is the parent of what comes next, and
/// whether it is recorded. `Display` is the `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    is_sampled: bool,
    tracestate: Option<String>,
}

/// A `traceparent` that doesn't follow the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed traceparent")]
pub struct MalformedTraceparent;

impl TraceContext {
    /// Reads what a caller sent. A malformed `traceparent` is an error; a malformed
    /// `tracestate` is left out, as the specification asks.
    pub fn parse(
        traceparent: &str,
        tracestate: Option<&str>,
    ) -> Result<Self, MalformedTraceparent> {
        let mut context: Self = traceparent.parse()?;
        context.tracestate = tracestate.map(str::trim).filter(|s| is_tracestate(s)).map(Into::into);
        Ok(context)
    }

    /// What a caller sent, or a new trace when that is nothing or malformed.
    pub fn parse_or_new(traceparent: Option<&str>, tracestate: Option<&str>) -> Self {
        traceparent
            .and_then(|traceparent| Self::parse(traceparent, tracestate).ok())
            .unwrap_or_else(Self::new_root)
    }

    /// The start of a new trace.
    pub fn new_root() -> Self {
        Self {
            trace_id: Uuid::new_v4().into_bytes(),
            span_id: random_span_id(),
            is_sampled: true,
            tracestate: None,
        }
    }

    /// The same trace, one span further.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random_span_id(), ..self.clone() }
    }

    /// A context that something else holds in parts.
    pub fn from_parts(
        trace_id: [u8; 16],
        span_id: [u8; 8],
        is_sampled: bool,
        tracestate: &str,
    ) -> Self {
        let tracestate = is_tracestate(tracestate).then(|| tracestate.to_owned());
        Self { trace_id, span_id, is_sampled, tracestate }
    }

    /// The header `traceparent`.
    pub fn traceparent(&self) -> String {
        self.to_string()
    }

    /// The header `tracestate`, when there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The trace's id in hexadecimal, for the field `trace_id` of log lines.
    pub fn trace_id(&self) -> String {
        Hex(&self.trace_id).to_string()
    }

    /// The span's id in hexadecimal.
    pub fn span_id(&self) -> String {
        Hex(&self.span_id).to_string()
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// The trace's id.
    pub fn trace_id_bytes(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The span's id.
    pub fn span_id_bytes(&self) -> [u8; 8] {
        self.span_id
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.is_sampled { SAMPLED } else { 0 };
        write!(f, "00-{}-{}-{flags:02x}", Hex(&self.trace_id), Hex(&self.span_id))
    }
}

impl FromStr for TraceContext {
    type Err = MalformedTraceparent;

    fn from_str(text: &str) -> Result<Self, MalformedTraceparent> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(MalformedTraceparent);
        let [version]: [u8; 1] = hex(next()?)?;
        let trace_id: [u8; 16] = hex(next()?)?;
        let span_id: [u8; 8] = hex(next()?)?;
        let [flags]: [u8; 1] = hex(next()?)?;
        // Later versions may append parts; 255 is forbidden.
        let has_more = parts.next().is_some();
        let is_version = version != u8::MAX && !(version == 0 && has_more);
        if !is_version || trace_id == [0; 16] || span_id == [0; 8] {
            return Err(MalformedTraceparent);
        }
        Ok(Self { trace_id, span_id, is_sampled: flags & SAMPLED != 0, tracestate: None })
    }
}

/// A random id that can't be zero: the second half of a version 4 UUID holds its variant bits.
fn random_span_id() -> [u8; 8] {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    low.to_be_bytes()
}

fn is_tracestate(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= TRACESTATE_MAX_BYTES
        && text.split(',').count() <= TRACESTATE_MAX_MEMBERS
        && text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'))
        && text.split(',').all(|member| member.trim().is_empty() || member.contains('='))
}

/// Exactly `N` bytes in lower-case hexadecimal.
fn hex<const N: usize>(text: &str) -> Result<[u8; N], MalformedTraceparent> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(MalformedTraceparent);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

fn digit(character: u8) -> Result<u8, MalformedTraceparent> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(MalformedTraceparent),
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
