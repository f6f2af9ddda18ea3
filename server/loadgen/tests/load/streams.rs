//! Streams as servers really send them, and broken ones, each in several splits.

use domain::measure::record::Outcome;
use proptest::prelude::*;

use crate::oddity::Oddity;
use crate::scripted::{FINISH, ROLE, TEXT, USAGE_TWO};

const DONE: &str = "[DONE]";
const ALL: [&str; 6] = [ROLE, TEXT, TEXT, FINISH, USAGE_TWO, DONE];

/// A good stream whose lines end so.
fn lines(end: &str) -> String {
    ALL.map(|data| format!("data: {data}{end}{end}")).concat()
}

/// A stream in which two chunks bring these pieces of a choice.
fn pieces(first: &str, second: &str) -> Oddity {
    let [first, second] = [first, second].map(|piece| format!(r#"{{"choices":[{{{piece}}}]}}"#));
    Oddity::events(&[ROLE, &first, &second, FINISH, USAGE_TWO, DONE])
}

/// A test for each, and the list of all.
macro_rules! oddities {
    ($($name:ident => $oddity:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let oddity: Oddity = $oddity;
                oddity.check().await;
            }
        )*

        fn all_oddities() -> Vec<(&'static str, Oddity)> {
            vec![$((stringify!($name), $oddity)),*]
        }
    };
}

oddities! {
    // Lines and events
    line_feeds => Oddity::stream(lines("\n"));
    carriage_returns_with_line_feeds => Oddity::stream(lines("\r\n"));
    lone_carriage_returns => Oddity::stream(lines("\r"));
    a_byte_order_mark => Oddity::stream(format!("\u{feff}{}", lines("\n")));
    blank_lines_before_the_first_event => Oddity::stream(format!("\n\r\n{}", lines("\n")));
    no_space_after_the_colon => Oddity::stream(lines("\n").replace("data: ", "data:"));
    data_in_several_lines =>
        Oddity::stream(lines("\n").replace("\"choices\":", "\"choices\":\ndata: "));
    comments_ids_and_fields_of_its_own => Oddity::stream(format!(
        ": hello\n:\nretry: 3000\n\n{}",
        lines("\n").replace("data: {", "id: 7\nevent: message\nx-own: 1\ndata: {")
    ));
    keep_alives => Oddity::stream(
        lines("\n").replace("data: {", ": ping\n\ndata:\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\ndata: {")
    );
    no_blank_line_after_the_last_event =>
        Oddity::stream(lines("\n").trim_end()).ends_with_connection();
    a_body_that_ends_with_the_connection => Oddity::stream(lines("\n")).ends_with_connection();
    extra_keys_and_timings => Oddity::stream(lines("\n").replace(
        "{\"choices\"",
        "{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"timings\":{\"predicted_n\":2},\"service_tier\":null,\"choices\""
    ));

    // Usage
    usage_in_a_chunk_of_its_own => Oddity::events(&ALL);
    usage_beside_the_last_choice => Oddity::events(&[
        ROLE, TEXT,
        r#"{"choices":[{"delta":{"content":"word "},"finish_reason":"length"}],"usage":{"prompt_tokens":11,"completion_tokens":2}}"#,
        DONE,
    ]);
    usage_beside_an_empty_delta => Oddity::events(&[
        ROLE, TEXT, TEXT, FINISH,
        r#"{"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":11,"completion_tokens":2}}"#,
        DONE,
    ]);
    usage_that_grows_with_every_chunk => Oddity::events(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":{"prompt_tokens":11,"completion_tokens":0}}"#,
        r#"{"choices":[{"delta":{"content":"word "}}],"usage":{"prompt_tokens":11,"completion_tokens":1}}"#,
        r#"{"choices":[{"delta":{"content":"word "},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":2}}"#,
        DONE,
    ]);
    usage_in_two_parts => Oddity::events(&[
        r#"{"choices":[],"usage":{"prompt_tokens":11}}"#, TEXT, TEXT, FINISH,
        r#"{"choices":[],"usage":{"completion_tokens":2}}"#, DONE,
    ]);
    usage_of_null_until_the_end =>
        Oddity::stream(lines("\n").replace("}}]}", "}}],\"usage\":null}"));
    usage_after_done_is_too_late =>
        Oddity::events(&[ROLE, TEXT, TEXT, FINISH, DONE, USAGE_TWO]).uncounted(2);
    no_usage_at_all => Oddity::events(&[ROLE, TEXT, TEXT, FINISH, DONE]).uncounted(2);
    usage_of_0_beside_a_text => Oddity::events(&[
        ROLE, TEXT, TEXT, FINISH,
        r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":0}}"#, DONE,
    ]).uncounted(2).counts_the_prompt(11);

    // What counts as output
    choices_that_are_empty_or_null => Oddity::events(&[
        r#"{"choices":[]}"#, r#"{"choices":null}"#, r#"{"prompt_filter_results":[]}"#, ROLE, TEXT,
        r#"{"choices":[]}"#, TEXT, FINISH, USAGE_TWO, DONE,
    ]);
    a_first_chunk_with_an_empty_text => Oddity::events(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, TEXT, TEXT, FINISH, USAGE_TWO, DONE,
    ]);
    role_text_and_finish_in_one_chunk => Oddity::events(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":"word word"},"finish_reason":"stop"}]}"#, DONE,
    ]).chunks(1).uncounted(2);
    reasoning_content => pieces(r#""delta":{"reasoning_content":"hm"}"#, r#""delta":{"content":"so"}"#);
    reasoning => pieces(r#""delta":{"reasoning":"hm","content":null}"#, r#""delta":{"content":"so"}"#);
    reasoning_under_both_names => Oddity::events(&[
        r#"{"choices":[{"delta":{"reasoning":"hm ","reasoning_content":"hm "}}]}"#, TEXT, FINISH, DONE,
    ]).uncounted(2);
    tool_calls => pieces(
        r#""delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
        r#""delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}"#
    );
    a_function_call => pieces(
        r#""delta":{"function_call":{"name":"f","arguments":""}}"#,
        r#""delta":{"function_call":{"arguments":"{}"}}"#
    );
    a_refusal => pieces(r#""delta":{"refusal":"I "}"#, r#""delta":{"refusal":"cannot"}"#);
    texts_of_the_completions_api => pieces(r#""text":"word ""#, r#""text":"word","finish_reason":null"#);
    escapes_and_other_alphabets =>
        pieces(r#""delta":{"content":"\u00e9\ud83d\ude00\n\"{"}"#, "\"delta\":{\"content\":\"日本\\r\\n😀\"}");
    several_choices => Oddity::events(&[
        ROLE,
        r#"{"choices":[{"index":0,"delta":{"content":"word "}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"word "}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"word "},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#,
        DONE,
    ]).chunks(3).tokens(3);
    several_choices_in_one_chunk => Oddity::events(&[
        r#"{"choices":[{"index":0,"delta":{"content":"word "}},{"index":1,"delta":{"content":"word "}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"stop"}]}"#,
        USAGE_TWO, DONE,
    ]).chunks(1);
    several_choices_one_of_which_never_ends => Oddity::events(&[
        r#"{"choices":[{"index":0,"delta":{"content":"word "}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"word "}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ]).fails(Outcome::Truncated, 2);

    // How an answer ends
    no_done => Oddity::events(&[ROLE, TEXT, TEXT, FINISH, USAGE_TWO]);
    no_finish_reason => Oddity::events(&[ROLE, TEXT, TEXT, USAGE_TWO, DONE]);
    blanks_around_done => Oddity::stream(lines("\n").replace("[DONE]", " [DONE] "));
    neither_done_nor_a_finish_reason => Oddity::events(&[ROLE, TEXT]).fails(Outcome::Truncated, 1);
    nothing => Oddity::stream("").fails(Outcome::Truncated, 0);
    comments_and_nothing_else => Oddity::stream(": hello\n\n: hello\n\n").fails(Outcome::Truncated, 0);
    an_answer_of_no_token => Oddity::events(&[ROLE, FINISH, DONE]).fails(Outcome::Truncated, 0);
    an_end_inside_an_event => Oddity::stream(format!("data: {TEXT}\n\ndata: {}", &TEXT[..20]))
        .ends_with_connection().fails(Outcome::Truncated, 1);

    // Errors
    an_error_object => Oddity::events(&[TEXT, r#"{"error":{"message":"oom","code":500}}"#, TEXT, DONE])
        .fails(Outcome::StreamError, 1);
    an_error_text => Oddity::events(&[TEXT, r#"{"error":"oom"}"#]).fails(Outcome::StreamError, 1);
    an_error_in_the_form_of_an_object => Oddity::events(&[r#"{"object":"error","message":"oom"}"#, DONE])
        .fails(Outcome::StreamError, 0);
    an_error_event => Oddity::stream(format!("data: {TEXT}\n\nevent: error\ndata: oom\n\ndata: [DONE]\n\n"))
        .fails(Outcome::StreamError, 1);
    an_error_field => Oddity::stream(format!("data: {TEXT}\n\nerror: {{\"message\":\"oom\"}}\n\n"))
        .fails(Outcome::StreamError, 1);
    an_error_after_the_finish => Oddity::events(&[TEXT, FINISH, r#"{"error":{"message":"oom"}}"#])
        .fails(Outcome::StreamError, 1);
    an_error_of_null_is_none => Oddity::stream(lines("\n").replace("{\"choices\"", "{\"error\":null,\"choices\""));
    an_aborted_choice => Oddity::events(&[
        ROLE, TEXT, TEXT, r#"{"choices":[{"delta":{},"finish_reason":"abort"}]}"#, USAGE_TWO, DONE,
    ]).fails(Outcome::StreamError, 2);
    an_event_that_is_no_json => Oddity::events(&[TEXT, "{\"choices\":[", TEXT, DONE]).fails(Outcome::Protocol, 1);
    an_event_that_is_no_utf_8 =>
        Oddity::stream([format!("data: {TEXT}\n\n").as_bytes(), b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n\n"].concat())
            .fails(Outcome::Protocol, 1);
    an_event_without_end => Oddity::stream([b"data: ".to_vec(), vec![b' '; 8 << 20]].concat())
        .fails(Outcome::Protocol, 0);
    a_page_of_a_proxy => Oddity::stream("<html>\n<body>\nWelcome\n</body>\n</html>\n").of_type("text/html")
        .fails(Outcome::Protocol, 0);

    // One document in place of a stream
    a_document => document().of_type("application/json");
    a_document_that_calls_itself_a_stream => document();
    a_stream_that_calls_itself_a_document => Oddity::events(&ALL).of_type("application/json; charset=utf-8");
    a_document_that_ends_early => document().cut_at(40).of_type("application/json")
        .fails(Outcome::Truncated, 0);
    an_empty_document => Oddity::stream("").of_type("application/json").fails(Outcome::Truncated, 0);
    a_document_with_an_error => Oddity::stream("{\"error\":{\"message\":\"no\"}}").of_type("application/json")
        .fails(Outcome::StreamError, 0);
    a_document_about_something_else => Oddity::stream("{\"status\":\"ok\"}").of_type("application/json")
        .fails(Outcome::Protocol, 0);

    // Compression
    gzip => Oddity::events(&ALL).gzipped();
    gzip_of_a_document => document().of_type("application/json").gzipped();
    gzip_that_ends_early => {
        let whole = Oddity::events(&[ROLE, TEXT]).gzipped();
        let bytes = whole.len() - 12;
        whole.cut_at(bytes).fails(Outcome::Truncated, 1)
    };
    gzip_that_is_none => Oddity::events(&ALL).with_header("content-encoding: gzip").fails(Outcome::Protocol, 0);
    a_coding_that_is_unknown => Oddity::events(&ALL).with_header("content-encoding: br").fails(Outcome::Protocol, 0);
    no_coding => Oddity::events(&ALL).with_header("content-encoding: identity");
}

fn document() -> Oddity {
    let body = "{\n \"choices\": [{\"message\": {\"content\": \"word word\"}, \"finish_reason\": \"stop\"}],\n \"usage\": {\"prompt_tokens\": 11, \"completion_tokens\": 2}\n}\n";
    Oddity::stream(body).chunks(1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_split_of_any_of_them_gives_the_same_record(
        oddity in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let oddities = all_oddities();
        let (name, oddity) = oddity.get(&oddities);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(oddity.len() + 1)).collect();
        cuts.sort_unstable();
        println!("{name} cut at {cuts:?}");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(oddity.check_scripts(vec![oddity.script(cuts)]));
    }
}
