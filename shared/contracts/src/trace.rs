//! W3C trace context, as it travels in headers: <https://www.w3.org/TR/trace-context/>.

/// A valid `traceparent` and the `tracestate` that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
}

impl TraceContext {
    /// Reads `traceparent` (version 00) and an optional `tracestate`. A malformed
    /// `traceparent` gives nothing; a malformed `tracestate` is dropped, as the standard says.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let parts: Vec<&str> = traceparent.split('-').collect();
        let [version, trace_id, parent_id, flags] = parts[..] else { return None };
        let valid = version == "00"
            && hex(trace_id, 32)
            && hex(parent_id, 16)
            && hex(flags, 2)
            && trace_id.bytes().any(|byte| byte != b'0')
            && parent_id.bytes().any(|byte| byte != b'0');
        let printable =
            |state: &&str| state.len() <= 512 && state.bytes().all(|b| (b' '..=b'~').contains(&b));
        valid.then(|| Self {
            traceparent: traceparent.to_owned(),
            tracestate: tracestate.filter(printable).map(str::to_owned),
        })
    }

    /// The `traceparent` header's value.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The `tracestate` header's value.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.traceparent[3..35]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_a_valid_context() {
        let trace = TraceContext::parse(PARENT, Some("a=1")).unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.tracestate(), Some("a=1"));
    }

    #[test]
    fn drops_what_is_malformed() {
        for parent in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(TraceContext::parse(parent, None), None, "{parent}");
        }
        let trace = TraceContext::parse(PARENT, Some("a=1\r\nX: 1")).unwrap();
        assert_eq!(trace.tracestate(), None);
    }
}
