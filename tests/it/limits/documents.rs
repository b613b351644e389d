//! The limits of a single request, each at the limit and one past it.

use serde_json::{Value, json};

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, TestResponse};

fn many(number: usize, each: impl Fn(usize) -> String) -> String {
    (0..number).map(each).collect::<Vec<_>>().join(" ")
}

/// A query for the viewer's books, their owner, the owner's books and so on, `depth` fields deep.
fn nested(depth: usize) -> String {
    let names = ["books(first: 1)", "nodes", "owner"].into_iter().cycle().take(depth - 2);
    let open: String = names.map(|name| format!("{{ {name} ")).collect();
    format!("{{ viewer {open} {{ __typename }} {}", "}".repeat(depth - 1))
}

async fn ask(actor: &Actor, query: &str, name: Option<&str>, variables: Value) -> TestResponse {
    let body = json!({ "query": query, "operationName": name, "variables": variables });
    actor
        .clone()
        .with_header("accept", GRAPHQL_RESPONSE)
        .post("application/json", body.to_string())
        .await
}

#[track_caller]
fn assert_rejected(response: &TestResponse, code: &str) {
    response.assert_error_with_status(400, code);
    assert!(!response.text.contains("\"data\""), "{response:?}");
}

/// Asserts that a document at the limit is executed and one past it is rejected.
async fn assert_limit_is_exact(document: impl Fn(usize) -> String, limit: usize, code: &str) {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (number, code) in [(limit, None), (limit + 1, Some(code))] {
        let response = ask(&alice, &document(number), Some("A0"), json!({})).await;
        match code {
            None => response.assert_ok(),
            Some(code) => assert_rejected(&response, code),
        }
    }
}

#[tokio::test]
async fn a_document_has_at_most_2000_tokens() {
    // `query`, the name and the braces are four tokens. A comma is not a token.
    let document = |number: usize| {
        format!("query A0 {{ {} }}", many(number - 4, |_| "__typename,".to_owned()))
    };
    let app = TestApp::with_config(|config| config.limits.expanded_selections = 5_000).await;
    let at_the_limit = ask(&app.anon(), &document(2_000), None, json!({})).await;
    assert_eq!(at_the_limit.json()["data"], json!({ "__typename": "Query" }));
    assert_rejected(&ask(&app.anon(), &document(2_001), None, json!({})).await, "TOO_MANY_TOKENS");
}

#[tokio::test]
async fn a_document_has_at_most_20_operations() {
    let document = |number| many(number, |index| format!("query A{index} {{ __typename }}"));
    assert_limit_is_exact(document, 20, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_document_has_at_most_50_fragments() {
    let document = |number: usize| {
        let fragments =
            many(number, |index| format!("fragment F{index} on Query {{ __typename }}"));
        format!("query A0 {{ {} }} {fragments}", many(number, |index| format!("...F{index}")))
    };
    assert_limit_is_exact(document, 50, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_document_has_at_most_100_variables() {
    let document = |number: usize| {
        let variables = many(number, |index| format!("$v{index}: ID! = \"x\""));
        format!(
            "query A0({variables}) {{ nodes(ids: [{}]) {{ id }} }}",
            many(number.min(100), |index| format!("$v{index}"))
        )
    };
    assert_limit_is_exact(document, 100, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_document_has_at_most_50_directives() {
    let document = |number| {
        format!("query A0 {{ {} }}", many(number, |_| "__typename @include(if: true)".to_owned()))
    };
    assert_limit_is_exact(document, 50, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn literals_nest_at_most_32_deep() {
    let app = TestApp::start().await;
    let document = |number: usize| {
        format!("{{ node(id: {}1{}) {{ id }} }}", "[".repeat(number), "]".repeat(number))
    };
    // No type in the schema nests this deep, so at the limit validation rejects the document.
    let at_the_limit = ask(&app.anon(), &document(32), None, json!({})).await;
    assert_rejected(&at_the_limit, "GRAPHQL_VALIDATION_FAILED");
    assert_rejected(&ask(&app.anon(), &document(33), None, json!({})).await, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn a_document_selects_at_most_2000_fields_with_its_fragments_expanded() {
    // A spread of a fragment with 99 fields counts as 100 selections.
    let document = |number: usize| {
        let fields = |number| many(number, |_| "__typename".to_owned());
        let spreads = many(number / 100, |_| "...F".to_owned());
        format!(
            "query A0 {{ {spreads} {} }} fragment F on Query {{ {} }}",
            fields(number % 100),
            fields(99)
        )
    };
    assert_limit_is_exact(document, 2_000, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn fields_nest_at_most_15_deep() {
    assert_limit_is_exact(|number| format!("query A0 {}", nested(number)), 15, "QUERY_TOO_DEEP")
        .await;
}

#[tokio::test]
async fn an_operation_has_at_most_30_aliases() {
    let plain = |number| {
        format!("query A0 {{ viewer {{ {} }} }}", many(number, |index| format!("a{index}: id")))
    };
    assert_limit_is_exact(plain, 30, "TOO_MANY_ALIASES").await;
    let in_fragments = |number: usize| {
        let first = "...F ...F ...F fragment F on User { b0: id b1: id b2: id b3: id b4: id }";
        let (spreads, fragment) = first.split_once(" fragment").unwrap();
        let rest = many(number - 15, |index| format!("a{index}: id"));
        format!("query A0 {{ viewer {{ {spreads} {rest} }} }} fragment{fragment}")
    };
    assert_limit_is_exact(in_fragments, 30, "TOO_MANY_ALIASES").await;
}

#[tokio::test]
async fn an_operation_has_at_most_20_root_fields() {
    let document = |number| {
        format!("query A0 {{ {} }}", many(number, |index| format!("a{index}: __typename")))
    };
    assert_limit_is_exact(document, 20, "QUERY_TOO_COMPLEX").await;
    let in_a_fragment = |number: usize| {
        let fields = many(number - 1, |index| format!("a{index}: __typename"));
        format!(
            "query A0 {{ ... on Query {{ ...F }} viewer {{ id }} }} fragment F on Query {{ {fields} }}"
        )
    };
    assert_limit_is_exact(in_a_fragment, 20, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_mutation_has_at_most_5_root_fields() {
    let document = |number: usize| {
        let fields =
            many(number, |index| format!("a{index}: deleteBook(id: \"x\") {{ deletedBookId }}"));
        format!("mutation A0 {{ {fields} }}")
    };
    assert_limit_is_exact(document, 5, "QUERY_TOO_COMPLEX").await;
}

#[tokio::test]
async fn a_mutation_has_at_most_1_sign_in_field() {
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
        let document = |number| match number {
            1 => format!("mutation A0 {{ a: {login} deleteBook(id: \"x\") {{ deletedBookId }} }}"),
            _ => format!("mutation A0 {{ a: {login} {second} }}"),
        };
        assert_limit_is_exact(document, 1, "QUERY_TOO_COMPLEX").await;
    }
}

#[tokio::test]
async fn body_and_document_size_limits_are_exact() {
    let app = TestApp::start().await;
    let document = |number: usize| format!("{{ __typename }}{}", " ".repeat(number - 14));
    let at_the_limit = ask(&app.anon(), &document(32 << 10), None, json!({})).await;
    assert_eq!(at_the_limit.data(), "Query");
    let past_it = ask(&app.anon(), &document((32 << 10) + 1), None, json!({})).await;
    past_it.assert_error_with_status(413, "PAYLOAD_TOO_LARGE");

    let body =
        |number: usize| format!("{}{}", r#"{"query":"{ __typename }"}"#, " ".repeat(number - 26));
    let at_the_limit = app.anon().post("application/json", body(1 << 20)).await;
    assert_eq!(at_the_limit.data(), "Query");
    let past_it = app.anon().post("application/json", body((1 << 20) + 1)).await;
    past_it.assert_error_with_status(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_response_has_at_most_20_errors_of_300_characters() {
    let app = TestApp::start().await;
    let unknown = |number: usize| {
        let fields = many(number, |index| format!("{}{index}", "x".repeat(400)));
        format!("{{ viewer {{ {fields} }} }}")
    };
    for (number, reported) in [(1, 1), (20, 20), (21, 20)] {
        let response = app.anon().ask(&unknown(number)).await.json();
        let errors = response["errors"].as_array().expect("errors").clone();
        assert_eq!(errors.len(), reported);
        let longest =
            errors.iter().map(|error| error["message"].as_str().unwrap().chars().count()).max();
        assert_eq!(longest, Some(300));
    }
}

#[tokio::test]
async fn compressed_bodies_and_batches_are_rejected() {
    let app = TestApp::start().await;
    let compressed = app.anon().with_header("content-encoding", "gzip");
    let response = compressed.post("application/json", vec![0x1f, 0x8b, 0x08]).await;
    response.assert_error_with_status(415, "UNSUPPORTED_MEDIA_TYPE");
    let plain = app.anon().with_header("content-encoding", "identity").ask("{ __typename }").await;
    assert_eq!(plain.data(), "Query");
    let batch = app.anon().post("application/json", r#"[{"query":"{ __typename }"}]"#).await;
    batch.assert_error_with_status(400, "BATCH_NOT_ALLOWED");
}

#[tokio::test]
async fn deep_nesting_does_not_overflow_the_stack() {
    // The limits that are checked first are raised.
    let app = TestApp::with_config(|config| {
        config.limits.body_bytes = 4 << 20;
        config.limits.document_bytes = 4 << 20;
        config.limits.document_tokens = 1 << 20;
    })
    .await;
    for (open, close) in [("[", "]"), ("{a:", "}"), ("{a(b:[{c:", "}])}")] {
        for end in ["", &close.repeat(100_000)] {
            let document = format!("{{ node(id: {}1{end}) {{ id }} }}", open.repeat(100_000));
            let response = app.anon().ask(&document).await;
            assert_eq!(response.status, 200, "plain JSON");
            assert_eq!(response.json().get("data"), None, "{open}");
        }
    }
    for open in ["{ a ", "{ ... ", "query($v: [", "{ a @d(e: ["] {
        let response = app.anon().ask(&open.repeat(100_000)).await;
        assert_eq!(response.json().get("data"), None, "{open}");
    }
    let variables =
        format!(r#"{{"query":"{{ __typename }}","variables":{{"v":{}"#, "[".repeat(100_000));
    assert_eq!(app.anon().post("application/json", variables).await.status, 400);
}

#[tokio::test]
async fn the_introspection_query_of_tools_is_accepted() {
    let app = TestApp::with_config(|config| config.rate_limits = true).await;
    let response = app.anon().ask(include_str!("introspection.graphql")).await;
    response.assert_ok();
    assert_eq!(response.data()["queryType"]["name"], "Query");
    let deeper =
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    assert_rejected(&ask(&app.anon(), deeper, None, json!({})).await, "QUERY_TOO_DEEP");
}

#[tokio::test]
async fn errors_suggest_no_names_and_introspection_can_be_disabled() {
    let app = TestApp::with_config(|config| config.introspection = false).await;
    for wrong in [
        "{ viewe { id } }",
        "{ books(firs: 1) { totalCount } }",
        "{ books(orderBy: { field: TITLES }) { totalCount } }",
        "mutation { createBook(input: { titel: \"x\" }) { book { id } } }",
        "{ node(id: \"x\") { ... on Boo { id } } }",
    ] {
        let response = app.anon().ask(wrong).await;
        assert_eq!(response.error_code().as_deref(), Some("GRAPHQL_VALIDATION_FAILED"));
        let text = response.text.to_lowercase();
        for name in ["did you mean", "viewer", "first", "\"title\"", "book\""] {
            assert!(!text.contains(name), "{name} in {text}");
        }
    }
    for introspection in
        ["{ __schema { queryType { name } } }", "{ __type(name: \"Book\") { name } }"]
    {
        assert_rejected(
            &ask(&app.anon(), introspection, None, json!({})).await,
            "GRAPHQL_VALIDATION_FAILED",
        );
    }
    assert_eq!(app.anon().get("/schema.graphql").await.status, 404);
}
