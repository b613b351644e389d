//! What one request may have: so much, and no more.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp, TestResponse};

fn many(number: usize, each: impl Fn(usize) -> String) -> String {
    (0..number).map(each).collect::<Vec<_>>().join(" ")
}

/// Alice's books, and hers in turn, so many fields deep.
fn nested(depth: usize) -> String {
    let names = ["books(first: 1)", "nodes", "owner"].into_iter().cycle().take(depth - 2);
    let open: String = names.map(|name| format!("{{ {name} ")).collect();
    format!("{{ viewer {open} {{ __typename }} {}", "}".repeat(depth - 1))
}

async fn ask(actor: &Actor, query: &str, name: Option<&str>, variables: Value) -> TestResponse {
    let body = json!({ "query": query, "operationName": name, "variables": variables });
    actor
        .clone()
        .with_header("accept", "application/graphql-response+json")
        .post("application/json", body.to_string())
        .await
}

#[track_caller]
fn is_refused(answer: &TestResponse, code: &str) {
    assert_eq!((answer.code().as_str(), answer.status.as_u16()), (code, 400), "{answer:?}");
    assert!(!answer.text.contains("\"data\""), "{answer:?}");
}

/// At the limit it is served, one past it is refused.
async fn is_exact(document: impl Fn(usize) -> String, limit: usize, code: &str) {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (number, code) in [(limit, None), (limit + 1, Some(code))] {
        let answer = ask(&alice, &document(number), Some("A0"), json!({})).await;
        match code {
            None => assert_eq!(answer.json().get("errors"), None, "{number}: {answer:?}"),
            Some(code) => is_refused(&answer, code),
        }
    }
}

#[tokio::test]
async fn a_document_has_at_most_2000_tokens() {
    // The frame has four, and a comma is none.
    let document =
        |it: usize| format!("query A0 {{ {} }}", many(it - 4, |_| "__typename,".to_owned()));
    let app = TestApp::with_config(|config| config.limits.expanded_selections = 5_000).await;
    let at_the_limit = ask(&app.anon(), &document(2_000), None, json!({})).await;
    assert_eq!(at_the_limit.json()["data"], json!({ "__typename": "Query" }));
    is_refused(&ask(&app.anon(), &document(2_001), None, json!({})).await, "TOO_MANY_TOKENS");
}

#[tokio::test]
async fn a_document_has_at_most_20_operations() {
    let document = |it| many(it, |it| format!("query A{it} {{ __typename }}"));
    is_exact(document, 20, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_document_has_at_most_50_fragments() {
    let document = |it: usize| {
        let fragments = many(it, |it| format!("fragment F{it} on Query {{ __typename }}"));
        format!("query A0 {{ {} }} {fragments}", many(it, |it| format!("...F{it}")))
    };
    is_exact(document, 50, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_document_has_at_most_100_variables() {
    let document = |it: usize| {
        let variables = many(it, |it| format!("$v{it}: ID! = \"x\""));
        format!(
            "query A0({variables}) {{ nodes(ids: [{}]) {{ id }} }}",
            many(it.min(100), |it| format!("$v{it}"))
        )
    };
    is_exact(document, 100, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_document_has_at_most_50_directives() {
    let document =
        |it| format!("query A0 {{ {} }}", many(it, |_| "__typename @include(if: true)".to_owned()));
    is_exact(document, 50, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn literals_nest_at_most_32_deep() {
    let app = TestApp::start().await;
    let document =
        |it: usize| format!("{{ node(id: {}1{}) {{ id }} }}", "[".repeat(it), "]".repeat(it));
    // Nothing in the schema nests so deep, so at the limit it is wrong for another reason.
    let at_the_limit = ask(&app.anon(), &document(32), None, json!({})).await;
    is_refused(&at_the_limit, "GRAPHQL_VALIDATION_FAILED");
    is_refused(&ask(&app.anon(), &document(33), None, json!({})).await, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn a_document_selects_at_most_2000_fields_with_its_fragments_expanded() {
    // A fragment of 99 fields counts 100 where it is spread.
    let document = |it: usize| {
        let fields = |it| many(it, |_| "__typename".to_owned());
        let spreads = many(it / 100, |_| "...F".to_owned());
        format!(
            "query A0 {{ {spreads} {} }} fragment F on Query {{ {} }}",
            fields(it % 100),
            fields(99)
        )
    };
    is_exact(document, 2_000, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn fields_nest_at_most_15_deep() {
    is_exact(|it| format!("query A0 {}", nested(it)), 15, "QUERY_TOO_DEEP").await;
}

#[tokio::test]
async fn an_operation_has_at_most_30_aliases() {
    let plain = |it| format!("query A0 {{ viewer {{ {} }} }}", many(it, |it| format!("a{it}: id")));
    is_exact(plain, 30, "TOO_MANY_ALIASES").await;
    let in_fragments = |it: usize| {
        let first = "...F ...F ...F fragment F on User { b0: id b1: id b2: id b3: id b4: id }";
        let (spreads, fragment) = first.split_once(" fragment").unwrap();
        let rest = many(it - 15, |it| format!("a{it}: id"));
        format!("query A0 {{ viewer {{ {spreads} {rest} }} }} fragment{fragment}")
    };
    is_exact(in_fragments, 30, "TOO_MANY_ALIASES").await;
}

#[tokio::test]
async fn an_operation_has_at_most_20_root_fields() {
    let document = |it| format!("query A0 {{ {} }}", many(it, |it| format!("a{it}: __typename")));
    is_exact(document, 20, "QUERY_TOO_COMPLEX").await;
    let in_a_fragment = |it: usize| {
        let fields = many(it - 1, |it| format!("a{it}: __typename"));
        format!(
            "query A0 {{ ... on Query {{ ...F }} viewer {{ id }} }} fragment F on Query {{ {fields} }}"
        )
    };
    is_exact(in_a_fragment, 20, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_mutation_has_at_most_5_root_fields() {
    let document = |it: usize| {
        let fields = many(it, |it| format!("a{it}: deleteBook(id: \"x\") {{ deletedBookId }}"));
        format!("mutation A0 {{ {fields} }}")
    };
    is_exact(document, 5, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_mutation_signs_in_once() {
    let login = "login(input: { email: \"alice@example.org\", password: \"wrong-password\" }) { accessToken }";
    let rest = [
        format!("b: {login}"),
        "refreshToken { accessToken }".to_owned(),
        "register(input: { username: \"x\", email: \"x\", password: \"x\" }) { accessToken }"
            .to_owned(),
        "changePassword(input: { currentPassword: \"x\", newPassword: \"x\" }) { accessToken }"
            .to_owned(),
        format!("... on Mutation {{ b: {login} }}"),
    ];
    for second in rest {
        let document = |it| match it {
            1 => format!("mutation A0 {{ a: {login} deleteBook(id: \"x\") {{ deletedBookId }} }}"),
            _ => format!("mutation A0 {{ a: {login} {second} }}"),
        };
        is_exact(document, 1, "QUERY_TOO_COMPLEX").await;
    }
}

#[tokio::test]
async fn bodies_and_documents_have_so_many_bytes() {
    let app = TestApp::start().await;
    let document = |it: usize| format!("{{ __typename }}{}", " ".repeat(it - 14));
    let at_the_limit = ask(&app.anon(), &document(32 << 10), None, json!({})).await;
    assert_eq!(at_the_limit.data(), "Query");
    let past_it = ask(&app.anon(), &document((32 << 10) + 1), None, json!({})).await;
    assert_eq!((past_it.code().as_str(), past_it.status.as_u16()), ("PAYLOAD_TOO_LARGE", 413));

    let body = |it: usize| format!("{}{}", r#"{"query":"{ __typename }"}"#, " ".repeat(it - 26));
    let at_the_limit = app.anon().post("application/json", body(1 << 20)).await;
    assert_eq!(at_the_limit.data(), "Query");
    let past_it = app.anon().post("application/json", body((1 << 20) + 1)).await;
    assert_eq!((past_it.code().as_str(), past_it.status.as_u16()), ("PAYLOAD_TOO_LARGE", 413));
}

#[tokio::test]
async fn an_answer_has_at_most_20_errors_of_300_characters() {
    let app = TestApp::start().await;
    let unknown = |it: usize| {
        let fields = many(it, |it| format!("{}{it}", "x".repeat(400)));
        format!("{{ viewer {{ {fields} }} }}")
    };
    for (number, told) in [(1, 1), (20, 20), (21, 20)] {
        let answer = app.anon().ask(&unknown(number)).await.json();
        let errors = answer["errors"].as_array().expect("errors").clone();
        assert_eq!(errors.len(), told);
        let longest = errors.iter().map(|it| it["message"].as_str().unwrap().chars().count()).max();
        assert_eq!(longest, Some(300));
    }
}

#[tokio::test]
async fn compressed_bodies_and_batches_are_refused() {
    let app = TestApp::start().await;
    let compressed = app.anon().with_header("content-encoding", "gzip");
    let answer = compressed.post("application/json", vec![0x1f, 0x8b, 0x08]).await;
    assert_eq!((answer.code().as_str(), answer.status.as_u16()), ("UNSUPPORTED_MEDIA_TYPE", 415));
    let plain = app.anon().with_header("content-encoding", "identity").ask("{ __typename }").await;
    assert_eq!(plain.data(), "Query");
    let batch = app.anon().post("application/json", r#"[{"query":"{ __typename }"}]"#).await;
    assert_eq!((batch.code().as_str(), batch.status.as_u16()), ("BATCH_NOT_ALLOWED", 400));
}

#[tokio::test]
async fn deep_nesting_does_not_overflow_the_stack() {
    // What counts them first is set aside.
    let app = TestApp::with_config(|config| {
        config.limits.body_bytes = 4 << 20;
        config.limits.document_bytes = 4 << 20;
        config.limits.document_tokens = 1 << 20;
    })
    .await;
    for (open, close) in [("[", "]"), ("{a:", "}"), ("{a(b:[{c:", "}])}")] {
        for end in ["", &close.repeat(100_000)] {
            let document = format!("{{ node(id: {}1{end}) {{ id }} }}", open.repeat(100_000));
            let answer = app.anon().ask(&document).await;
            assert_eq!(answer.status, 200, "plain JSON");
            assert_eq!(answer.json().get("data"), None, "{open}");
        }
    }
    for open in ["{ a ", "{ ... ", "query($v: [", "{ a @d(e: ["] {
        let answer = app.anon().ask(&open.repeat(100_000)).await;
        assert_eq!(answer.json().get("data"), None, "{open}");
    }
    let variables =
        format!(r#"{{"query":"{{ __typename }}","variables":{{"v":{}"#, "[".repeat(100_000));
    assert_eq!(app.anon().post("application/json", variables).await.status, 400);
}

#[tokio::test]
async fn the_introspection_of_every_tool_passes() {
    let app = TestApp::with_config(|config| config.rate_limits = true).await;
    let answer = app.anon().ask(include_str!("introspection.graphql")).await;
    assert_eq!(answer.json().get("errors"), None);
    assert_eq!(answer.data()["queryType"]["name"], "Query");
    let deeper =
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    is_refused(&ask(&app.anon(), deeper, None, json!({})).await, "QUERY_TOO_DEEP");
}

#[tokio::test]
async fn no_names_are_suggested_and_the_schema_can_be_kept_to_oneself() {
    let app = TestApp::with_config(|config| config.introspection = false).await;
    for wrong in [
        "{ viewe { id } }",
        "{ books(firs: 1) { totalCount } }",
        "{ books(orderBy: { field: TITLES }) { totalCount } }",
        "mutation { createBook(input: { titel: \"x\" }) { book { id } } }",
        "{ node(id: \"x\") { ... on Boo { id } } }",
    ] {
        let answer = app.anon().ask(wrong).await;
        assert!(answer.json()["errors"].is_array(), "{answer:?}");
        let text = answer.text.to_lowercase();
        for told in ["did you mean", "viewer", "first", "\"title\"", "book\""] {
            assert!(!text.contains(told), "{told} in {text}");
        }
    }
    for question in ["{ __schema { queryType { name } } }", "{ __type(name: \"Book\") { name } }"] {
        is_refused(&ask(&app.anon(), question, None, json!({})).await, "GRAPHQL_VALIDATION_FAILED");
    }
    assert_eq!(app.anon().get("/schema.graphql").await.status, 404);
}
