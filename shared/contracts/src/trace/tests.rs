use proptest::prelude::*;

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn reads_the_specifications_example() {
    let context =
        TraceContext::parse(PARENT, Some(" rojo=00f067aa0ba902b7,congo=t61rcWkgMzE ")).unwrap();
    assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(context.span_id(), "b7ad6b7169203331");
    assert!(context.is_sampled());
    assert_eq!(context.tracestate(), Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
    assert_eq!(context.traceparent(), PARENT);
}

#[test]
fn refuses_malformed_ones() {
    for malformed in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx",
    ] {
        assert_eq!(malformed.parse::<TraceContext>(), Err(MalformedTraceparent), "{malformed:?}");
        assert_ne!(
            TraceContext::parse_or_new(Some(malformed), None).trace_id(),
            "0af7651916cd43dd8448eb211c80319c"
        );
    }
}

#[test]
fn reads_later_versions_and_writes_its_own() {
    let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-comes";
    assert_eq!(later.parse::<TraceContext>().unwrap().to_string(), PARENT);
}

#[test]
fn leaves_out_a_malformed_tracestate() {
    let too_long = format!("a={}", "x".repeat(TRACESTATE_MAX_BYTES));
    let too_many = vec!["a=b"; TRACESTATE_MAX_MEMBERS + 1].join(",");
    for malformed in ["", "novalue", "a=b\r\nInjected: yes", "a=é", &too_long, &too_many] {
        let context = TraceContext::parse(PARENT, Some(malformed)).unwrap();
        assert_eq!(context.tracestate(), None, "{malformed:?}");
    }
}

#[test]
fn a_child_stays_in_the_trace() {
    let parent = TraceContext::parse(PARENT, Some("a=b")).unwrap();
    let child = parent.child();
    assert_eq!(child.trace_id(), parent.trace_id());
    assert_ne!(child.span_id(), parent.span_id());
    assert_eq!(child.tracestate(), Some("a=b"));
}

#[test]
fn new_traces_are_valid_and_differ() {
    let (one, other) = (TraceContext::new_root(), TraceContext::new_root());
    assert_ne!(one.trace_id(), other.trace_id());
    assert_eq!(one.to_string().parse(), Ok(one));
}

proptest! {
    #[test]
    fn every_valid_context_survives_the_round_trip(
        trace_id in prop::array::uniform16(any::<u8>()),
        span_id in prop::array::uniform8(any::<u8>()),
        is_sampled: bool,
    ) {
        prop_assume!(trace_id != [0; 16] && span_id != [0; 8]);
        let context = TraceContext::from_parts(trace_id, span_id, is_sampled, "");
        prop_assert_eq!(context.to_string().parse(), Ok(context));
    }

    #[test]
    fn any_text_gives_a_valid_context(traceparent in ".*", tracestate in ".*") {
        let context = TraceContext::parse_or_new(Some(&traceparent), Some(&tracestate));
        prop_assert!(context.to_string().parse::<TraceContext>().is_ok());
    }
}
